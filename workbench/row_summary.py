"""What a list of rows shows of a row, and what rows are filtered and ordered by."""

from collections.abc import Sequence
from dataclasses import dataclass

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
