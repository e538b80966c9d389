"""The tokens of a training set, as few numbers: enough to say what batches of any size will compute."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, sqrt

import numpy as np
import numpy.typing as npt

from engine.encode.encoding import Encoding, PairEncoding

Lengths = Sequence[int] | npt.NDArray[np.int64]

QUANTILES = 128
"""How many numbers a distribution is kept in."""


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """Of `rows` training rows: `tokens` in all of their `sequences`; `packed`, where the beginning that the two sides
    of a pair share counts once. `longest` and `computed` are the quantiles over rows of the longest sequence's tokens
    and of the packed ones, from the lowest to the highest.
    """

    rows: int
    sequences: int
    tokens: int
    packed: int
    longest: tuple[int, ...]
    computed: tuple[int, ...]

    def padded(self, rows: int) -> float:
        """The positions that batches of so many rows, drawn at random and padded to their longest, compute in all."""
        return self.sequences * expected_maximum(self.longest, rows) if self.rows else 0.0

    def largest_pack(self, rows: int, batches: int) -> float:
        """About how many positions the largest of so many packs of so many rows has.

        The mean of all, and as far above it as the largest of `batches` normal deviates lies; at least the largest row.
        """
        if not self.rows:
            return 0.0
        rows = min(rows, self.rows)
        mean = self.packed / self.rows
        spread = sqrt(sum((value - mean) ** 2 for value in self.computed) / len(self.computed))
        left = 1 - rows / self.rows
        deviates = sqrt(2 * log(max(1, batches)))
        return max(rows * mean + deviates * spread * sqrt(rows * left), self.computed[-1])


class TokenCounter:
    """Counts the rows of a training set, one at a time."""

    def __init__(self) -> None:
        self._first = array("q")
        self._second = array("q")
        self._shared = array("q")

    def add(self, encoding: Encoding) -> None:
        """Count a kept row in."""
        if isinstance(encoding, PairEncoding):
            self._first.append(len(encoding.chosen_ids))
            self._second.append(len(encoding.rejected_ids))
            self._shared.append(encoding.shared_prefix)
        else:
            self._first.append(len(encoding.input_ids))

    def counts(self) -> TokenCounts:
        """What was counted so far."""
        return counts_of(self._first, self._second, self._shared)


def counts_of(first: Lengths, second: Lengths, shared: Lengths) -> TokenCounts:
    """The counts of rows by the lengths of their first sequences, of their second ones, and of what both begin with
    alike; the last two are empty where a row is one sequence.
    """
    one, other, both = (np.asarray(lengths, dtype=np.int64) for lengths in (first, second, shared))
    pairs = len(other) > 0
    longest = np.maximum(one, other) if pairs else one
    computed = one + other - both if pairs else one
    return TokenCounts(
        rows=len(one),
        sequences=len(one) + len(other),
        tokens=int(one.sum() + other.sum()),
        packed=int(computed.sum()),
        longest=quantiles(longest.tolist()),
        computed=quantiles(computed.tolist()),
    )


def quantiles(values: Iterable[int]) -> tuple[int, ...]:
    """At most QUANTILES + 1 of the values, evenly spaced in their order, the lowest and the highest among them."""
    ordered = sorted(values)
    if len(ordered) <= QUANTILES + 1:
        return tuple(ordered)
    return tuple(ordered[round(i * (len(ordered) - 1) / QUANTILES)] for i in range(QUANTILES + 1))


def expected_maximum(values: Sequence[int], draws: int) -> float:
    """The mean of the largest of so many draws from a distribution given by its quantiles."""
    if len(values) == 1:
        return float(values[0])
    steps = len(values) - 1
    return sum(
        (low + high) / 2 * (((i + 1) / steps) ** draws - (i / steps) ** draws)
        for i, (low, high) in enumerate(pairwise(values))
    )
