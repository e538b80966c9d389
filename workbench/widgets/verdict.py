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
    rows = counted(report.rows, "training row")
    if report.kept == report.rows:
        return [Content.styled(f"✓ All {rows} reach training.", "bold $success")]
    style = "bold $error" if report.kept < 0.8 * report.rows else "bold $warning"
    first = Content.styled(
        f"✗ {report.rows - report.kept:,} of {rows} ({share(1 - report.kept / report.rows)}) are dropped.", style
    )
    reason, count = next(iter(report.dropped.items()))
    what_to_do = next((found.advice for found in report.findings if found.code == reason), advice(reason))
    which = "All" if count == report.rows - report.kept else f"{count:,}"
    return [
        first + f" {which} of them: {visible(reason)}.",
        Content.assemble(("→ ", "$primary"), visible(what_to_do.split(". ")[0].rstrip("."))),
    ]
