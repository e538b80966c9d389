"""What each `sequence_len` would keep of the training samples, counted exactly as training would keep them."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engine.encode.encoding import EncodedRow, PairEncoding, StepsEncoding
from engine.inspector.check_messages import KeptAt, LengthBudget

Counts = npt.NDArray[np.int64]


@dataclass(slots=True)
class Extents:
    """The extents of training samples, a column each. `second` is 0 for steps; `longer` is the longer side."""

    first: "array[int]" = field(default_factory=lambda: array("i"))
    second: "array[int]" = field(default_factory=lambda: array("i"))
    least: "array[int]" = field(default_factory=lambda: array("i"))
    rows_cut: int = 0
    tokens_cut_before: int = 0
    """Tokens that `max_completion_length` removes, whatever `sequence_len` is."""

    def add(self, encoded: EncodedRow) -> None:
        """Take one sample in, unless no `sequence_len` would bring it to training."""
        extent, encoding = encoded.extent, encoded.encoding
        if extent is None or encoding is None:
            return
        self.first.append(extent.lengths[0])
        self.second.append(extent.lengths[1] if len(extent.lengths) == 2 else 0)
        self.least.append(extent.least)
        cut = tokens_cut(encoding)
        self.rows_cut += bool(cut)
        if isinstance(encoding, StepsEncoding):
            self.tokens_cut_before += len(encoding.input_ids) + cut - extent.lengths[0]

    @property
    def longer(self) -> Counts:
        """The length that decides about each sample: of a pair, its longer side."""
        return np.maximum(_counts(self.first), _counts(self.second))

    @property
    def tokens(self) -> int:
        """Tokens of all samples before any cut."""
        return int(_counts(self.first).sum() + _counts(self.second).sum()) + self.tokens_cut_before


def tokens_cut(encoding: PairEncoding | StepsEncoding) -> int:
    """How many tokens the limits removed from a sample."""
    return encoding.chosen_cut + encoding.rejected_cut if isinstance(encoding, PairEncoding) else encoding.cut


def length_budget(extents: Extents, strategy: str, limit: int, edges: Iterable[int]) -> LengthBudget:
    """What `limit`, each of `edges`, each round length and the longest sample's would keep.

    A sample is kept from its extent's `least` on; `truncate` then cuts each side to the limit, `truncate_prompt` takes
    the excess of the longer side from both, and the others cut nothing.
    """
    longer = extents.longer
    return LengthBudget(
        strategy=strategy,
        limit=limit,
        samples=len(longer),
        tokens=extents.tokens,
        at=tuple(_kept_at(extents, longer, strategy, at) for at in _lengths_to_try(longer, limit, edges)),
    )


def _kept_at(extents: Extents, longer: Counts, strategy: str, limit: int) -> KeptAt:
    first, second = _counts(extents.first), _counts(extents.second)
    kept = _counts(extents.least) <= limit
    if strategy == "truncate":
        tokens = np.minimum(first, limit) + np.minimum(second, limit)
    elif strategy == "truncate_prompt":
        tokens = first + second - 2 * np.maximum(longer - limit, 0)
    else:
        tokens = first + second
    whole = int(np.count_nonzero(kept & (longer <= limit)))
    return KeptAt(limit, int(np.count_nonzero(kept)), whole, int(tokens[kept].sum()))


def _lengths_to_try(longer: Counts, limit: int, edges: Iterable[int]) -> list[int]:
    if not len(longer):
        return [limit]
    low, high = int(longer.min()), int(longer.max())
    round_ones = (part << doubling for part in (64, 96) for doubling in range(20))
    return sorted({limit, high} | {at for at in (*edges, *round_ones) if low <= at < high})


def _counts(column: "array[int]") -> Counts:
    return np.frombuffer(column, dtype=np.int32).astype(np.int64) if column else np.empty(0, dtype=np.int64)
