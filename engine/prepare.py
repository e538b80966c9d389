"""Preset to data: what the preset opens, its rows encoded, and the encoded sets that training consumes.

Preview, checks and trainer all come through here, and all of them call the one `encode_batch`: what is shown is
what is trained.
"""

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from transformers import PreTrainedTokenizerBase

from engine.encode.encoder import Encoder, encode_batch, make_encoder
from engine.encode.encoding import EncodedRow
from engine.encode.kept import EncodedSet, Gathering
from engine.encode.pooling import Pooling, find_pooling
from engine.encode.store import encoder_key, recall, remember
from engine.encode.tokenizer import load_tokenizer
from engine.error import EngineError
from engine.finding import Ledger, Refusal
from engine.format.choose import Format, choose_format
from engine.preset.load import LoadedPreset
from engine.preset.schema import DatasetConfig, Preset
from engine.progress import Progress
from engine.sample import SampleId, Split
from engine.source.left_out import read_left_out
from engine.source.open import open_source
from engine.source.row import Row, Source, fingerprint_of

Kept = TypeVar("Kept")

CHUNK = 1000
"""Rows encoded at a time: enough for the tokenizer's threads, little enough that a cancel is heard at once."""

LOOKED_AT = 20
"""Rows that a format is detected from."""


class PrepareError(EngineError):
    """Nothing is left to train or to evaluate on, or the preset's data cannot be put together."""


class LengthError(EngineError):
    """Samples are longer than `sequence_len`, and the preset says `excess_length_strategy: raise`."""


class Cancelled(Exception):  # noqa: N818 (it is what a person asked for)
    """Raised when the caller's `cancelled` said so."""


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """One data set of the preset, opened: its rows, and the format that turns them into samples."""

    dataset: int
    config: DatasetConfig
    source: Source
    format: Format
    encoder: Encoder


@dataclass(frozen=True, slots=True)
class SplitRows:
    """The rows of a split in source order, by position: position p is row `rows[p]` of the data sets laid end to end.

    `rows` is a range where the split takes all of them, else an array of int64.
    """

    sources: tuple[OpenedSource, ...]
    rows: Sequence[int]

    def __len__(self) -> int:
        return len(self.rows)

    def locate(self, start: int, stop: int) -> Iterator[tuple[OpenedSource, int]]:
        """The (data set, row) of positions start to stop (exclusive), clipped to the split."""
        bounds = np.cumsum([0, *(len(opened.source) for opened in self.sources)])
        for position in range(max(start, 0), min(stop, len(self.rows))):
            overall = int(self.rows[position])
            which = int(np.searchsorted(bounds, overall, side="right")) - 1
            yield self.sources[which], overall - int(bounds[which])


@dataclass(frozen=True, slots=True)
class Opened:
    """A preset, opened: tokenizer, data sets, and which of their rows train and which evaluate."""

    loaded: LoadedPreset
    tokenizer: PreTrainedTokenizerBase
    sources: tuple[OpenedSource, ...]
    train: SplitRows
    eval: SplitRows
    repeats: Mapping[SampleId, SampleId] = field(default_factory=dict)
    """With `dataset_exact_deduplication`: each row that repeats an earlier one of its split, and that earlier one."""
    left_out: frozenset[tuple[int, int]] = frozenset()
    """With `leave_out`: the rows, as (data set, row), that are left out."""

    def split(self, split: Split) -> SplitRows:
        """The rows of one split."""
        return self.train if split == "train" else self.eval


@dataclass(frozen=True, slots=True)
class Prepared:
    """Both splits, encoded, each with rows. `eval` is None where the preset asks for no evaluation."""

    train: EncodedSet
    eval: EncodedSet | None


@dataclass(slots=True)
class OpenCache:
    """What one worker keeps open between presets that share a tokenizer or a data set (as every edit's do)."""

    tokenizers: dict[Hashable, PreTrainedTokenizerBase] = field(default_factory=dict)
    sources: dict[Hashable, Source] = field(default_factory=dict)
    poolings: dict[Hashable, Pooling] = field(default_factory=dict)

    LIMIT = 8


