"""The list of rows: number, lengths, margin or labels, findings; read only where it is looked at."""

from collections.abc import Callable, Sequence
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

from workbench.row_table import RowSummary
from workbench.widgets.component_palette import Palette
from workbench.widgets.row_header import MARKED, SEVERITY_MARK

LABELS_SHOWN = 10
"""Steps whose labels there is room for."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is not of the data: whether a person marked the row, and what a run says of it (None: there is no run)."""

    marked: bool = False
    value: str | None = None


class RowList(ScrollView, can_focus=True):
    """One line a row. `rows` are the positions listed, in order; summaries come as they are known."""

    BINDING_GROUP_TITLE = "Row list"
    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"rows--{name}"
        for name in ("number", "text", "faded", "cursor", "error", "warning", "info", "dropped", "marked", "value")
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
        & > .rows--marked { color: $accent; text-style: bold; }
        & > .rows--value { color: $primary; }
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
        self._known: Callable[[int], RowSummary | None] = lambda _: None
        self._facts: Callable[[RowSummary], Facts] = lambda _: Facts()
        self._palette = Palette(self)
        self._asked: tuple[int, ...] = ()
        self._digits = 1

    def show(
        self,
        rows: Sequence[int],
        known: Callable[[int], RowSummary | None],
        facts: Callable[[RowSummary], Facts],
        title: str,
    ) -> None:
        """List rows by position; `known` gives what is known of one, `facts` what a person and a run say of it."""
        self._rows, self._known, self._facts = rows, known, facts
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
        summary = self._known(index)
        number = f"{'▌' if here else ' '}{index:>{self._digits},}"
        segments = [Segment(number, self._palette("rows--text" if here else "rows--number", *here))]
        if summary is None:
            segments.append(Segment(" …", self._palette("rows--faded", *here)))
        else:
            cells = _cells(summary, self._facts(summary))
            segments += [Segment(text, self._palette(f"rows--{kind}", *here)) for kind, text in cells]
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
        unknown = tuple(index for index in seen if self._known(index) is None)
        if unknown and unknown != self._asked:
            self._asked = unknown
            self.post_message(self.Wanted(unknown))


def _cells(row: RowSummary, facts: Facts) -> list[tuple[str, str]]:
    lengths = "/".join(f"{length:,}" for length in row.lengths) or "-"
    cells = [("marked", MARKED if facts.marked else " "), ("text", f"{lengths:>11}")]
    cells.append(("faded", " cut" if row.cut else "    "))
    if facts.value is not None:
        cells.append(("value", f" {facts.value:>6}"))
    elif row.labels:
        cells.append(("text", f" {_short(row.labels)}"))
    elif row.margin is not None:
        cells.append(("faded", f" {row.margin:+.3g}"))
    if not row.kept:
        cells.append(("dropped", f" ✗ {row.reason}"))
    if row.findings:
        code, severity = row.findings[0]
        others = f" +{len(row.findings) - 1}" if len(row.findings) > 1 else ""
        if row.kept or code != row.reason:
            cells.append((severity, f" {SEVERITY_MARK[severity]} {code}{others}"))
    return cells


def _short(labels: str) -> str:
    return labels if len(labels) <= LABELS_SHOWN else f"{labels[: LABELS_SHOWN - 1]}…"
