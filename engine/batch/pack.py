"""Encodings to a pack: all sequences of a micro-batch in one row of tokens, equal beginnings once, no padding.

The sequences form a tree. Tokens that several of them begin with (the prompt of a pair, of K answers, of K traces; a
system message common to all) are one segment, and what follows them are its children. A causal model computes for a
token what it would have computed in the sequence alone, as long as the token attends to its own segment up to itself
and to all of the segments above, and its position counts from the sequence's beginning. That is exact, whatever the
texts: segments are cut where token ids differ, and nowhere else. For the same reason a sequence ends in the pack with
the last of its tokens that is read: what follows (steps after the last judged one) changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.batch.pad import Batch, add_targets, counted_tokens, sequences_of, up_to_last_read
from engine.batch.schedule import SlottedRow

WORTH_SHARING = 8
"""Tokens that sharing a beginning must save: a segment has a cost of its own, whatever its length."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of tokens in the pack: its length, the segments above it from the root on, and the tokens in them."""

    length: int
    ancestors: tuple[int, ...]
    depth: int


@dataclass(frozen=True)
class Pack:
    """The plan of a pack, which attention follows: `segments` in the order in which they lie in the row.

    `kept` holds the positions that the head reads, sorted and each once, (kept,); `rank` says for each of the batch's
    `read` which of them it is. With `prune` the last layer computes for these alone. `kept_by_segment` counts them.
    `made` holds what the first layer's attention has made of the plan, for the layers after it.
    """

    segments: tuple[Segment, ...]
    kept: Tensor
    rank: Tensor
    kept_by_segment: tuple[int, ...]
    prune: bool
    made: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def lengths(self) -> list[int]:
        """The length of each segment."""
        return [segment.length for segment in self.segments]


class PackCollator:
    """Lays rows out as a pack. `prune` lets the last layer compute only what is read."""

    def __init__(self, prune: bool = True) -> None:
        self._prune = prune

    def __call__(self, rows: Sequence[SlottedRow]) -> Batch:
        """The batch of these rows, all pairs or all steps."""
        sequences, read = sequences_of(rows)
        sequences = up_to_last_read(sequences, read)
        tree = Tree(sequences)
        flat = torch.tensor([tree.place(sequence, position) for sequence, position in read], dtype=torch.long)
        kept, rank = torch.unique(flat, return_inverse=True)
        bounds = np.cumsum([0, *(segment.length for segment in tree.segments)])
        counts = np.diff(np.searchsorted(kept.numpy(), bounds))
        batch = Batch(
            input_ids=torch.tensor([tree.ids]),
            position_ids=torch.tensor([tree.positions]),
            pack=Pack(tuple(tree.segments), kept, rank, tuple(counts.tolist()), self._prune),
            read=flat,
            rows=[row.id for row, _ in rows],
            items=[],
            weight=torch.empty(0),
            tokens=counted_tokens(rows),
            computed=len(tree.ids),
            padding=0,
            longest=max(len(ids) for ids in sequences),
        )
        add_targets(batch, rows)
        return batch


class Tree:
    """The tree of some token sequences, laid out: `ids` and `positions` of the pack's tokens, and its segments."""

    def __init__(self, sequences: Sequence[Sequence[int]]) -> None:
        self._sequences = sequences
        self._arrays = [np.asarray(ids, dtype=np.int64) for ids in sequences]
        self.ids: list[int] = []
        self.positions: list[int] = []
        self.segments: list[Segment] = []
        self._starts: list[int] = []
        self._paths: list[tuple[int, ...]] = [()] * len(sequences)
        order = sorted(range(len(sequences)), key=lambda i: list(sequences[i]))
        alike = [list(group) for _, group in groupby(order, key=lambda i: sequences[i])]
        self._grow(alike, 0, ())

    def place(self, sequence: int, position: int) -> int:
        """Where in the pack a sequence's token lies."""
        for index in self._paths[sequence]:
            segment = self.segments[index]
            if position < segment.depth + segment.length:
                return self._starts[index] + position - segment.depth
        raise IndexError(f"sequence {sequence} has no token {position}")

    def _grow(self, groups: list[list[int]], start: int, path: tuple[int, ...]) -> None:
        """Lay out distinct sequences (each a group of equal ones, sorted) from token `start` on, below `path`."""
        if len(groups) == 1:
            own = self._segment(groups[0][0], start, len(self._sequences[groups[0][0]]), path)
            self._end(groups[0], own)
            return
        common = self._common(groups[0][0], groups[-1][0])
        if (common - start) * (len(groups) - 1) >= WORTH_SHARING:
            path = self._segment(groups[0][0], start, common, path)
            start = common
        if len(self._sequences[groups[0][0]]) == common:
            self._end(groups[0], self._segment(groups[0][0], start, common, path))
            groups = groups[1:]
        for _, branch in groupby(groups, key=lambda group: self._sequences[group[0]][common]):
            self._grow(list(branch), start, path)

    def _segment(self, sequence: int, start: int, end: int, path: tuple[int, ...]) -> tuple[int, ...]:
        if start == end:
            return path
        self._starts.append(len(self.ids))
        self.ids += self._sequences[sequence][start:end]
        self.positions += range(start, end)
        self.segments.append(Segment(end - start, path, start))
        return (*path, len(self.segments) - 1)

    def _end(self, group: list[int], path: tuple[int, ...]) -> None:
        for sequence in group:
            self._paths[sequence] = path

    def _common(self, one: int, other: int) -> int:
        a, b = self._arrays[one], self._arrays[other]
        shorter = min(len(a), len(b))
        differing = np.flatnonzero(a[:shorter] != b[:shorter])
        return int(differing[0]) if len(differing) else shorter
