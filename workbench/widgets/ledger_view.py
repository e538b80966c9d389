"""The ledger: how many rows came in, how many reach training, and where each of the others went."""

from collections.abc import Mapping

from textual.content import Content
from textual.widgets import Static

from engine.inspector.check_messages import CheckReport
from workbench.screen_text import visible
from workbench.widgets.length_histogram import percent

_BAR = 24
_STATISTICS = {
    "length_baseline": "always choosing the longer answer is right in",
    "positive_rate": "steps labelled right",
    "majority_baseline": "always guessing the majority label is right in",
    "soft_share": "soft labels",
    "cut_share": "rows cut",
    "too_long_share": "rows dropped as too long",
    "tokens_lost_share": "tokens lost to the length limit",
    "margin_share": "rows with a margin",
}


class LedgerView(Static):
    """Train and eval ledgers with bars, what was measured, and the training set's digest."""

    DEFAULT_CSS = """
    LedgerView { height: auto; padding: 0 1; }
    """

    def show(self, report: CheckReport) -> None:
        """Show a report's ledger and statistics."""
        width = len(f"{max(report.rows, report.eval_rows):,}")
        lines = ledger_lines("train", report.rows, report.kept, report.dropped, width)
        if report.eval_rows:
            lines += ledger_lines("eval", report.eval_rows, report.eval_kept, report.eval_dropped, width)
        else:
            lines.append(Content.styled("eval   no rows are set aside for evaluation", "$quiet"))
        for name, value in report.statistics.items():
            if words := _STATISTICS.get(name):
                lines.append(Content.assemble((f"{words} ", "$quiet"), percent(value)))
        lines.append(Content.assemble(("digest of the training set ", "$quiet"), report.digest[:16]))
        self.update(Content("\n").join(lines))


def ledger_lines(split: str, rows: int, kept: int, dropped: Mapping[str, int], width: int) -> list[Content]:
    """One split's ledger: rows and kept, then a line for each reason; counts are `width` cells wide."""
    lines = [
        Content.assemble((f"{split:<6} ", "bold"), (f"{rows:>{width},}", "bold"), " rows"),
        _line("✓", kept, rows, width, "kept", style="$success"),
    ]
    lines += [_line("✗", count, rows, width, visible(reason), style="$error") for reason, count in dropped.items()]
    return lines


def _line(mark: str, count: int, rows: int, width: int, what: str, *, style: str) -> Content:
    share = count / rows if rows else 0.0
    filled = max(round(share * _BAR), 1) if count else 0
    return Content.assemble(
        (f"     {mark} ", style),
        f"{count:>{width},} ",
        (f"{percent(share):>7} ", "$quiet"),
        ("█" * filled, style),
        ("░" * (_BAR - filled), "$quiet"),
        f" {what}",
    )
