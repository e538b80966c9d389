"""The encoded sets that training consumes, made or recalled from the disk, each with its ledger and digest."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.encode.encoding import EncodedRow
from engine.encode.kept import EncodedSet, Gathering
from engine.encode.store import encoder_key, recall, remember
from engine.finding import Ledger
from engine.prepare.error import LengthError, PrepareError
from engine.prepare.opened import Opened, OpenedSource
from engine.prepare.rows import CHUNK, encode_rows
from engine.progress import Progress
from engine.sample import Split
from engine.source.row import Row, fingerprint_of


@dataclass(frozen=True, slots=True)
class Prepared:
    """Both splits, encoded, each with rows. `eval` is None where the preset asks for no evaluation."""

    train: EncodedSet
    eval: EncodedSet | None


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
    see_why = f"See why row by row: rm-workbench preview {path}"
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
    drawn = "" if isinstance(rows.rows, range) else _digest_of(rows.rows)
    numbers = [(source.dataset, len(source.source)) for source in rows.sources]
    repeats = opened.loaded.preset.dataset_exact_deduplication
    left_out = sorted(opened.left_out)
    return fingerprint_of(opened.loaded.preset.model_kind, encoders, numbers, [len(rows), drawn], repeats, left_out)


def _digest_of(rows: Sequence[int]) -> str:
    return hashlib.blake2b(np.ascontiguousarray(rows).tobytes(), digest_size=16).hexdigest()


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
