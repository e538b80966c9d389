"""Charts that are looked at together: one x axis, one zoom, one crosshair; as many as the place allows."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid
from textual.events import Resize

from workbench.widgets.chart import Chart
from workbench.widgets.plot import AXES, Plot, extent_of

MOST = 6
_SMOOTHINGS: tuple[int | None, ...] = (None, 1, 10, 50, 200)


class ChartGrid(Grid):
    """Shows the first of its plots; `n` turns to the next ones."""

    DEFAULT_CSS = """
    ChartGrid {
        grid-size: 2; grid-gutter: 0 1; height: 1fr; min-height: 6;
        Chart { height: 1fr; }
    }
    """
    BINDING_GROUP_TITLE = "Charts"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "axis", "Axis", tooltip="Step, tokens, time or epoch along the charts", show=False,
                id="charts.axis"),
        Binding("y", "log_scale", "Y log", tooltip="The focused chart on a logarithmic scale", show=False,
                id="charts.log"),
        Binding("m", "smooth", "Smooth", tooltip="Length of the moving average", show=False, id="charts.smooth"),
        Binding("n", "turn(1)", "Charts", tooltip="The next metrics", id="charts.next"),
        Binding("b", "turn(-1)", "Charts before", tooltip="The metrics before", show=False, id="charts.before"),
        Binding("plus,equals_sign", "zoom(2)", "Zoom in", tooltip="Around the crosshair, or to the latest",
                show=False, id="charts.zoom-in"),
        Binding("minus", "zoom(0.5)", "Zoom out", show=False, id="charts.zoom-out"),
        Binding("0", "whole", "Show all", tooltip="Zoom out, and let the crosshair go", show=False, id="charts.whole"),
        Binding("f", "enlarge", "Full size", tooltip="The focused chart alone; Escape brings the others back",
                show=False, id="charts.enlarge"),
    ]  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._plots: list[Plot] = []
        self._first = 0
        self._axis = "step"
        self._zoom = 1.0
        self._cursor: float | None = None
        self._smoothing: int | None = None
        self._log: set[str] = set()
        self._of: object = None

    def compose(self) -> ComposeResult:
        """Room for the most charts there can be."""
        for index in range(MOST):
            yield Chart(Plot("", empty=""), id=f"chart-{index}")  # until its run is read

    @property
    def charts(self) -> list[Chart]:
        """The charts that have a place now."""
        return [chart for chart in self.query(Chart) if chart.display]

    def show(self, plots: Sequence[Plot], of: object = None) -> None:
        """Show these plots, or the same ones with series that have grown. `of` says whose they are."""
        if of != self._of:
            self._of, self._first, self._zoom, self._cursor = of, 0, 1.0, None
        told, self._plots = len(self._plots), list(plots)
        self._arrange()
        if told != len(self._plots):
            self.refresh_bindings()

    def shows(self, of: object) -> bool:
        """Whether the plots on show are those of `of`."""
        return self._of == of

    def focus_first(self) -> None:
        """Give the first chart the keys."""
        charts = self.charts
        if charts:
            charts[0].focus()

    def on_resize(self, event: Resize) -> None:
        """Another size may have room for more or fewer charts."""
        self._arrange()

    def _room(self) -> tuple[int, int]:
        """How many columns and rows of charts have room to be read."""
        width, height = self.size.width, self.size.height
        columns = 3 if width >= 180 else 2 if width >= 64 else 1
        rows = max(1, min(2, height // (12 if columns > 1 else 7)))
        return columns, rows

    def _arrange(self) -> None:
        columns, rows = self._room()
        self.styles.grid_size_columns, self.styles.grid_size_rows = columns, rows
        shown = self._plots[self._first : self._first + columns * rows]
        if not shown and self._plots:
            self._first = 0
            shown = self._plots[: columns * rows]
        for index, chart in enumerate(self.query(Chart)):
            chart.display = index < max(len(shown), 1)
            if index < len(shown):
                chart.plot = self._viewed(shown[index])

    def _viewed(self, plot: Plot) -> Plot:
        smoothing = plot.smoothing if plot.smoothing is not None else self._smoothing
        plot = replace(plot, log_scale=plot.title in self._log, smoothing=smoothing)
        if plot.own_axis:
            return plot
        window = extent = self._extent(self._axis)
        if extent and self._zoom > 1:
            left, right = extent
            span = (right - left) / self._zoom
            centre = self._cursor if self._cursor is not None else right
            start = min(max(centre - span / 2, left), right - span)
            window = (start, start + span)
        return replace(plot, axis=self._axis, window=window, cursor=self._cursor)

    def _extent(self, axis: str) -> tuple[float, float] | None:
        """The range of x over all plots: charts one above the other have their steps in line."""
        along = [replace(plot, axis=axis) for plot in self._plots if not plot.own_axis]
        extents = [extent for plot in along if (extent := extent_of(plot))]
        return (min(low for low, _ in extents), max(high for _, high in extents)) if extents else None

    def on_chart_looked(self, message: Chart.Looked) -> None:
        """All crosshairs stand at the same x."""
        message.stop()
        if message.chart.plot.own_axis:
            return
        self._cursor = message.x
        if self._zoom > 1:
            self._arrange()
            return
        for chart in self.charts:
            if not chart.plot.own_axis:
                chart.look_at(message.x)

    def action_axis(self) -> None:
        """Another x axis, among those that the run tells something of."""
        told = [axis for axis in AXES if (extent := self._extent(axis)) and extent[1] > extent[0]] or [self._axis]
        self._axis = told[(told.index(self._axis) + 1) % len(told)] if self._axis in told else told[0]
        self._cursor = None
        self._arrange()

    def action_log_scale(self) -> None:
        """The focused chart (or the first) on a logarithmic scale, or back."""
        chart = self.screen.focused if isinstance(self.screen.focused, Chart) else next(iter(self.charts), None)
        if chart is not None:
            self._log ^= {chart.plot.title}
            self._arrange()

    def action_smooth(self) -> None:
        """The next length of the moving average."""
        self._smoothing = _SMOOTHINGS[(_SMOOTHINGS.index(self._smoothing) + 1) % len(_SMOOTHINGS)]
        text = {None: "by itself", 1: "off"}.get(self._smoothing, f"over {self._smoothing} values")
        self.notify(f"Moving average {text}", timeout=2, markup=False)
        self._arrange()

    def action_turn(self, pages: int) -> None:
        """The next charts, or those before."""
        columns, rows = self._room()
        page = columns * rows
        count = max(1, -(-len(self._plots) // page))
        self._first = (self._first // page + pages) % count * page
        self._arrange()

    def action_zoom(self, factor: float) -> None:
        """Closer to the crosshair, or to the latest values; or back."""
        self._zoom = min(max(self._zoom * factor, 1.0), 4096.0)
        self._arrange()

    def action_whole(self) -> None:
        """Everything, and no crosshair."""
        self._zoom, self._cursor = 1.0, None
        self._arrange()

    def action_enlarge(self) -> None:
        """The focused chart alone."""
        chart = self.screen.focused
        if isinstance(chart, Chart):
            self.screen.minimize() if self.screen.maximized else self.screen.maximize(chart)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys are offered where there is something for them to do."""
        if action == "turn":
            columns, rows = self._room()
            return len(self._plots) > columns * rows
        if action in ("axis", "log_scale", "smooth", "zoom", "whole"):
            return any(extent_of(plot) for plot in self._plots)
        return True