def open_preset(loaded: LoadedPreset, cache: OpenCache | None = None) -> Opened:
    """Open a preset's tokenizer and data sets, and decide each data set's format. Rows stay unread but for the first.

    Raises TokenizerError, SourceError, TemplateError, FormatError or PrepareError (all EngineErrors).
    """
    cache = cache or OpenCache()
    preset = loaded.preset
    base = loaded.path.parent
    tokenizer = _remembered(cache.tokenizers, _tokenizer_key(preset, base), lambda: load_tokenizer(preset, base))
    model = (preset.base_model, preset.revision_of_model, base, _stamps(preset.base_model, base, "config.json"))
    pooling = _remembered(cache.poolings, model, lambda: find_pooling(preset, base))

    def opened(dataset: int, config: DatasetConfig, evaluating: bool) -> OpenedSource:
        default_split = "test" if dataset >= len(preset.datasets) else "train"
        key = (_source_key(config, base), default_split)
        source = _remembered(cache.sources, key, lambda: open_source(config, base, default_split))
        first_rows = source.rows(0, LOOKED_AT)
        format_ = choose_format(config.type, source.columns, first_rows, config, preset.model_kind)
        encoder = make_encoder(preset, config, tokenizer, format_, pooling=pooling, evaluating=evaluating)
        return OpenedSource(dataset, config, source, format_, encoder)

    train = tuple(opened(i, config, False) for i, config in enumerate(preset.datasets))
    held_out = tuple(opened(len(train) + i, config, True) for i, config in enumerate(preset.test_datasets))
    if held_out:
        for_train, for_eval = SplitRows(train, range(_rows(train))), SplitRows(held_out, range(_rows(held_out)))
    else:
        train_rows, eval_rows = _set_aside(_rows(train), preset.val_set_size, preset.seed)
        evaluating = [opened(i, config, True) for i, config in enumerate(preset.datasets)] if len(eval_rows) else train
        for_train, for_eval = SplitRows(train, train_rows), SplitRows(tuple(evaluating), eval_rows)
    left_out = read_left_out(preset.leave_out, base)
    _must_be_there(left_out, train + held_out, preset.leave_out)
    deduplicates = preset.dataset_exact_deduplication
    repeats = _repeats(for_train, left_out) | _repeats(for_eval, left_out) if deduplicates else {}
    return Opened(loaded, tokenizer, train + held_out, for_train, for_eval, repeats, left_out)


def encode_rows(
    opened: Opened,
    split: Split,
    start: int = 0,
    stop: int | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[OpenedSource, Row, EncodedRow]]:
    """Encode positions start to stop (exclusive) of a split, in source order: one triple a sample, kept or refused.

    The row comes along as it was read, for whoever looks at it. Raises Cancelled.
    """
    rows = opened.split(split)
    located = rows.locate(start, len(rows) if stop is None else stop)
    while chunk := list(islice(located, CHUNK)):
        if cancelled():
            raise Cancelled
        for source, indexes in _by_source(chunk):
            read = dict(zip(indexes, _read(source.source, indexes), strict=True))
            numbered = [(SampleId(source.dataset, index), row) for index, row in read.items()]
            for encoded in encode_batch(source.encoder, numbered):
                yield source, read[encoded.id.row], _unless_left_out(opened, encoded)


def encode_split(
    opened: Opened, split: Split, cancelled: Callable[[], bool] = lambda: False, gathering: Gathering | None = None
) -> Iterator[tuple[OpenedSource, Row, EncodedRow]]:
    """As `encode_rows` for a whole split, which is kept on disk at its end: `prepare` then need not encode it again.

    What is kept is added to `gathering`, where one is given.
    """
    gathering = gathering if gathering is not None else Gathering()
    for source, row, encoded in encode_rows(opened, split, cancelled=cancelled):
        gathering.add(encoded)
        yield source, row, encoded
    if key := set_key(opened, split):
        remember(key, gathering.done())


