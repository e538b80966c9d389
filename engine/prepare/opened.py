"""A preset, opened: its tokenizer, its data sets, and which of their rows train and which evaluate."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from transformers import PreTrainedTokenizerBase

from engine.encode.encoder import Encoder
from engine.format.choose import Format
from engine.preset.load import LoadedPreset
from engine.preset.schema import DatasetConfig
from engine.sample import SampleId, Split
from engine.source.row import Source


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
