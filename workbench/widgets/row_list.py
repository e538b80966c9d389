"""The list of rows: number, lengths, margin, findings; as long as the split, and read only where it is looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from workbench.row_summary import RowSummary
from workbench.widgets.component_palette import Palette
from workbench.widgets.row_header import SEVERITY_MARK


class RowList(ScrollView, can_focus=True):
    """One line a row. `rows` are the positions listed, in order; summaries come as they are known."""

    BINDING_GROUP_TITLE = "Row list"
    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"rows--{name}" for name in ("number", "text", "faded", "cursor", "error", "warning", "info", "dropped")
    }
    DEFAULT_CSS = """
    RowList {
        width: 44;
        height: 1fr;
        border-top: solid $foreground 25%;
        border-title-color: $quiet;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        &:focus { border-top: solid $primary; }
        & > .rows--number { color: $quiet; }
        & > .rows--text { color: $foreground; }
        & > .rows--faded { color: $quiet; }
        & > .rows--cursor { background: $block-cursor-blurred-background; }
        & > .rows--error { color: $error; }
        & > .rows--warning { color: $warning; }
        & > .rows--info { color: $primary; }
        & > .rows--dropped { color: $error; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "screen.step(1)", "Next row", show=False),
        Binding("up", "screen.step(-1)", "Previous row", show=False),
        Binding("pagedown", "screen.step(20)", "20 rows on", show=False),
        Binding("pageup", "screen.step(-20)", "20 rows back", show=False),
        Binding("home", "screen.walk_to(0)", "First row", show=False),
        Binding("end", "screen.walk_to(-1)", "Last row", show=False),
        Binding("enter,right,l", "app.focus_next", "To the tokens", show=False),
    ]

    cursor: reactive[int] = reactive(0)

    @dataclass
    class Wanted(Message):
        """These rows are in sight and not known yet."""

        indexes: tuple[int, ...]

    @dataclass
    class Picked(Message):
        """The row at this place of the list was clicked."""

        place: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: Sequence[int] = range(0)
        self._summaries: Mapping[int, RowSummary] = {}
        self._palette = Palette(self)
        self._asked: tuple[int, ...] = ()
        self._digits = 1

    def show(self, rows: Sequence[int], summaries: Mapping[int, RowSummary], title: str) -> None:
        """List rows by position, with what is known of them."""
        self._rows, self._summaries = rows, summaries
        self.border_title = title
        self._digits = len(f"{max(rows, default=0):,}") if not isinstance(rows, range) else len(f"{len(rows):,}")
        self._asked = ()
        self.virtual_size = Size(self.size.width, len(rows))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Paint the row at a line of the window."""
        place = y + int(self.scroll_offset.y)
        width = self.scrollable_content_region.width
        base = self._palette()
        if not 0 <= place < len(self._rows):
            return Strip.blank(width, base)
        index = self._rows[place]
        here = ("rows--cursor",) if place == self.cursor else ()
        summary = self._summaries.get(index)
        number = f"{'▌' if here else ' '}{index:>{self._digits},} "
        segments = [Segment(number, self._palette("rows--text" if here else "rows--number", *here))]
        if summary is None:
            segments.append(Segment("…", self._palette("rows--faded", *here)))
        else:
            segments += [Segment(text, self._palette(f"rows--{kind}", *here)) for kind, text in _cells(summary)]
        return Strip(segments).extend_cell_length(width, self._palette(*here)).crop(0, width)

    def watch_cursor(self, cursor: int) -> None:
        """Keep the row in view in sight."""
        self.scroll_to_region(Region(0, max(cursor - 2, 0), 1, 5), animate=False, force=True)
        self.refresh()
        self.ask()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other rows are in sight."""
        super().watch_scroll_y(old_value, new_value)
        self.refresh()
        self.ask()

    def on_resize(self, event: events.Resize) -> None:
        """More rows may be in sight."""
        self.virtual_size = Size(self.size.width, len(self._rows))
        self.ask()

    def on_click(self, event: events.Click) -> None:
        """Go to the row under the pointer."""
        place = event.get_content_offset(self)
        if place is not None and place.y + int(self.scroll_offset.y) < len(self._rows):
            self.post_message(self.Picked(place.y + int(self.scroll_offset.y)))

    def notify_style_update(self) -> None:
        """The theme changed: all colours are worked out again."""
        super().notify_style_update()
        self._palette.clear()

    def ask(self) -> None:
        """Ask for the rows in sight that are not known."""
        if not self.display or not self.size.height:
            return
        first = int(self.scroll_offset.y)
        seen = self._rows[first : first + self.size.height]
        unknown = tuple(index for index in seen if index not in self._summaries)
        if unknown and unknown != self._asked:
            self._asked = unknown
            self.post_message(self.Wanted(unknown))


def _cells(row: RowSummary) -> list[tuple[str, str]]:
    lengths = "/".join(f"{length:,}" for length in row.lengths) or "-"
    cells = [("text", f"{lengths:>11}"), ("faded", " cut" if row.cut else "    ")]
    if row.margin is not None:
        cells.append(("faded", f" {row.margin:+.3g}"))
    if not row.kept:
        cells.append(("dropped", f" ✗ {row.reason}"))
    if row.findings:
        others = f" +{len(row.codes) - 1}" if len(row.codes) > 1 else ""
        severity = row.severity or "info"
        if row.kept or row.codes[0] != row.reason:
            cells.append((severity, f" {SEVERITY_MARK[severity]} {row.codes[0]}{others}"))
    return cells
