"""What a chart shows: curves over an axis, with a title, a window and a crosshair. Knows no terminal."""

import math
from dataclasses import dataclass, field

from workbench.widgets.series import Series
from workbench.widgets.spread import Spread

AXES = ("step", "tokens", "time", "epoch")
"""What can lie along a chart: optimizer steps, tokens trained on, seconds of the run's own time, epochs."""

COLOURS = 6
"""How many curves of one chart have a colour of their own."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A named series in the chart; `colour` is 0 to COLOURS - 1. `marks` shows where each single value is."""

    label: str
    series: Series
    colour: int = 0
    marks: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """A level to compare with, drawn across the chart where it lies within or near the values."""

    value: float
    label: str


@dataclass(frozen=True, slots=True)
class Plot:
    """What to draw. `window` limits the x axis, `smoothing` is the moving average's length (None: as the person likes).

    `limits` bound the y axis from outside (an accuracy lies within 0 and 1). With a `spread`, histograms are drawn in
    place of curves. `own_axis` says that `axis` is no place in the run's course, and stays what it is.
    """

    title: str
    curves: tuple[Curve, ...] = ()
    references: tuple[Reference, ...] = ()
    axis: str = "step"
    log_scale: bool = False
    window: tuple[float, float] | None = None
    cursor: float | None = None
    smoothing: int | None = None
    limits: tuple[float, float] = (-math.inf, math.inf)
    empty: str = "no values yet"
    spread: Spread | None = None
    own_axis: bool = False


@dataclass(slots=True)
class Frame:
    """A drawn chart: rows of (text, role), and where in it the plotting area lies (for the mouse and the cursor)."""

    rows: list[list[tuple[str, str]]] = field(default_factory=list)
    left: int = 0
    width: int = 0
    height: int = 0
    extent: tuple[float, float] = (0.0, 1.0)
    cursor_column: int | None = None


def extent_of(plot: Plot) -> tuple[float, float] | None:
    """The range of x over all curves of the plot, None where there is no value."""
    drawn = [curve.series for curve in plot.curves] if plot.spread is None else [plot.spread]
    extents = [extent for each in drawn if (extent := each.extent(plot.axis))]
    if not extents:
        return None
    return min(low for low, _ in extents), max(high for _, high in extents)


def window_length(series: Series, smoothing: int | None) -> int:
    """How many values the moving average spans: as asked, or a sixteenth of all, at most 500."""
    return max(1, min(500, len(series) // 16)) if smoothing is None else max(1, smoothing)
