"""The kept encodings of a data set, compactly: a hundred thousand pairs as Python lists would take gigabytes."""

from array import array
from collections.abc import Iterable, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from engine.encode.encoding import MASKED, EncodedRow, PairEncoding, StepsEncoding
from engine.sample import SampleId

_WHOLE = (MASKED, 0, 1)
"""Labels that are whole numbers in an encoding; the others are probabilities."""


class TokenColumn:
    """Lists of token ids laid end to end: int32 for ids, float32 for labels."""

    def __init__(self, typecode: str) -> None:
        self._values = array(typecode)
        self._ends = array("q")

    def append(self, values: Iterable[Any]) -> None:
        """Add one list."""
        self._values.extend(values)
        self._ends.append(len(self._values))

    def __getitem__(self, index: int) -> list[int]:
        start = self._ends[index - 1] if index else 0
        return self._values[start : self._ends[index]].tolist()

    def lengths(self) -> npt.NDArray[np.int64]:
        """The length of each list."""
        ends = np.frombuffer(self._ends, dtype=np.int64)
        return ends - np.concatenate(([0], ends[:-1]))


class KeptRows(Sequence[EncodedRow]):
    """Kept rows in source order; indexing gives each back as it was encoded, without its findings."""

    def __init__(self) -> None:
        self._ids: list[SampleId] = []
        self._first = TokenColumn("i")
        self._second = TokenColumn("i")
        self._labels = TokenColumn("d")
        self._facts: list[tuple[int, int, int, float | None, int, int] | tuple[int, int]] = []

    def append(self, row: EncodedRow) -> None:
        """Add one kept row."""
        self._ids.append(row.id)
        match row.encoding:
            case PairEncoding() as pair:
                self._first.append(pair.chosen_ids)
                self._second.append(pair.rejected_ids)
                self._facts.append(
                    (
                        pair.chosen_pooled,
                        pair.rejected_pooled,
                        pair.shared_prefix,
                        pair.margin,
                        pair.chosen_cut,
                        pair.rejected_cut,
                    )
                )
            case StepsEncoding() as steps:
                self._first.append(steps.input_ids)
                self._labels.append(steps.labels)
                self._facts.append((steps.cut, steps.labels_cut))
            case None:
                raise ValueError(f"{row.id} has no encoding, so it cannot have been kept")

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, index: int) -> EncodedRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[EncodedRow]: ...
    def __getitem__(self, index: int | slice) -> EncodedRow | list[EncodedRow]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        match self._facts[index]:
            case (cut, labels_cut):
                labels: list[int | float] = [int(label) if label in _WHOLE else label for label in self._labels[index]]
                return EncodedRow(self._ids[index], StepsEncoding(self._first[index], labels, cut, labels_cut), None)
            case (chosen_pooled, rejected_pooled, shared_prefix, margin, chosen_cut, rejected_cut):
                pair = PairEncoding(
                    self._first[index],
                    self._second[index],
                    chosen_pooled,
                    rejected_pooled,
                    shared_prefix,
                    margin,
                    chosen_cut,
                    rejected_cut,
                )
                return EncodedRow(self._ids[index], pair, None)
        raise AssertionError("unreachable: facts have two or six entries")

    @property
    def ids(self) -> Sequence[SampleId]:
        """Where each kept row comes from."""
        return self._ids

    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each kept row: both sides of a pair, the sequence of a steps sample. Shape (rows,)."""
        first = self._first.lengths()
        return first + self._second.lengths() if len(self._second.lengths()) else first
