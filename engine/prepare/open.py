"""Opening a preset's tokenizer and data sets, and what one worker keeps open between presets."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from transformers import PreTrainedTokenizerBase

from engine.encode.encoder import make_encoder
from engine.encode.pooling import Pooling, find_pooling
from engine.encode.tokenizer import load_tokenizer
from engine.format.choose import choose_format
from engine.prepare.divide import find_repeats, refuse_absent, set_aside
from engine.prepare.opened import Opened, OpenedSource, SplitRows
from engine.preset.load import LoadedPreset
from engine.preset.schema import DatasetConfig, Preset
from engine.source.left_out import read_left_out
from engine.source.open import open_source
from engine.source.row import Source

Kept = TypeVar("Kept")

LOOKED_AT = 20
"""Rows that a format is detected from."""


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
    tokenizer = _reuse(cache.tokenizers, _tokenizer_key(preset, base), lambda: load_tokenizer(preset, base))
    model = (preset.base_model, preset.revision_of_model, base, _stamps(preset.base_model, base, "config.json"))
    pooling = _reuse(cache.poolings, model, lambda: find_pooling(preset, base))

    def opened(dataset: int, config: DatasetConfig, evaluating: bool) -> OpenedSource:
        default_split = "test" if dataset >= len(preset.datasets) else "train"
        key = (_source_key(config, base), default_split)
        source = _reuse(cache.sources, key, lambda: open_source(config, base, default_split))
        first_rows = source.rows(0, LOOKED_AT)
        format_ = choose_format(config.type, source.columns, first_rows, config, preset.model_kind)
        encoder = make_encoder(preset, config, tokenizer, format_, pooling=pooling, evaluating=evaluating)
        return OpenedSource(dataset, config, source, format_, encoder)

    train = tuple(opened(i, config, False) for i, config in enumerate(preset.datasets))
    held_out = tuple(opened(len(train) + i, config, True) for i, config in enumerate(preset.test_datasets))
    if held_out:
        for_train, for_eval = SplitRows(train, range(_rows(train))), SplitRows(held_out, range(_rows(held_out)))
    else:
        train_rows, eval_rows = set_aside(_rows(train), preset.val_set_size, preset.seed)
        evaluating = [opened(i, config, True) for i, config in enumerate(preset.datasets)] if len(eval_rows) else train
        for_train, for_eval = SplitRows(train, train_rows), SplitRows(tuple(evaluating), eval_rows)
    left_out = read_left_out(preset.leave_out, base)
    refuse_absent(left_out, train + held_out, preset.leave_out)
    deduplicates = preset.dataset_exact_deduplication
    repeats = find_repeats(for_train, left_out) | find_repeats(for_eval, left_out) if deduplicates else {}
    return Opened(loaded, tokenizer, train + held_out, for_train, for_eval, repeats, left_out)


def _rows(sources: Sequence[OpenedSource]) -> int:
    return sum(len(opened.source) for opened in sources)


def _reuse(kept: dict[Hashable, Kept], key: Hashable, make: Callable[[], Kept]) -> Kept:
    """What is kept under `key`, or else made, in place of the oldest where there are too many."""
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
