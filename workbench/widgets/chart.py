"""A chart on the screen: draws a plot in the theme's colours; keys and mouse move a crosshair over it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import RenderResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from workbench.widgets.plot import COLOURS, Frame, Plot, extent_of
from workbench.widgets.plot_draw import draw
from workbench.widgets.plot_spread import STRENGTHS, draw_spread
from workbench.widgets.series import nearest

_COMPONENTS = {
    "blank": "chart--plot",
    "title": "chart--title",
    "axis": "chart--axis",
    "reference": "chart--reference",
    "cursor-text": "chart--cursor-text",
    "not-finite": "chart--not-finite",
    **{f"curve-{index}": f"chart--curve-{index}" for index in range(COLOURS)},
    **{f"band-{index}": f"chart--band-{index}" for index in range(COLOURS)},
}


class Chart(Widget, can_focus=True):
    """Curves with their axes. Give it another `plot` to change what it shows, or call `redraw` when series grew."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*_COMPONENTS.values(), "chart--cursor"}
    DEFAULT_CSS = """
    Chart {
        height: 1fr;
        width: 1fr;
        & > .chart--plot { color: $foreground; }
        & > .chart--title { color: $foreground; text-style: bold; }
        & > .chart--axis { color: $text-muted; }
        & > .chart--reference { color: $text-muted; }
        & > .chart--cursor-text { color: $text-accent; text-style: bold; }
        & > .chart--cursor { background: $foreground 22%; }
        & > .chart--not-finite { color: $text-error; text-style: bold; }
        & > .chart--curve-0 { color: $primary; }
        & > .chart--curve-1 { color: $warning; }
        & > .chart--curve-2 { color: $success; }
        & > .chart--curve-3 { color: $error; }
        & > .chart--curve-4 { color: $secondary; }
        & > .chart--curve-5 { color: $foreground; }
        & > .chart--band-0 { color: $primary 38%; }
        & > .chart--band-1 { color: $warning 38%; }
        & > .chart--band-2 { color: $success 38%; }
        & > .chart--band-3 { color: $error 38%; }
        & > .chart--band-4 { color: $secondary 38%; }
        & > .chart--band-5 { color: $foreground 38%; }
        &:focus > .chart--title { color: $text-accent; text-style: bold underline; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "look(-1)", "Crosshair left", show=False, id="chart.left"),
        Binding("right", "look(1)", "Crosshair right", show=False, id="chart.right"),
        Binding("shift+left", "look(-10)", "Crosshair far left", show=False, id="chart.far-left"),
        Binding("shift+right", "look(10)", "Crosshair far right", show=False, id="chart.far-right"),
        Binding("home", "look_at_end(False)", "First value", show=False, id="chart.first"),
        Binding("end", "look_at_end(True)", "Last value", show=False, id="chart.last"),
    ]

    class Looked(Message):
        """The crosshair was moved to `x` on the plot's axis, or let go (None)."""

        def __init__(self, chart: "Chart", x: float | None) -> None:
            super().__init__()
            self.chart = chart
            self.x = x

        @property
        def control(self) -> "Chart":
            """The chart whose crosshair moved."""
            return self.chart

    def __init__(self, plot: Plot, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._plot = plot
        self._frame: Frame | None = None
        self._strips: list[Strip] = []

    @property
    def plot(self) -> Plot:
        """What the chart shows."""
        return self._plot

    @plot.setter
    def plot(self, plot: Plot) -> None:
        self._plot = plot
        self.redraw()

    def redraw(self) -> None:
        """Draw anew at the next frame, because a series has grown or the plot has changed."""
        self._frame = None
        self.refresh()

    def look_at(self, x: float | None) -> None:
        """Put the crosshair at `x` without telling anybody."""
        if x != self._plot.cursor:
            self.plot = replace(self._plot, cursor=x)

    def render(self) -> RenderResult:
        """Never used: the chart draws by line."""
        return ""

    def render_line(self, y: int) -> Strip:
        """One row of the chart."""
        size = self.content_size
        if self._frame is None or len(self._strips) != size.height:
            self._draw(size.width, size.height)
        blank = self.get_component_rich_style("chart--plot")
        return self._strips[y] if y < len(self._strips) else Strip.blank(size.width, blank)

    def notify_style_update(self) -> None:
        """The theme changed: colours are asked for again."""
        super().notify_style_update()
        self._frame = None

    def on_resize(self) -> None:
        """The drawing fits one size only."""
        self.redraw()

    def _draw(self, width: int, height: int) -> None:
        self._frame = frame = (draw if self._plot.spread is None else draw_spread)(self._plot, width, height)
        styles = {role: self.get_component_rich_style(name) for role, name in _COMPONENTS.items()}
        if self._plot.spread is not None:
            mixed = {role for row in frame.rows for _, role in row if role.startswith("mix-")}
            styles |= {role: _mixed(role.removeprefix("mix-"), styles) for role in mixed}
        cursor = Style(bgcolor=self.get_component_rich_style("chart--cursor").bgcolor)
        self._strips = []
        for number, row in enumerate(frame.rows):
            strip = Strip([Segment(text, styles.get(role)) for text, role in row], width)
            column = frame.cursor_column
            if column is not None and 0 < number <= frame.height:
                before, at, after = strip.divide([column, column + 1, width])
                lit = Strip([Segment(part.text, (part.style or Style()) + cursor) for part in at])
                strip = Strip.join([before, lit, after])
            self._strips.append(strip)

    @property
    def _places(self) -> Sequence[float]:
        """Where the crosshair can stand: at the values of the first curve that has any."""
        plot = self._plot
        if plot.spread is not None:
            return plot.spread.x[plot.axis]
        return next((curve.series.x[plot.axis] for curve in plot.curves if len(curve.series)), ())

    def action_look(self, places: int) -> None:
        """Move the crosshair by so many values."""
        xs = self._places
        if not xs:
            return
        if self._plot.cursor is None:
            index = len(xs) - 1 if places < 0 else 0
        else:
            here = nearest(xs, self._plot.cursor)
            index = min(max(here + places * self._stride(len(xs), (xs[0], xs[-1])), 0), len(xs) - 1)
        self._move_to(xs[index])

    def action_look_at_end(self, last: bool) -> None:
        """Move the crosshair to the first or the last value."""
        extent = self._plot.window or extent_of(self._plot)
        if extent:
            self._move_to(extent[1] if last else extent[0])

    def _stride(self, values: int, extent: tuple[float, float]) -> int:
        """How many of the values share a column of dots: one key press moves by what can be seen."""
        if self._frame is None or not self._frame.width:
            return 1
        left, right = self._frame.extent
        shown = values * (right - left) / ((extent[1] - extent[0]) or 1.0)
        return max(1, round(shown / (self._frame.width * 2)))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """The crosshair follows the mouse."""
        frame = self._frame
        if frame is None or not frame.width:
            return
        column = event.x - self.gutter.left - frame.left
        if 0 <= column < frame.width:
            left, right = frame.extent
            x = left + (right - left) * (column + 0.5) / frame.width
            xs = self._places
            self._move_to(xs[nearest(xs, x)] if xs else x)

    def on_leave(self) -> None:
        """The mouse went away, and the crosshair with it, unless keys hold it."""
        if not self.has_focus:
            self._move_to(None)

    def _move_to(self, x: float | None) -> None:
        if x != self._plot.cursor:
            self.look_at(x)
            self.post_message(self.Looked(self, x))


def _mixed(strengths: str, styles: Mapping[str, Style]) -> Style:
    """Two points of a cell: the background toward the colours of the first two curves, as far as the stronger goes."""
    ground, *sides = (styles[name] for name in ("blank", "curve-0", "curve-1"))
    if ground.bgcolor is None:
        return ground
    base = ground.bgcolor.get_truecolor()
    colours = [(side.color or ground.bgcolor).get_truecolor() for side in sides]

    def point(first: int, second: int) -> RichColor:
        share, depth = first / ((first + second) or 1), max(first, second) / STRENGTHS
        mixed = [share * one + (1 - share) * other for one, other in zip(*colours, strict=True)]
        return RichColor.from_rgb(*(low + depth * (high - low) for low, high in zip(base, mixed, strict=True)))

    above, below = map(int, strengths[:2]), map(int, strengths[2:])
    return Style(color=point(*above), bgcolor=point(*below))