def prepare(
    opened: Opened,
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Prepared:
    """Encode both splits, or recall them from the disk. PrepareError where nothing is left to train on, or to evaluate
    on where the preset asks for it; LengthError where the preset says so; Cancelled.
    """
    preset, path = opened.loaded.preset, str(opened.loaded.path)
    see_why = f"See why row by row: rm-workbench preview {opened.loaded.name}"
    train = _encoded_set(opened, "train", progress, cancelled)
    _refuse_longer(opened, "training", train)
    if not train.ledger.kept:
        raise PrepareError(_none_of("training", train.ledger, "trained on"), path, see_why)
    asked_by = "test_datasets" if preset.test_datasets else "val_set_size" if preset.val_set_size else None
    if asked_by is None:
        return Prepared(train, None)
    held_out = _encoded_set(opened, "eval", progress, cancelled)
    _refuse_longer(opened, "evaluation", held_out)
    if not held_out.ledger.kept:
        advice = f"{see_why} --split eval (or train without an evaluation: take out `{asked_by}`)."
        raise PrepareError(_none_of("held-out", held_out.ledger, "evaluated on"), path, advice)
    return Prepared(train, held_out)


def set_key(opened: Opened, split: Split) -> str | None:
    """What the encoded set of a split depends on, as a digest; None where that cannot be told."""
    rows = opened.split(split)
    encoders = [
        encoder_key(source.encoder, source.source.fingerprint, source.config.model_dump_json())
        for source in rows.sources
    ]
    if None in encoders:
        return None
    positions = [len(rows), ""]
    if not isinstance(rows.rows, range):
        positions[1] = hashlib.blake2b(np.ascontiguousarray(rows.rows).tobytes(), digest_size=16).hexdigest()
    numbers = [(source.dataset, len(source.source)) for source in rows.sources]
    repeats = opened.loaded.preset.dataset_exact_deduplication
    left_out = sorted(opened.left_out)
    return fingerprint_of(opened.loaded.preset.model_kind, encoders, numbers, positions, repeats, left_out)


def _encoded_set(
    opened: Opened, split: Split, progress: Callable[[Progress], None], cancelled: Callable[[], bool]
) -> EncodedSet:
    key = set_key(opened, split)
    known = recall(key) if key else None
    gathering, seen_rows, total = Gathering(), 0, len(opened.split(split))
    if known:
        progress(Progress(f"encoding {split} rows", total, total))
        return known
    for _, _, encoded in encode_rows(opened, split, cancelled=cancelled):
        gathering.add(encoded)
        # A row may give several samples; the first of them counts for it.
        seen_rows += encoded.id.item == 0
        if encoded.id.item == 0 and seen_rows % CHUNK == 0:
            progress(Progress(f"encoding {split} rows", seen_rows, total))
    progress(Progress(f"encoding {split} rows", seen_rows, total))
    made = gathering.done()
    if key:
        remember(key, made)
    return made


def _none_of(which: str, ledger: Ledger, purpose: str) -> str:
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in ledger.dropped.items())
    return f"None of the {ledger.rows:,} {which} rows can be {purpose} ({reasons or 'there are no rows'})."


def _refuse_longer(opened: Opened, which: str, encoded: EncodedSet) -> None:
    preset, count = opened.loaded.preset, encoded.ledger.dropped.get("too-long", 0)
    if preset.excess_length_strategy == "raise" and count:
        raise LengthError(
            f"{count:,} of {encoded.ledger.rows:,} {which} samples are longer than `sequence_len: "
            f"{preset.sequence_len}`, and the preset says `excess_length_strategy: raise`.",
            str(opened.loaded.path),
            f"See which, and what another length would keep: rm-workbench check {opened.loaded.path} "
            "(raise `sequence_len`, or choose another strategy).",
        )


def _set_aside(rows: int, val_set_size: float, seed: int) -> tuple[Sequence[int], Sequence[int]]:
    """Which rows train and which evaluate: a seeded draw, a fraction below 1 or a count from 1 on.

    A fraction sets one row aside at least, and leaves one at least to train on.
    """
    share = min(max(1, round(rows * val_set_size)), rows - 1)
    count = int(val_set_size) if val_set_size >= 1 else share if val_set_size else 0
    if count <= 0:
        return range(rows), range(0)
    if count >= rows:
        raise PrepareError(
            f"val_set_size sets {count} of {rows} rows aside for evaluation, which leaves none to train on.",
            advice="Make val_set_size smaller.",
        )
    held_out = np.zeros(rows, dtype=bool)
    held_out[np.random.default_rng(seed).permutation(rows)[:count]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)  # type: ignore[return-value]


