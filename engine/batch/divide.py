"""A step's rows cut into micro-batches by tokens: as many as it takes, none larger than a budget.

The loss of a step is the mean over all of its rows, so how they are cut changes what fits into memory and nothing else.
"""

from bisect import bisect_left
from collections.abc import Sequence
from math import ceil

import numpy as np

from engine.batch.pad import sequences_of, up_to_last_read
from engine.batch.schedule import SlottedRow
from engine.encode.encoding import PairEncoding, StepsEncoding


class Computed:
    """The positions that a model computes for some sequences: as a pack, or padded. Both grow by one row at a time.

    A pack computes what sequences begin with alike once, and nothing after the last token that is read. Where sharing
    saves less than it costs (engine/batch/pack.py), a beginning is laid out twice after all: a pack may have a few
    tokens more than are counted here.
    """

    def __init__(self, packed: bool) -> None:
        self._packed = packed
        self._sorted: list[list[int]] = []
        self._sequences = 0
        self._longest = 0
        self.tokens = 0

    def add(self, row: SlottedRow) -> None:
        """Count a row in."""
        for ids in up_to_last_read(*sequences_of([row])) if self._packed else sequences_of_row(row):
            self._sequences += 1
            self._longest = max(self._longest, len(ids))
            if self._packed:
                self.tokens += self._new(ids)
            else:
                self.tokens = self._sequences * self._longest

    def _new(self, ids: list[int]) -> int:
        """How many tokens the sequence adds: what follows the longest beginning that one of the others has too."""
        place = bisect_left(self._sorted, ids)
        neighbours = self._sorted[max(0, place - 1) : place + 1]
        self._sorted.insert(place, ids)
        return len(ids) - max((shared(ids, other) for other in neighbours), default=0)


def sequences_of_row(row: SlottedRow) -> list[list[int]]:
    """Both sides of a pair, or the one sequence of steps."""
    match row.row.encoding:
        case PairEncoding() as pair:
            return [pair.chosen_ids, pair.rejected_ids]
        case StepsEncoding() as steps:
            return [steps.input_ids]
    raise TypeError(f"{row.row.id} has no encoding")


def shared(one: Sequence[int], other: Sequence[int]) -> int:
    """The tokens that two sequences begin with alike."""
    shorter = min(len(one), len(other))
    differing = np.flatnonzero(np.asarray(one[:shorter]) != np.asarray(other[:shorter]))
    return int(differing[0]) if len(differing) else shorter


def alike_together(rows: Sequence[SlottedRow]) -> list[SlottedRow]:
    """The rows in an order in which those that begin alike are neighbours."""
    return sorted(rows, key=sequences_of_row)


def divide(
    rows: Sequence[SlottedRow], budget: int, *, packed: bool, processes: int = 1
) -> list[list[list[SlottedRow]]]:
    """The micro-batches of each process for a step of these rows: `result[process]`, of equal numbers.

    A micro-batch computes at most `budget` positions; a row that alone needs more has one to itself. Rows that share a
    prompt come together where they are packed, rows of one length where they are padded. The result depends on nothing
    but the arguments. A process for which there is no row gets a filler.
    """
    if not rows:
        return [[] for _ in range(processes)]
    together = alike_together(rows) if packed else sorted(rows, key=_longest, reverse=True)
    parts: list[list[SlottedRow]] = [[]]
    counted = Computed(packed)
    for row in together:
        counted.add(row)
        if parts[-1] and counted.tokens > budget:
            counted = Computed(packed)
            counted.add(row)
            parts.append([])
        parts[-1].append(row)
    wanted = ceil(len(parts) / processes) * processes
    while len(parts) < wanted and len(largest := max(parts, key=len)) > 1:
        parts.append(largest[len(largest) // 2 :])
        del largest[len(largest) // 2 :]
    parts += [[SlottedRow(rows[0].row, filler=True)] for _ in range(wanted - len(parts))]
    parts.sort(key=_size, reverse=True)
    return [parts[process::processes] for process in range(processes)]


def _longest(row: SlottedRow) -> int:
    return max(len(ids) for ids in sequences_of_row(row))


def _size(part: list[SlottedRow]) -> int:
    return sum(len(ids) for row in part for ids in sequences_of_row(row))
