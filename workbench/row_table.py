"""All rows of a split in short, in columns: what they are listed, filtered and ordered by."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from engine.inspector.row_messages import CutPart, RowSummaries

Mask = npt.NDArray[np.bool_]

GRAVITY = ("error", "warning", "info")
PARTS: tuple[CutPart, ...] = get_args(CutPart)


@dataclass(frozen=True, slots=True)
class RowSummary:
    """A row in short. `lengths` are those of its first sample's sequences, before any cut.

    `findings` are (code, severity), gravest first; `labels` has a character a step, and is empty for pairs.
    """

    index: int
    place: tuple[int, int]
    kept: bool
    lengths: tuple[int, ...]
    cut: int
    margin: float | None
    labels: str
    reason: str | None
    findings: tuple[tuple[str, str], ...]


class RowTable:
    """The rows of a split as far as they are known, by position.

    `digest` is the encoded set's, once all rows were read in one go. Findings, reasons and parts are numbered as they
    are first seen; a row's findings are bits, for which 64 codes are room.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.digest: str | None = None
        self.severities: dict[str, str] = {}
        self._known = np.zeros(total, dtype=bool)
        self._numbers = {name: np.zeros(total, dtype=np.int64) for name in ("dataset", "row", "shared", "cut")}
        self._numbers |= {name: np.full(total, -1, dtype=np.int64) for name in ("first", "second")}
        self._kept = np.zeros(total, dtype=bool)
        self._margin = np.full(total, np.nan)
        self._labels: dict[int, str] = {}
        self._codes: list[str] = []
        self._found = np.zeros(total, dtype=np.uint64)
        self._reasons: list[str] = []
        self._reason = np.full(total, -1, dtype=np.int16)
        self._parts = np.zeros(total, dtype=np.uint8)

    @property
    def read(self) -> int:
        """How many rows are known."""
        return int(np.count_nonzero(self._known))

    @property
    def complete(self) -> bool:
        """Whether all rows are known."""
        return self.read == self.total

    @property
    def unknown_from(self) -> int:
        """The first row that is not known; the number of rows where all are."""
        return self.total if self.complete else int(np.argmin(self._known))

    def add(self, chunk: RowSummaries) -> None:
        """Take rows in."""
        start, stop = chunk.start, chunk.start + len(chunk.row)
        here = slice(start, stop)
        for name, column in self._numbers.items():
            column[here] = getattr(chunk, name)
        self._kept[here] = chunk.kept
        self._margin[here] = [np.nan if margin is None else margin for margin in chunk.margin]
        self._labels.update((start + at, labels) for at, labels in enumerate(chunk.labels) if labels)
        self.severities |= chunk.severities
        self._found[here], self._reason[here], self._parts[here] = 0, -1, 0
        for code, rows in chunk.findings.items():
            self._found[start + np.array(rows)] |= np.uint64(1 << _number(self._codes, code))
        for reason, rows in chunk.reasons.items():
            self._reason[start + np.array(rows)] = _number(self._reasons, reason)
        for part, rows in chunk.parts.items():
            self._parts[start + np.array(rows)] |= 1 << PARTS.index(part)
        self._known[here] = True

    def get(self, index: int) -> RowSummary | None:
        """What is known of the row at a position."""
        if not (0 <= index < self.total and self._known[index]):
            return None
        numbers = {name: int(column[index]) for name, column in self._numbers.items()}
        found, margin, reason = int(self._found[index]), float(self._margin[index]), int(self._reason[index])
        codes = [code for bit, code in enumerate(self._codes) if found >> bit & 1]
        gravest = sorted(codes, key=lambda code: (GRAVITY.index(self.severities[code]), code))
        return RowSummary(
            index=index,
            place=(numbers["dataset"], numbers["row"]),
            kept=bool(self._kept[index]),
            lengths=tuple(length for length in (numbers["first"], numbers["second"]) if length >= 0),
            cut=numbers["cut"],
            margin=None if np.isnan(margin) else margin,
            labels=self._labels.get(index, ""),
            reason=None if reason < 0 else self._reasons[reason],
            findings=tuple((code, self.severities[code]) for code in gravest),
        )

    # -- which rows have something; unknown ones have nothing

    @property
    def known(self) -> Mask:
        """Which rows are known."""
        return self._known

    @property
    def kept(self) -> Mask:
        """Which rows reach training."""
        return self._kept

    def column(self, name: str) -> npt.NDArray[Any]:
        """The numbers of all rows: dataset, row, first, second, shared or cut."""
        return self._numbers[name]

    @property
    def longest(self) -> npt.NDArray[np.int64]:
        """The tokens of each row's longer sequence; -1 where it has none."""
        return np.maximum(self._numbers["first"], self._numbers["second"])

    def with_finding(self, code: str) -> Mask:
        """Which rows have a finding."""
        if code not in self._codes:
            return np.zeros(self.total, dtype=bool)
        mask: Mask = (self._found >> np.uint64(self._codes.index(code)) & np.uint64(1)).astype(bool)
        return mask

    def with_reason(self, reason: str) -> Mask:
        """Which rows were refused, or a sample of theirs, for a reason."""
        return self._reason == self._reasons.index(reason) if reason in self._reasons else np.zeros(self.total, bool)

    def with_part_cut(self, part: str) -> Mask:
        """Which rows lost a part to the length limit."""
        return (self._parts >> PARTS.index(part) & 1).astype(bool) if part in PARTS else np.zeros(self.total, bool)

    def at(self, positions: Collection[int]) -> Mask:
        """The rows at these positions."""
        mask = np.zeros(self.total, dtype=bool)
        mask[np.fromiter(positions, dtype=np.int64, count=len(positions))] = True
        return mask

    # -- counts

    def reasons(self) -> Counter[str]:
        """How many of the dropped rows have each reason."""
        dropped = self._known & ~self._kept
        return Counter({reason: _count(dropped & (self._reason == n)) for n, reason in enumerate(self._reasons)})

    def findings(self) -> Counter[str]:
        """How many rows have each finding."""
        return Counter({code: _count(self.with_finding(code)) for code in self._codes})

    def parts(self) -> Iterator[tuple[CutPart, int]]:
        """How many rows lost each part, where any did."""
        return ((part, count) for part in PARTS if (count := _count(self.with_part_cut(part))))


def _number(names: list[str], name: str) -> int:
    if name not in names:
        names.append(name)
    return names.index(name)


def _count(mask: Mask) -> int:
    return int(np.count_nonzero(mask))
