"""A row as it is in the data set: its columns, before anything was made of them."""

import json
from collections.abc import Iterator
from typing import ClassVar

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from engine.inspector.messages import RowView
from engine.words import counted
from workbench.screen_text import visible
from workbench.widgets.component_palette import Palette
from workbench.widgets.token_layout import NEWLINE, pictured

_MORE_LINES = 2000


class RawText(Widget):
    """The columns of a row, each under its name, type and length, at full height."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"raw--name", "raw--text", "raw--newline"}
    DEFAULT_CSS = """
    RawText {
        height: auto;
        & > .raw--name { color: $primary; text-style: bold; }
        & > .raw--text { color: $foreground; }
        & > .raw--newline { color: $foreground; text-opacity: 40%; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._raw = ""
        self._whitespace = False
        self._width = 0
        self._lines: list[tuple[str, str]] = []
        self._source: Iterator[tuple[str, str]] = iter(())
        self._palette = Palette(self)

    def show(self, raw: str, whitespace: bool) -> None:
        """Show a row's JSON text."""
        self._raw, self._whitespace, self._width = raw, whitespace, 0
        self.refresh(layout=True)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """All there is."""
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The lines laid out so far."""
        if width != self._width:
            self._width, self._lines = width, []
            self._source = raw_lines(self._raw, max(width, 8), self._whitespace)
            self._extend()
        return max(len(self._lines), 1)

    def render_line(self, y: int) -> Strip:
        """Paint one line."""
        kind, text = self._lines[y] if y < len(self._lines) else ("text", "")
        style = self._palette(f"raw--{kind}")
        newline = self._palette("raw--newline")
        body, ending = (text[:-1], NEWLINE) if text.endswith(NEWLINE) else (text, "")
        strip = Strip([Segment(body, style), Segment(ending, newline)])
        return strip.extend_cell_length(self.size.width, self._palette()).crop(0, self.size.width)

    def notify_style_update(self) -> None:
        """The theme changed: all colours are worked out again."""
        super().notify_style_update()
        self._palette.clear()

    def _extend(self) -> None:
        before = len(self._lines)
        for line, _ in zip(self._source, range(_MORE_LINES), strict=False):
            self._lines.append(line)
        if len(self._lines) - before == _MORE_LINES:
            self.set_timer(0.01, self._extend)
        if before:
            self.refresh(layout=True)


class RawView(VerticalScroll):
    """The raw row, scrolled. Where it stands `alone`, its title says why the row was dropped."""

    DEFAULT_CSS = """
    RawView { height: 1fr; padding: 0 1; border-top: solid $foreground 25%; scrollbar-size-vertical: 1;
        &:focus { border-top: solid $primary; } }
    """

    def __init__(self, *, id: str | None = None, alone: bool = False) -> None:
        super().__init__(id=id)
        self._text = RawText()
        self._alone = alone

    def compose(self) -> Iterator[Widget]:
        """The columns."""
        yield self._text

    def show(self, row: RowView | None, whitespace: bool = False) -> None:
        """Show a row's columns (None: nothing)."""
        dropped = f" · ✗ dropped: {row.reason}: {row.message}" if self._alone and row and not row.kept else ""
        self.border_title = Content(f"raw row{visible(dropped)}")
        self._text.show(row.raw if row else "", whitespace)
        self.scroll_to(y=0, animate=False)


def raw_lines(raw: str, width: int, whitespace: bool) -> Iterator[tuple[str, str]]:
    """The lines of a row's JSON text: (kind, text). Text columns are written out, others stay JSON."""
    try:
        row = json.loads(raw)
    except ValueError:
        row = None
    columns = row.items() if isinstance(row, dict) else [("", raw)]
    for name, value in columns:
        if name:
            yield "name", _cut(f"{visible(name)}  {_kind(value)}", width)
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
        yield from (("text", line) for line in _wrapped(text, width, whitespace))
        yield "text", ""


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return f"text, {counted(len(value), 'character')}"
    if isinstance(value, list | dict):
        return f"{'list' if isinstance(value, list) else 'object'}, {len(value):,} entries"
    return "true or false" if isinstance(value, bool) else "number"


def _wrapped(text: str, width: int, whitespace: bool) -> Iterator[str]:
    for line in text.split("\n"):
        safe = visible(pictured(line) if whitespace else line.replace("\t", "    "))
        safe += NEWLINE if whitespace else ""
        while cell_len(safe) > width if len(safe) < width * 4 else True:
            head = chop_cells(safe[: width * 2], width)[0]
            space = head.rfind(" ")
            head = head[: space + 1] if space > width // 2 else head
            yield head
            safe = safe[len(head) :]
        yield safe


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else f"{chop_cells(text, width - 1)[0]}…"
