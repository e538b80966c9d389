"""The kept encodings of a data set, compactly: a hundred thousand pairs as Python lists would take gigabytes."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from engine.encode.digest import Digest
from engine.encode.encoding import MASKED, EncodedRow, PairEncoding, StepsEncoding
from engine.finding import Ledger
from engine.sample import SampleId

Column = npt.NDArray[Any]

_WHOLE = (MASKED, 0, 1)
"""Labels that are whole numbers in an encoding; the others are probabilities."""

_IDS, _COUNTS, _NUMBERS = "i", "q", "d"

COLUMNS: Mapping[str, str] = {
    "places": _COUNTS,
    "prompts": _COUNTS,
    "facts": _COUNTS,
    "margins": _NUMBERS,
    "first": _IDS,
    "first_ends": _COUNTS,
    "second": _IDS,
    "second_ends": _COUNTS,
    "labels": _NUMBERS,
    "labels_ends": _COUNTS,
}
"""What kept rows consist of, each with the type of its numbers (of `array`, and of numpy).

`places` are data set, row and item of each row; `prompts` the numbers of their prompts; `facts` the other whole numbers
of its encoding; `margins` NaN where there is none; `first` the ids of the chosen side or of the steps, `second` those
of the rejected side, `labels` those of steps, each laid end to end and with the ends of the rows.
"""


class KeptRows(Sequence[EncodedRow]):
    """Kept rows in source order; indexing gives each back as it was encoded, without its findings."""

    def __init__(self, columns: Mapping[str, Column] | None = None) -> None:
        """No rows; or those of `columns` (as `columns` gave them), to which none can be added."""
        self._columns: Mapping[str, Any] = columns or {name: array(code) for name, code in COLUMNS.items()}

    def append(self, row: EncodedRow) -> None:
        """Add one kept row."""
        columns = self._columns
        match row.encoding:
            case PairEncoding() as pair:
                self._add("first", pair.chosen_ids)
                self._add("second", pair.rejected_ids)
                columns["facts"].extend((pair.chosen_pooled, pair.rejected_pooled, pair.shared_prefix))
                columns["facts"].extend((pair.chosen_cut, pair.rejected_cut))
                columns["margins"].append(np.nan if pair.margin is None else pair.margin)
            case StepsEncoding() as steps:
                self._add("first", steps.input_ids)
                self._add("labels", steps.labels)
                columns["facts"].extend((steps.cut, steps.labels_cut))
            case None:
                raise ValueError(f"{row.id} has no encoding, so it cannot have been kept")
        columns["places"].extend((row.id.dataset, row.id.row, row.id.item))
        columns["prompts"].append(row.prompt)

    def columns(self) -> dict[str, Column]:
        """What the rows consist of, see COLUMNS: their own memory, so add no row while it is held."""
        return {name: _array(self._columns[name], code) for name, code in COLUMNS.items()}

    def __len__(self) -> int:
        return len(self._columns["places"]) // 3

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
        if len(self._columns["labels_ends"]):
            labels = [int(label) if label in _WHOLE else label for label in self._list("labels", index)]
            cut, labels_cut = self._facts(index, 2)
            steps = StepsEncoding(self._list("first", index), labels, cut, labels_cut)
            return EncodedRow(self._place(index), steps, None, prompt=int(self._columns["prompts"][index]))
        chosen_pooled, rejected_pooled, shared_prefix, chosen_cut, rejected_cut = self._facts(index, 5)
        margin = float(self._columns["margins"][index])
        pair = PairEncoding(
            self._list("first", index),
            self._list("second", index),
            chosen_pooled,
            rejected_pooled,
            shared_prefix,
            None if np.isnan(margin) else margin,
            chosen_cut,
            rejected_cut,
        )
        return EncodedRow(self._place(index), pair, None, prompt=int(self._columns["prompts"][index]))

    @property
    def ids(self) -> Sequence[SampleId]:
        """Where each kept row comes from."""
        return [self._place(index) for index in range(len(self))]

    @property
    def prompts(self) -> npt.NDArray[np.int64]:
        """The number of each row's prompt (engine/encode/prompt.py), (rows,)."""
        return _array(self._columns["prompts"], _COUNTS)

    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each kept row: both sides of a pair, the sequence of a steps sample. Shape (rows,)."""
        first, second = (self._lengths(f"{side}_ends") for side in ("first", "second"))
        return first + second if len(second) else first

    def judged_labels(self) -> npt.NDArray[np.float64]:
        """The labels of all judged steps, (steps,); none for pairs."""
        labels: npt.NDArray[np.float64] = _array(self._columns["labels"], _NUMBERS)
        judged: npt.NDArray[np.float64] = labels[labels != MASKED]
        return judged

    def read_lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each row of steps up to the last judged one, (rows,)."""
        judged = np.flatnonzero(_array(self._columns["labels"], _NUMBERS) != MASKED)
        ends = _array(self._columns["labels_ends"], _COUNTS)
        last = judged[np.searchsorted(judged, ends) - 1]
        lengths: npt.NDArray[np.int64] = last + 1 - np.concatenate([[0], ends[:-1]])
        return lengths

    def side_lengths(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Tokens of each kept row's chosen side (or of its one sequence), of its rejected side, and of the beginning
        that the two share; each of shape (rows,), the last two empty for steps.
        """
        first, second = (self._lengths(f"{side}_ends") for side in ("first", "second"))
        facts = _array(self._columns["facts"], _COUNTS)
        return first, second, facts.reshape(-1, 5)[:, 2] if len(second) else second

    def sequences(self, rows: Iterable[int]) -> Iterator[npt.NDArray[np.int32]]:
        """The token ids of these rows: of each its chosen side (or its one sequence), then its rejected one."""
        sides = [
            (_array(self._columns[side], _IDS), _array(self._columns[f"{side}_ends"], _COUNTS))
            for side in ("first", "second")
        ]
        for row in rows:
            for ids, ends in sides:
                if len(ends):
                    yield ids[ends[row - 1] if row else 0 : ends[row]]

    def _add(self, name: str, values: Sequence[int | float]) -> None:
        column = self._columns[name]
        column.extend(array(column.typecode, values))
        self._columns[f"{name}_ends"].append(len(column))

    def _list(self, name: str, index: int) -> list[Any]:
        ends = self._columns[f"{name}_ends"]
        return self._columns[name][int(ends[index - 1]) if index else 0 : int(ends[index])].tolist()  # type: ignore[no-any-return]

    def _facts(self, index: int, count: int) -> list[int]:
        return self._columns["facts"][index * count : (index + 1) * count].tolist()  # type: ignore[no-any-return]

    def _place(self, index: int) -> SampleId:
        return SampleId(*self._columns["places"][index * 3 : (index + 1) * 3].tolist())

    def _lengths(self, name: str) -> npt.NDArray[np.int64]:
        ends = _array(self._columns[name], _COUNTS)
        return np.diff(ends, prepend=0)


def kept_rows(rows: Sequence[EncodedRow]) -> KeptRows:
    """The rows as kept rows: themselves where they are, else laid out anew."""
    if isinstance(rows, KeptRows):
        return rows
    laid_out = KeptRows()
    for row in rows:
        laid_out.append(row)
    return laid_out


def _array(values: Any, code: str) -> Column:
    return np.frombuffer(values, dtype=code) if len(values) else np.empty(0, dtype=code)


@dataclass(frozen=True, slots=True)
class EncodedSet:
    """What training (or evaluation) consumes: the kept rows in source order, the ledger, and their digest.

    `findings` counts the codes that formats and encoder attached to samples, kept or not.
    """

    rows: KeptRows
    ledger: Ledger
    digest: str
    findings: Counter[str]


@dataclass(slots=True)
class Gathering:
    """An encoded set in the making."""

    rows: KeptRows = field(default_factory=KeptRows)
    digest: Digest = field(default_factory=Digest)
    reasons: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)

    def add(self, encoded: EncodedRow) -> None:
        """Take in one sample, kept or refused."""
        self.findings.update(finding.code for finding in encoded.findings)
        if encoded.refusal:
            self.reasons[encoded.refusal.reason] += 1
        else:
            self.rows.append(encoded)
            self.digest.update(encoded)

    def done(self) -> EncodedSet:
        """The set of all samples so far."""
        ledger = Ledger.of(len(self.rows), self.reasons)
        return EncodedSet(self.rows, ledger, self.digest.hexdigest(), self.findings)
