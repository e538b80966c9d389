"""What a check measured: what guessing without reading would get, and the step labels by position."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from engine.check.statistic import position_name, sentences
from engine.inspector.check_messages import CheckReport, StepPosition
from engine.words import share

_BAR = 8


class Facts(VerticalScroll):
    """Sentences, then a table with a line for each position of a step."""

    BINDING_GROUP_TITLE = "What was measured"
    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = """
    Facts {
        height: 1fr; padding: 0 1; scrollbar-size-vertical: 1;
        &:focus { background-tint: $foreground 4%; }
        & > Static { height: auto; }
    }
    """

    def compose(self) -> ComposeResult:
        """Sentences, and the table."""
        yield Static(id="sentences")
        yield Static(id="positions")

    def show(self, report: CheckReport) -> None:
        """Show what `report` measured."""
        said = [Content(sentence) for sentence in sentences(report.statistics)]
        if report.digest:
            said.append(Content.styled(f"digest of the training set {report.digest[:16]}", "$quiet"))
        self.query_one("#sentences", Static).update(Content("\n").join(said))
        table = self.query_one("#positions", Static)
        table.display = bool(report.positions)
        self.set_class(bool(report.positions), "-steps")
        table.update(Content("\n").join(position_lines(report.positions)))


def position_lines(positions: Sequence[StepPosition]) -> list[Content]:
    """The step labels by position: how many are judged, how many of these are right, where rows first go wrong."""
    if not positions:
        return []
    judged = max(7, *(len(f"{at.judged:,}") for at in positions))
    lines = [Content.styled(f"\n step {'judged':>{judged}} right{'':{_BAR + 2}} unjudged 1st error", "bold")]
    for at in positions:
        right = at.right / at.judged if at.judged else 0.0
        filled = round(right * _BAR)
        lines.append(
            Content.assemble(
                f"{position_name(at):>5} {at.judged:>{judged},} ",
                ("█" * filled, "$positive"),
                ("░" * (_BAR - filled), "$negative"),
                f"{share(right) if at.judged else '-':>7} {at.unjudged:>8,} {at.first_errors:>9,}",
            )
        )
    return lines
