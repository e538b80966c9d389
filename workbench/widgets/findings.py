"""The findings of a check, gravest first, and where there is room, the first rows of the one under the cursor."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from engine.inspector.check_messages import CheckReport, FindingSummary
from engine.words import counted
from workbench.screen_text import visible
from workbench.widgets.finding_rows import FindingRows
from workbench.widgets.row_header import SEVERITY_MARK, SEVERITY_STYLE


class FindingList(OptionList):
    """The findings, a line each."""

    BINDING_GROUP_TITLE = "Findings"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Show rows", tooltip="Inspect the rows that have this finding", id="check.rows"),
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
    ]


class Findings(Vertical):
    """A list under its title, and under that the rows (`begin_rows`, `show_rows`), which its screen fetches."""

    DEFAULT_CSS = """
    Findings {
        height: auto;
        & > .rule { height: 1; color: $quiet; padding: 0 1; background: $panel; text-style: bold; }
        & > #rows-title, & > FindingRows { display: none; }
        & > FindingList {
            height: auto; min-height: 3; max-height: 8;
            border: none; padding: 0; background: transparent; scrollbar-size-vertical: 1;
            text-wrap: nowrap; text-overflow: ellipsis;
            &:focus { border: none; background-tint: transparent; }
            & > .option-list--option-highlighted { background: $surface-lighten-1; }
            &:focus > .option-list--option-highlighted {
                background: $primary 25%; color: $foreground; text-style: none;
            }
        }
    }
    """

    class Chosen(Message):
        """Another finding is under the cursor, or there is another room for its rows."""

    def __init__(self) -> None:
        super().__init__()
        self._findings: tuple[FindingSummary, ...] = ()

    def compose(self) -> ComposeResult:
        """The list and the rows, each under its title."""
        yield Static("Findings", classes="rule", id="findings-title")
        yield FindingList(id="findings")
        yield Static(classes="rule", id="rows-title")
        yield FindingRows()

    @property
    def finding(self) -> FindingSummary | None:
        """The finding under the cursor."""
        at = self.query_one(FindingList).highlighted
        return self._findings[at] if at is not None and at < len(self._findings) else None

    @property
    def room(self) -> int:
        """How many rows can be shown."""
        return self.query_one(FindingRows).room

    def show(self, report: CheckReport) -> None:
        """Show a report's findings; the cursor stays."""
        listed = self.query_one(FindingList)
        at = listed.highlighted
        self._findings = report.findings
        self.set_class(bool(report.findings), "-any")
        title = f"{counted(len(report.findings), 'kind')} of finding"
        if not report.findings:
            title = "No findings: every check passed." if report.complete else "No findings so far."
        self.query_one("#findings-title", Static).update(Content(title))
        listed.set_options(Option(_line(finding)) for finding in report.findings)
        if report.findings:
            listed.highlighted = min(at or 0, len(report.findings) - 1)

    def begin_rows(self, finding: FindingSummary, about: object) -> bool:
        """Say whose rows are to be shown; False where what is shown is of `about` already."""
        if self.query_one(FindingRows).about == about:
            return False
        some = finding.rows or finding.eval_rows
        what = "The first rows of {}; enter shows them all" if some else "{} is about the data set as a whole"
        self.query_one("#rows-title", Static).update(Content(what.format(visible(finding.code))))
        return True

    def show_rows(self, lines: Sequence[Content], about: object) -> None:
        """Show the rows' lines."""
        pane = self.query_one(FindingRows)
        pane.about = about
        pane.update(Content("\n").join(lines))

    def on_option_list_option_highlighted(self) -> None:
        """Tell the screen."""
        self.post_message(self.Chosen())

    def on_finding_rows_resized(self) -> None:
        """Tell the screen."""
        self.post_message(self.Chosen())


def _line(finding: FindingSummary) -> Content:
    mark, style = SEVERITY_MARK[finding.severity], SEVERITY_STYLE[finding.severity]
    return Content.assemble(
        (f" {mark} {finding.code:<26}", style),
        f"{finding.count:>9,}  " if finding.rows else "        -  ",
        (visible(finding.message), "$quiet"),
    )