def _must_be_there(left_out: Iterable[tuple[int, int]], sources: Sequence[OpenedSource], file: str | None) -> None:
    """Raise PrepareError unless all rows exist: a file that was made for other data would leave out the wrong ones."""
    for dataset, row in sorted(left_out):
        if dataset >= len(sources) or row >= len(sources[dataset].source):
            raise PrepareError(
                f"There is no row {row} of data set {dataset} to leave out.",
                str(file),
                "The file was made for other data: make it anew, or take it out of `leave_out`.",
            )


def _repeats(rows: SplitRows, left_out: frozenset[tuple[int, int]]) -> dict[SampleId, SampleId]:
    """The rows that are exactly alike an earlier one, column for column; those left out are no row's earlier one."""
    first: dict[bytes, SampleId] = {}
    found = {}
    for source, index in rows.locate(0, len(rows)):
        if (source.dataset, index) in left_out:
            continue
        content = json.dumps(source.source[index], sort_keys=True, default=str).encode()
        here = SampleId(source.dataset, index)
        earlier = first.setdefault(hashlib.blake2b(content, digest_size=16).digest(), here)
        if earlier is not here:
            found[here] = earlier
    return found


def _unless_left_out(opened: Opened, encoded: EncodedRow) -> EncodedRow:
    if (encoded.id.dataset, encoded.id.row) not in opened.left_out:
        return _without_repeat(opened, encoded)
    refusal = Refusal("left-out", f"named in {opened.loaded.preset.leave_out}: `leave_out` leaves it out")
    return replace(encoded, refusal=refusal, extent=None)


def _without_repeat(opened: Opened, encoded: EncodedRow) -> EncodedRow:
    earlier = opened.repeats.get(SampleId(encoded.id.dataset, encoded.id.row))
    if earlier is None:
        return encoded
    if encoded.refusal:
        return replace(encoded, extent=None)
    message = f"exactly like row {earlier.row} of data set {earlier.dataset}: dataset_exact_deduplication drops it"
    return replace(encoded, refusal=Refusal("duplicate-row", message), extent=None)


def _rows(sources: Sequence[OpenedSource]) -> int:
    return sum(len(opened.source) for opened in sources)


def _by_source(chunk: Sequence[tuple[OpenedSource, int]]) -> Iterator[tuple[OpenedSource, list[int]]]:
    """Consecutive rows of one data set, together."""
    run: list[int] = []
    for position, (source, row) in enumerate(chunk):
        run.append(row)
        if position + 1 == len(chunk) or chunk[position + 1][0] is not source:
            yield source, run
            run = []


def _read(source: Source, indexes: list[int]) -> list[Row]:
    """The rows at ascending indexes; those that follow each other are read together."""
    if indexes[-1] - indexes[0] + 1 == len(indexes):
        return source.rows(indexes[0], indexes[-1] + 1)
    return [source[index] for index in indexes]


def _remembered(kept: dict[Hashable, Kept], key: Hashable, make: Callable[[], Kept]) -> Kept:
    if key not in kept:
        made = make()
        while len(kept) >= OpenCache.LIMIT:
            del kept[next(iter(kept))]
        kept[key] = made
    return kept[key]


def _tokenizer_key(preset: Preset, base: Path) -> Hashable:
    settings = preset.model_dump_json(
        include={"base_model", "tokenizer_config", "tokenizer_type", "special_tokens", "tokens", "trust_remote_code"}
    )
    return settings, base, _stamps(preset.tokenizer_config or preset.base_model, base, "tokenizer_config.json")


def _source_key(config: DatasetConfig, base: Path) -> Hashable:
    return config.model_dump_json(), base, _stamp(Path(config.path)), _stamp(base / config.path)


def _stamps(folder: str, base: Path, file: str) -> Any:
    """When a model's file was last changed, wherever the folder is looked up."""
    return _stamp(Path(folder) / file), _stamp(base / folder / file)


def _stamp(path: Path) -> Any:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size
