"""The check in two lines: how much of the data reaches training, why not all of it, what to do."""

from textual.content import Content
from textual.widgets import Static

from engine.finding_codes import advice
from engine.inspector.check_messages import CheckReport
from engine.words import counted, share
from workbench.screen_text import visible


class Verdict(Static):
    """What a person should know before all numbers."""

    DEFAULT_CSS = """
    Verdict { height: auto; max-height: 4; padding: 0 1; }
    """

    def show(self, report: CheckReport) -> None:
        """Say what `report` comes to."""
        lines = [] if report.complete else [so_far(report)]
        self.update(Content("\n").join([*lines, *_verdict(report)]))


def so_far(report: CheckReport) -> Content:
    """That a report is of some of the rows only."""
    seen = report.rows + report.eval_rows
    return Content.styled(
        f"◔ So far: {seen:,} of {report.planned:,} rows are checked. All that stands below is of these.",
        "bold $warning",
    )


def _verdict(report: CheckReport) -> list[Content]:
    counts = report.in_samples("train")
    of, kept = counts.samples, counts.kept
    rows = counted(report.rows, "training row")
    what = rows if of == report.rows else f"{counted(of, 'sample')} (of {rows})"
    if kept == of:
        return [Content.styled(f"✓ All {what} reach training.", "bold $success")]
    style = "bold $error" if kept < 0.8 * of else "bold $warning"
    first = Content.styled(f"✗ {of - kept:,} of {what} ({share(1 - kept / of)}) are dropped.", style)
    reason, count = next(iter(counts.dropped.items()))
    what_to_do = next((found.advice for found in report.findings if found.code == reason), advice(reason))
    which = "All" if count == of - kept else f"{count:,}"
    return [
        first + f" {which} of them: {visible(reason)}.",
        Content.assemble(("→ ", "$primary"), visible(what_to_do.split(". ")[0].rstrip("."))),
    ]
