"""What is to be known about a row before one reads it: its place, its fate, its counts, its findings."""

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from engine.inspector.messages import RowView
from workbench.screen_text import visible

SEVERITY_MARK = {"error": "✗", "warning": "!", "info": "i"}
SEVERITY_STYLE = {"error": "bold $error", "warning": "bold $warning", "info": "$primary"}
FADED = "$quiet"
MARKED = "●"


class RowHeader(Static):
    """Two lines: place, fate and counts; findings. More findings than fit are counted."""

    DEFAULT_CSS = """
    RowHeader { height: auto; max-height: 4; padding: 0 1; }
    """

    def show(
        self, row: RowView | None, place: str, more: Sequence[tuple[str, str]] = (), *, marked: bool = False
    ) -> None:
        """Show a row's counts and findings; `place` says where in the listing it stands.

        `more` are further facts, each a name and what it is.
        """
        if row is None:
            self.update(Content(place))
            return
        self.update(Content("\n").join([_counts(row, place, more, marked), _findings(row)]))


def _counts(row: RowView, place: str, more: Sequence[tuple[str, str]], marked: bool) -> Content:
    fate = ("✓ kept", "$success") if row.kept else (f"✗ dropped: {visible(row.reason or '')}", "bold $error")
    parts: list[str | tuple[str, str]] = [(place, "bold"), "  ", fate]
    if marked:
        parts += ["  ", (f"{MARKED} marked", "bold $accent")]
    for name, value in (*row_counts(row), *more):
        parts += [f"  {value} ", (name, FADED)]
    return Content.assemble(*parts)


def row_counts(row: RowView) -> list[tuple[str, str]]:
    """A row's counts by name: tokens of prompt and sides, what is shared and cut, margin."""
    counts: list[tuple[str, str]] = []
    cuts = [len(s.ids) - (s.kept_end - s.kept_start) for s in row.sequences]
    if len(row.sequences) == 2:
        chosen, rejected = (len(s.ids) for s in row.sequences)
        counts = [("chosen", f"{chosen:,}"), ("rejected", f"{rejected:,}"), ("shared", f"{row.shared_prefix:,}")]
    elif row.sequences:
        sequence = row.sequences[0]
        prompt = next((i for i, step in enumerate(sequence.steps) if step >= 0), len(sequence.ids))
        counts = [
            ("prompt", f"{prompt:,}"),
            ("steps", f"{max(sequence.steps, default=-1) + 1:,}"),
            ("tokens", f"{len(sequence.ids):,}"),
        ]
    if any(cuts):
        counts.append(("cut", "+".join(f"{cut:,}" for cut in cuts)))
    if row.margin is not None:
        counts.append(("margin", f"{row.margin:g}"))
    return counts


def _findings(row: RowView) -> Content:
    # Why a row was dropped stands with the row itself.
    findings = [finding for finding in row.findings if finding.code != row.reason]
    if not findings:
        return Content.styled("no findings" if row.kept else "no other findings", FADED)
    parts: list[str | tuple[str, str]] = []
    gravest = sorted(findings, key=lambda finding: list(SEVERITY_MARK).index(finding.severity))
    for finding in gravest:
        parts.append((f"{SEVERITY_MARK[finding.severity]} {finding.code}", SEVERITY_STYLE[finding.severity]))
        parts.append((f" {visible(finding.message)}   ", FADED))
    return Content.assemble(*parts)
