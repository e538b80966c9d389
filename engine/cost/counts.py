"""The tokens of a training set, as few numbers: enough to say about what batches of any size will compute."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import gcd, log, sqrt

import numpy as np
import numpy.typing as npt

from engine.encode.kept import KeptRows
from engine.encode.prompt import NO_PROMPT

QUANTILES = 128
"""How many numbers a distribution is kept in."""

EXAMINED = 2_000
"""Prompts with several rows whose tokens are compared; what the others share is taken for the same."""

TOLD_APART = 32
"""Up to how many rows of a prompt are counted each by itself."""


@dataclass(frozen=True, slots=True)
class Shared:
    """`prompts` prompts have `rows` rows each (on average). Where the rows of each lie in one pack, that takes `saved`
    tokens less in all than where every row lies in its own; `repeated` are the tokens of sequences that several have.
    """

    rows: float
    prompts: int
    saved: int
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """Of `rows` training rows: `tokens` in all of their `sequences`; `packed`, where the beginning that the two sides
    of a pair share counts once; `shared`, what rows of one prompt have in common beyond that, `common`, the tokens that
    all rows begin with, and `unit`, the number of rows that all prompts have a multiple of. `longest` and `computed`
    are the quantiles over rows of the longest sequence's tokens and of the packed ones, from the lowest to the highest.
    """

    rows: int
    sequences: int
    tokens: int
    packed: int
    longest: tuple[int, ...]
    computed: tuple[int, ...]
    shared: tuple[Shared, ...] = ()
    common: int = 0
    unit: int = 1

    def padded(self, rows: int) -> float:
        """The positions that batches of so many rows, drawn at random and padded to their longest, compute in all."""
        return self.sequences * expected_maximum(self.longest, rows) if self.rows else 0.0

    def in_packs(self, micro: float, step: int, *, by_prompt: bool) -> tuple[float, float]:
        """The positions that packs of `micro` rows compute in all, where a step has `step` rows; and the tokens of the
        sequences in them, each counted in full and, in a pack, once.

        `by_prompt`: the rows of a prompt come one after the other. Otherwise they meet in a step by chance. In a step
        they lie side by side, and where one pack ends and the next begins, a prompt is computed twice.
        """
        if not self.rows:
            return 0.0, 0.0
        micro, step = min(micro, self.rows), min(step, self.rows)
        saved, repeated = self.common * (self.rows - self.rows / micro), 0.0
        unit = gcd(self.unit, step) if by_prompt else 1
        fitting = gcd(unit, int(micro)) if micro == int(micro) else 1
        cut = (step / micro - 1) / (step / fitting - 1) if step > micro else 0.0
        for shared in self.shared:
            steps = 1 + (shared.rows - unit) / step
            if not by_prompt:
                steps = self.rows / step * (1 - (1 - step / self.rows) ** shared.rows)
            packs = min(shared.rows, steps + max(0.0, shared.rows / fitting - steps) * cut)
            beyond_common = shared.saved - self.common * shared.prompts * (shared.rows - 1)
            met = (shared.rows - packs) / (shared.rows - 1)
            saved += max(0.0, beyond_common) * met
            repeated += shared.repeated * met
        return self.packed - saved, self.tokens - repeated

    def largest_pack(self, rows: int, batches: int) -> float:
        """About how many positions the largest of so many packs of so many rows has, each row by itself.

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


def counts_of(rows: KeptRows) -> TokenCounts:
    """The counts of a training set's rows."""
    one, other, both = rows.side_lengths()
    pairs = len(other) > 0
    longest = np.maximum(one, other) if pairs else one
    apart = one + other - both if pairs else one
    computed = apart if pairs else rows.read_lengths()
    together = _rows_of_prompts(rows)
    return TokenCounts(
        rows=len(one),
        sequences=len(one) + len(other),
        tokens=int(one.sum() + other.sum()),
        packed=int(computed.sum()),
        longest=quantiles(longest.tolist()),
        computed=quantiles(computed.tolist()),
        shared=tuple(_shared(rows, together, apart)),
        common=_common(rows),
        unit=gcd(*map(len, together)),
    )


def distinct_tokens(sequences: Iterable[npt.NDArray[np.int32]]) -> int:
    """The tokens of sequences in a pack: what several of them begin with alike counts once."""
    ordered = sorted(sequences, key=lambda ids: ids.astype(">i4").tobytes())
    return sum(map(len, ordered)) - sum(begun_alike(one, other) for one, other in pairwise(ordered))


def begun_alike(one: npt.NDArray[np.int32], other: npt.NDArray[np.int32]) -> int:
    """The tokens that two sequences begin with alike."""
    shorter = min(len(one), len(other))
    differing = one[:shorter] != other[:shorter]
    return int(differing.argmax()) if differing.any() else shorter


def _rows_of_prompts(rows: KeptRows) -> list[npt.NDArray[np.int64]]:
    """The rows of each prompt; a row without one is by itself."""
    own = np.where(rows.prompts == NO_PROMPT, -1 - np.arange(len(rows)), rows.prompts)
    _, numbers, counts = np.unique(own, return_inverse=True, return_counts=True)
    return np.split(np.argsort(numbers, kind="stable"), np.cumsum(counts)[:-1])


def _shared(
    rows: KeptRows, together: Sequence[npt.NDArray[np.int64]], apart: npt.NDArray[np.int64]
) -> Iterator[Shared]:
    """What rows of one prompt share, by how many rows it has; `apart` are the tokens of each in a pack of its own."""
    of_size: dict[int, list[npt.NDArray[np.int64]]] = defaultdict(list)
    for place in together:
        if len(place) > 1:
            of_size[min(len(place), TOLD_APART)].append(place)
    stride = max(1, sum(map(len, of_size.values())) // EXAMINED)
    for _, group in sorted(of_size.items()):
        examined = group[::stride]
        saved = repeated = 0
        for place in examined:
            sequences = list(rows.sequences(place))
            distinct = {ids.tobytes(): len(ids) for ids in sequences}
            saved += int(apart[place].sum()) - distinct_tokens(sequences)
            repeated += sum(map(len, sequences)) - sum(distinct.values())
        scale = sum(map(len, group)) / sum(map(len, examined))
        yield Shared(sum(map(len, group)) / len(group), len(group), round(saved * scale), round(repeated * scale))


def _common(rows: KeptRows) -> int:
    """The tokens that all rows begin with, as far as an even draw of them tells."""
    if len(rows) < 2:
        return 0
    drawn = list(rows.sequences(np.linspace(0, len(rows) - 1, min(len(rows), 64)).astype(np.int64)))
    return min(begun_alike(drawn[0], other) for other in drawn[1:])


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
