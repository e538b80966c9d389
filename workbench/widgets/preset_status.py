"""The lines under the editor: what is wrong with the preset, or what the key under the cursor means."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from workbench.screen_text import visible
from workbench.widgets.preset_editor import MARKS

if TYPE_CHECKING:
    from engine.preset.problem import Problem

LISTED = 2
"""Problems listed at a time; the others are counted. The height is fixed: nothing jumps while one types."""


class PresetStatus(Static):
    """First the problem of the cursor's line, then the others in the order of the file; else the key's meaning."""

    DEFAULT_CSS = """
    PresetStatus { height: 3; padding: 0 1; background: $panel; }
    """

    def show(self, problems: Sequence["Problem"], line: int, about: Content) -> None:
        """Show the problems (`line` is the cursor's, from 1), and `about`, which is what the key there means."""
        here = [problem for problem in problems if problem.line == line]
        others = [problem for problem in problems if problem.line != line and problem.severity == "error"]
        shown = [*here, *others][:LISTED]
        lines = [_line(problem, problem.line == line) for problem in shown]
        if len(here) + len(others) > LISTED:
            lines.append(Content.styled(f"and {len(here) + len(others) - LISTED} more: F8 goes to the next", "$quiet"))
        if not here and about:
            lines.append(about)
        self.update(Content("\n").join(lines), layout=False)


def _line(problem: "Problem", here: bool) -> Content:
    colour = "$text-error" if problem.severity == "error" else "$text-primary"
    place = f"{problem.line}: " if problem.line else ""
    return Content.assemble(
        (f"{MARKS[problem.severity]} ", f"{colour} bold"),
        (place, "$quiet"),
        (visible(problem.message), "bold" if here else ""),
    )
