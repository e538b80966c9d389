"""What a list of rows shows of a row, and how rows are filtered and ordered by it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.inspector.messages import RowView

GRAVITY = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class RowSummary:
    """A row in short: what is left of it once its tokens are no longer held.

    `lengths` has the tokens of each sequence before any cut (of the first sample, where a row gives several).
    """

    index: int
    place: tuple[int, int]
    kept: bool
    lengths: tuple[int, ...]
    cut: int
    margin: float | None
    reason: str | None
    findings: tuple[tuple[str, str], ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of its findings, gravest first."""
        return tuple(code for code, _ in self.findings)

    @property
    def severity(self) -> str | None:
        """The gravest severity among its findings."""
        return self.findings[0][1] if self.findings else None


def summary_of(index: int, samples: Sequence[RowView]) -> RowSummary:
    """The summary of the row at a position, which gave these samples (at least one)."""
    first = samples[0]
    findings = {(finding.code, finding.severity) for sample in samples for finding in sample.findings}
    return RowSummary(
        index=index,
        place=(first.dataset, first.row),
        kept=any(sample.kept for sample in samples),
        lengths=tuple(len(sequence.ids) for sequence in first.sequences),
        cut=sum(len(s.ids) - (s.kept_end - s.kept_start) for sample in samples for s in sample.sequences),
        margin=first.margin,
        reason=next((sample.reason for sample in samples if sample.reason), None),
        findings=tuple(sorted(findings, key=lambda finding: (GRAVITY.index(finding[1]), finding[0]))),
    )


class Fate(StrEnum):
    """What a filter asks of a row, beside its findings."""

    ANY = "all rows"
    KEPT = "kept"
    DROPPED = "dropped"
    CUT = "cut"


class Order(StrEnum):
    """In which order rows are walked."""

    SOURCE = "source order"
    LONGEST = "longest first"
    SHORTEST = "shortest first"
    DIFFERENCE = "chosen longer than rejected first"
    REVERSED_DIFFERENCE = "rejected longer than chosen first"
    CUT = "most tokens cut first"


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Which rows are walked: by fate, and by finding code (empty: any)."""

    fate: Fate = Fate.ANY
    code: str = ""

    def admits(self, row: RowSummary) -> bool:
        """Whether a row passes."""
        if self.code and self.code not in row.codes and self.code != row.reason:
            return False
        return {
            Fate.ANY: True,
            Fate.KEPT: row.kept,
            Fate.DROPPED: not row.kept,
            Fate.CUT: row.cut > 0,
        }[self.fate]

    def __str__(self) -> str:
        """In words, for the screen."""
        return " ".join(part for part in (self.code, "" if self.fate is Fate.ANY else self.fate.value) if part)


ALL = RowFilter()


def ordered(rows: Iterable[RowSummary], order: Order) -> list[int]:
    """The positions of rows in an order; equal ones stay in source order."""

    def key(row: RowSummary) -> tuple[float, int]:
        longest = max(row.lengths, default=0)
        difference = row.lengths[0] - row.lengths[1] if len(row.lengths) == 2 else 0
        rank = {
            Order.SOURCE: 0,
            Order.LONGEST: -longest,
            Order.SHORTEST: longest,
            Order.DIFFERENCE: -difference,
            Order.REVERSED_DIFFERENCE: difference,
            Order.CUT: -row.cut,
        }[order]
        return rank, row.index

    return [row.index for row in sorted(rows, key=key)]
