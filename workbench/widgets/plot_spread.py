"""How two sides lie apart over time: a map with a column for each moment, and the histogram of one moment beside it.

Each character cell is two points, one above the other; a point has the colours of both sides, each as strong as many
of its values lie there. The role of a cell is `mix-ABCD`: strengths of first and second side above, then below.
"""

from itertools import groupby

from engine.events.schema import Histogram
from engine.words import short_number
from workbench.widgets.plot import Frame, Plot
from workbench.widgets.plot_axes import axis_value, x_axis
from workbench.widgets.spread import Spread, mean_of, shares
from workbench.widgets.ticks import nice_ticks, tick_labels

STRENGTHS = 7
"""The strongest a colour gets; 0 is not there at all."""

_BESIDE = 14
_TRIMMED = 0.004  # the share of a side's values, in all, that may lie beyond the frame


def draw_spread(plot: Plot, width: int, height: int) -> Frame:
    """The chart of `plot.spread` in `width` x `height` characters."""
    frame = Frame()
    spread = plot.spread
    extent = plot.window or (spread.extent(plot.axis) if spread else None)
    frame.rows.append(_title(plot, width))
    if not spread or not len(spread) or extent is None or height < 4 or width < 16:
        for row in range(1, height):
            text = plot.empty if not spread and row == height // 2 else ""
            frame.rows.append([(text[:width].center(width), "axis")])
        return frame
    left, right = extent if extent[1] > extent[0] else (extent[0], extent[0] + 1.0)
    ruled = height >= 9
    rows = height - (3 if ruled else 2)
    low, high = _y_range(spread, plot.axis, left, right)
    ticks = nice_ticks(low, high, max(2, min((rows + 1) // 3 + 1, 7)))
    labels = tick_labels(ticks)
    gutter = max([4, *(len(label) for label in labels)]) + 1
    beside = _BESIDE if width - gutter >= 4 * _BESIDE else 0
    frame.extent, frame.left, frame.height = (left, right), gutter, rows
    frame.width = width - gutter - (beside + 1 if beside else 0)
    edges = [low + (high - low) * i / (rows * 2) for i in range(rows * 2 + 1)]
    cells = _map(spread, plot.axis, frame, edges)
    for line, strengths in zip(cells, _moment(_shown(plot, spread), edges, beside) if beside else [], strict=False):
        line += ["blank", *strengths]
    places = [min(rows - 1, int((high - tick) / (high - low) * rows)) for tick in ticks]
    at_row = dict(zip(places, labels, strict=True))
    if plot.cursor is not None and left <= plot.cursor <= right:
        frame.cursor_column = gutter + min(frame.width - 1, int((plot.cursor - left) / (right - left) * frame.width))
    for number, line in enumerate(cells):
        head = f"{at_row[number]:>{gutter - 1}}┤" if number in at_row else " " * (gutter - 1) + "│"
        runs = [(role, len(list(run))) for role, run in groupby(line)]
        body = [((" " if role == "blank" else "▀") * count, role) for role, count in runs]
        frame.rows.append([(head, "axis"), *body])
    for parts in x_axis(plot, frame, gutter, gutter + frame.width, ruled):
        frame.rows.append([*parts, (" " * (width - gutter - frame.width), "axis")])
    return frame


def _title(plot: Plot, width: int) -> list[tuple[str, str]]:
    parts, spread = [(" ", "blank"), (plot.title[: width - 1], "title")], plot.spread
    tail = ""
    if spread and len(spread):
        shown = _shown(plot, spread)
        for number, side in enumerate(shown.counts):
            parts += [("  █ ", f"curve-{number}"), (f"{side} ", "axis")]
            parts += [(short_number(mean_of(shown, side)), f"curve-{number}")]
        tail = axis_value(plot.axis, plot.cursor) if plot.cursor is not None else ""
    used = sum(len(text) for text, _ in parts)
    if used + len(tail) + 1 > width:
        tail = ""
    while used > width:
        used -= len(parts.pop()[0])
    return [*parts, (" " * (width - used - len(tail)), "blank"), (tail, "cursor-text")]


def _shown(plot: Plot, spread: Spread) -> Histogram:
    """The histogram at the crosshair, or else the last."""
    at = spread.at(plot.axis, plot.cursor) if plot.cursor is not None else None
    return at or spread.histograms[-1]


def _y_range(spread: Spread, axis: str, left: float, right: float) -> tuple[float, float]:
    """The range that holds nearly all of what lies within the window; a few stray values must not squeeze the rest."""
    low, high = float("inf"), float("-inf")
    for x, histogram in zip(spread.x[axis], spread.histograms, strict=True):
        if left <= x <= right:
            for counts in histogram.counts.values():
                total, seen = sum(counts), 0
                for place, count in enumerate(counts):
                    before, seen = seen, seen + count
                    if count and seen > total * _TRIMMED and before < total * (1 - _TRIMMED):
                        low = min(low, histogram.low + place * histogram.width)
                        high = max(high, histogram.low + (place + 1) * histogram.width)
    return (low, high) if high > low else (0.0, 1.0)


def _map(spread: Spread, axis: str, frame: Frame, edges: list[float]) -> list[list[str]]:
    left, right = frame.extent
    columns: list[list[str]] = []
    known: dict[int, list[str]] = {}
    for column in range(frame.width):
        x = left + (right - left) * (column + 0.5) / frame.width
        histogram = spread.at(axis, x)
        if histogram is None:
            columns.append(["blank"] * frame.height)
            continue
        if id(histogram) not in known:
            sides = [shares(histogram, side, edges) for side in histogram.counts]
            most = max((max(side) for side in sides), default=0.0) or 1.0
            strengths = [[round(STRENGTHS * (value / most) ** 0.6) for value in side] for side in sides]
            known[id(histogram)] = _roles(strengths, frame.height)
        columns.append(known[id(histogram)])
    return [[column[row] for column in columns] for row in range(frame.height)]


def _moment(histogram: Histogram, edges: list[float], width: int) -> list[list[str]]:
    """A histogram lying on its side: bars that reach right, those of one side over those of the other."""
    rows = len(edges) // 2
    sides = [shares(histogram, side, edges) for side in histogram.counts]
    most = max((max(side) for side in sides), default=0.0) or 1.0
    lengths = [[value / most * width for value in side] for side in sides]
    columns = [
        _roles([[STRENGTHS if length > column + 0.5 else 0 for length in side] for side in lengths], rows)
        for column in range(width)
    ]
    return [[column[row] for column in columns] for row in range(rows)]


def _roles(strengths: list[list[int]], rows: int) -> list[str]:
    """The roles of a column of cells, top first, from the strengths of both sides, bottom first."""
    first, second = strengths
    roles = []
    for row in range(rows):
        above, below = 2 * (rows - row) - 1, 2 * (rows - row) - 2
        points = (first[above], second[above], first[below], second[below])
        roles.append("mix-{}{}{}{}".format(*points) if any(points) else "blank")
    return roles
