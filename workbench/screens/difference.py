"""What was changed: the preset being worked on beside another version of it, in values and in lines."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from engine.preset.complete import yaml_text
from engine.preset.difference import LineDifference, ValueDifference
from workbench.preset_versions import Comparison, Version, compare_with
from workbench.screen_text import visible
from workbench.session import Session

STYLES = {"-": "$text-error", "+": "$text-success", " ": "$quiet", "…": "$quiet italic"}
"""How each kind of line is coloured; the mark before it says the same."""


class DifferenceScreen(ModalScreen[str | None]):
    """Compares `session` with one of `versions` at a time; answers a version's text if it is to be taken over."""

    CSS = """
    DifferenceScreen {
        align: center middle; background: $background 60%;
        & > Vertical {
            width: 110; max-width: 98%; height: 96%;
            background: $panel; border: round $border; border-title-color: $foreground; padding: 0 1;
        }
        #versions { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        VerticalScroll { height: 1fr; margin-top: 1; scrollbar-size-vertical: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f5", "dismiss(None)", "Close"),
        Binding("right,tab,l", "turn(1)", "Next version"),
        Binding("left,shift+tab,h", "turn(-1)", "Previous version"),
        Binding("j", "scroll(1)", "Down", show=False),
        Binding("k", "scroll(-1)", "Up", show=False),
        Binding("t", "take", "Take it over", tooltip="This version's text into the editor; undo brings yours back"),
    ]

    def __init__(self, session: Session, versions: Sequence[Version]) -> None:
        super().__init__()
        self._session, self._versions = session, tuple(versions)
        self._at = 0 if session.unsaved else min(1, len(self._versions) - 1)

    def compose(self) -> ComposeResult:
        """The versions, and the differences from the one chosen."""
        with Vertical() as dialog:
            dialog.border_title = Content(f"What was changed in {visible(self._session.name)}")
            dialog.border_subtitle = Content("←→ version · ↑↓ scroll · t take it over · esc close")
            yield Static(id="versions")
            with VerticalScroll():
                yield Static(id="differences")

    def on_mount(self) -> None:
        """Begin with the file, or, where the text is the file's, with what comes after it."""
        self.query_one(VerticalScroll).focus()
        self.action_turn(0)

    def action_turn(self, by: int) -> None:
        """Compare with another version."""
        self._at = (self._at + by) % len(self._versions)
        parts: list[str | tuple[str, str]] = [("against  ", "$quiet")]
        for at, version in enumerate(self._versions):
            here = at == self._at
            parts.append(
                (f"▸{visible(version.title)}" if here else f" {visible(version.title)}", "bold" if here else "$quiet")
            )
            parts.append("  ")
        self.query_one("#versions", Static).update(Content.assemble(*parts))
        self._compare(self._versions[self._at])

    @work(group="compare", exclusive=True)
    async def _compare(self, version: Version) -> None:
        comparison = await asyncio.to_thread(compare_with, self._session, version)
        self.query_one("#differences", Static).update(Content("\n").join(report(comparison)))
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_scroll(self, by: int) -> None:
        """A line down or up."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def action_take(self) -> None:
        """Answer the version's text."""
        self.dismiss(self._versions[self._at].text)


def report(comparison: Comparison) -> Iterator[Content]:
    """The comparison, line by line: what differs in values, then in the text."""
    values, lines = comparison.values, comparison.lines
    if values is None:
        yield Content.styled("Values cannot be compared while one of the two has errors.", "$quiet")
    elif not values:
        yield Content.styled("No value differs.", "bold")
    else:
        yield Content.styled(f"{_count(len(values), 'value')} {'differs' if len(values) == 1 else 'differ'}", "bold")
        width = min(36, max(len(value.key) for value in values))
        for value in values:
            yield _value(value, width)
    yield Content("")
    if lines is None:
        yield Content.styled(
            "A run keeps its preset resolved, every key with its value: there is no text to compare.", "$quiet"
        )
    else:
        yield from report_of_lines(lines)


def report_of_lines(lines: Sequence[LineDifference]) -> Iterator[Content]:
    """How many lines of the text differ, and each of them."""
    if not lines:
        yield Content.styled("The text is the same.", "bold")
        return
    added, taken = (sum(line.mark == mark for line in lines) for mark in "+-")
    yield Content.styled(f"{_count(added, 'line')} added, {taken} taken away", "bold")
    number = max(3, *(len(str(line.number)) for line in lines))
    for line in lines:
        yield _line(line, number)


def _value(value: ValueDifference, width: int) -> Content:
    before, after = (visible(_written(each)) for each in (value.before, value.after))
    return Content.assemble(
        ("  ", ""),
        (visible(value.key).ljust(width), ""),
        "  ",
        (before, "$text-error"),
        (" → ", "$quiet"),
        (after, "$text-success"),
    )


def _written(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else yaml_text(value)


def _line(line: LineDifference, width: int) -> Content:
    style = STYLES[line.mark]
    if line.mark == "…":
        return Content.styled(f"{'':>{width}}   … {line.text}", style)
    number = str(line.number).rjust(width)
    text = Content.styled(visible(line.text), style)
    if visible(line.text) == line.text:
        for start, end in line.changed:
            text = text.stylize("bold underline", start, end)
    return Content.assemble((f"{number} ", "$quiet"), (f"{line.mark} ", f"bold {style}"), text)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
