"""How a chart looks: a plot's curves drawn into rows of characters with a role each. Knows no terminal."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from workbench.widgets.braille import Layer, character
from workbench.widgets.plot import COLOURS, Curve, Frame, Plot, Reference, extent_of, window_length
from workbench.widgets.plot_axes import title_row, x_axis
from workbench.widgets.series import Bucket
from workbench.widgets.ticks import log_ticks, nice_ticks, tick_labels

_GUTTER = 5  # the y axis with its labels, where these are no longer than four characters
_MARKED = 3  # single values are marked where each has this many character cells to itself
_ENOUGH = 24  # buckets from which it can be told what is usual and what is an outlier
_BEYOND = 4.0  # how many times the usual range the whole range must have for outliers to leave the frame


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A curve within the window: its buckets and the moving average at each of them."""

    curve: Curve
    buckets: list[Bucket]
    average: list[float]
    smoothed: bool


@dataclass(frozen=True, slots=True)
class _Area:
    """The plotting area in character cells, and where in its dots (two by four a cell) a value lies."""

    width: int
    height: int
    left: float
    right: float
    bottom: float
    top: float
    log_scale: bool

    def x(self, value: float) -> int:
        return round((value - self.left) / (self.right - self.left) * (self.width * 2 - 1))

    def y(self, value: float) -> int:
        """Values out of the frame stay near it, so that a line to them keeps its direction at no cost."""
        level = value
        if self.log_scale:
            level = math.log10(value) if value > 0 else self.bottom
        dots = self.height * 4 - 1
        return max(-dots, min(2 * dots, round((self.top - level) / (self.top - self.bottom) * dots)))

    def cell(self, x: int, y: int) -> int:
        """The place of a dot's cell, counted row after row."""
        return (y >> 2) * self.width + (x >> 1)


def draw(plot: Plot, width: int, height: int) -> Frame:
    """The chart in `width` x `height` characters: a title row, the plot, and the x axis below."""
    frame = Frame()
    if width < 4 or height < 1:
        frame.rows = [[(" " * max(width, 0), "blank")] for _ in range(height)]
        return frame
    extent = plot.window or extent_of(plot)
    frame.rows.append(title_row(plot, width))
    whole = extent_of(plot)
    if extent is None or whole is None or height < 4 or width < 16:
        for row in range(1, height):
            text = plot.empty if whole is None and row == height // 2 else ""
            frame.rows.append([(text[:width].center(width), "axis")])
        return frame
    left, right = extent
    if right <= left:
        right = left + 1.0
    frame.extent = (left, right)

    ruled = height >= 9
    plot_height = height - (3 if ruled else 2)
    drawn = [_drawn(plot, curve, left, right, (width - _GUTTER) * 2) for curve in plot.curves]
    low, high = _y_range(plot, [each for each in drawn if each.buckets])
    ticks = (log_ticks if plot.log_scale else nice_ticks)(low, high, max(2, min((plot_height + 1) // 3 + 1, 7)))
    labels = tick_labels(ticks)
    gutter = max([_GUTTER - 1, *(len(label) for label in labels)]) + 1
    frame.left, frame.width, frame.height = gutter, width - gutter, plot_height
    if gutter != _GUTTER:
        drawn = [_drawn(plot, curve, left, right, frame.width * 2) for curve in plot.curves]

    bottom, top = (math.log10(low), math.log10(high)) if plot.log_scale else (low, high)
    area = _Area(frame.width, plot_height, left, right, bottom, top, plot.log_scale)
    characters, roles = _compose(plot, drawn, area)
    if plot.cursor is not None and left <= plot.cursor <= right:
        frame.cursor_column = gutter + (area.x(plot.cursor) >> 1)

    at_row = {area.y(tick) >> 2: label for tick, label in zip(ticks, labels, strict=True)}
    for row in range(plot_height):
        head = f"{at_row[row]:>{gutter - 1}}┤" if row in at_row else " " * (gutter - 1) + "│"
        start = row * frame.width
        cells = zip(characters[start : start + frame.width], roles[start : start + frame.width], strict=True)
        body = [("".join(c for c, _ in run), role) for role, run in groupby(cells, key=lambda cell: cell[1])]
        frame.rows.append([(head, "axis"), *body])
    frame.rows.extend(x_axis(plot, frame, gutter, width, ruled))
    return frame


def _drawn(plot: Plot, curve: Curve, left: float, right: float, columns: int) -> _Drawn:
    series = curve.series
    buckets = series.buckets(plot.axis, left, right, columns)
    if plot.log_scale:
        buckets = _positive(buckets)
    window = 1 if curve.marks else window_length(series, plot.smoothing)
    average: list[float] = []
    recent: list[tuple[float, int]] = []
    total, count, first = 0.0, 0, 0
    for bucket in buckets:
        if bucket.gap:
            total, count, first = 0.0, 0, len(recent)
        recent.append((bucket.mean * bucket.count, bucket.count))
        total, count = total + recent[-1][0], count + bucket.count
        while count - recent[first][1] >= window:
            total, count, first = total - recent[first][0], count - recent[first][1], first + 1
        average.append(total / count if window > 1 else bucket.mean)
    return _Drawn(curve, buckets, average, window > 1 or any(bucket.count > 1 for bucket in buckets))


def _positive(buckets: list[Bucket]) -> list[Bucket]:
    """The buckets that a logarithmic axis can show, with a gap in place of the others."""
    kept: list[Bucket] = []
    gap = False
    for bucket in buckets:
        if bucket.mean <= 0:
            gap = True
            continue
        low = bucket.minimum if bucket.minimum > 0 else bucket.mean
        kept.append(replace(bucket, minimum=low, gap=bucket.gap or gap))
        gap = False
    return kept


def _y_range(plot: Plot, drawn: Sequence[_Drawn]) -> tuple[float, float]:
    lows = sorted(bucket.minimum for each in drawn for bucket in each.buckets)
    highs = sorted(bucket.maximum for each in drawn for bucket in each.buckets)
    if not lows:
        return (0.1, 1.0) if plot.log_scale else (0.0, 1.0)
    low, high = lows[0], highs[-1]
    if plot.log_scale:
        return (low / 1.1, high * 1.1) if high > low else (low / 2, high * 2)
    if len(lows) >= _ENOUGH:
        usual_low, usual_high = lows[max(1, len(lows) // 50)], highs[-1 - max(1, len(highs) // 50)]
        usual = usual_high - usual_low
        if usual > 0 and high - low > _BEYOND * usual:
            low, high = max(low, usual_low - usual / 2), min(high, usual_high + usual / 2)
    span = high - low
    if span <= 0:
        span = abs(high) * 0.1 or 1.0
        low, high = low - span / 2, high + span / 2
    for reference in plot.references:
        if low - 0.35 * span <= reference.value <= high + 0.35 * span:
            low, high = min(low, reference.value), max(high, reference.value)
    pad = 0.04 * (high - low)
    floor, ceiling = plot.limits
    return (low if low <= floor else max(low - pad, floor)), (high if high >= ceiling else min(high + pad, ceiling))


def _compose(plot: Plot, drawn: list[_Drawn], area: _Area) -> tuple[list[str], list[str]]:
    """The plotting area's characters and roles, row after row; what is drawn later lies above."""
    size = area.width * area.height
    characters, roles = [" "] * size, ["blank"] * size
    for reference in plot.references:
        _draw_reference(reference, area, characters, roles)
    lines: list[tuple[list[int], str]] = []
    for each in drawn:
        band, line = _layers(each, area)
        for place, bits in enumerate(band.cells):
            if bits:
                characters[place], roles[place] = character(bits), f"band-{each.curve.colour % COLOURS}"
        lines.append((line.cells, f"curve-{each.curve.colour % COLOURS}"))
    merged = [0] * size
    for cells, role in lines:
        for place, bits in enumerate(cells):
            if bits:
                merged[place] |= bits
                characters[place], roles[place] = character(merged[place]), role
    for reference in plot.references:
        _label_reference(reference, area, characters, roles)
    for each in drawn:
        _mark(each, plot.axis, area, characters, roles)
    return characters, roles


def _draw_reference(reference: Reference, area: _Area, characters: list[str], roles: list[str]) -> None:
    y = area.y(reference.value)
    if not 0 <= y < area.height * 4:
        return
    layer = Layer(area.width, area.height)
    for x in range(0, area.width * 2, 2):
        layer.dot(x, y)
    start = (y >> 2) * area.width
    for place in range(start, start + area.width):
        characters[place], roles[place] = character(layer.cells[place]), "reference"


def _label_reference(reference: Reference, area: _Area, characters: list[str], roles: list[str]) -> None:
    """Name the level at the right, or else at the left or in the middle, where no curve is in the way."""
    y, label = area.y(reference.value), reference.label
    free = area.width - len(label)
    if not 0 <= y < area.height * 4 or free < 0:
        return
    for offset in (free, 0, free // 2):
        start = (y >> 2) * area.width + offset
        stop = start + len(label)
        if not any(role.startswith("curve") for role in roles[start:stop]):
            characters[start:stop] = label
            roles[start:stop] = ["reference"] * len(label)
            return


def _layers(each: _Drawn, area: _Area) -> tuple[Layer, Layer]:
    """A curve's band (from minimum to maximum, or the single values under a moving average) and its line."""
    band, line = Layer(area.width, area.height), Layer(area.width, area.height)
    before_x = before_y = before_raw = 0
    for index, (bucket, average) in enumerate(zip(each.buckets, each.average, strict=True)):
        x, y, raw = area.x(bucket.x), area.y(average), area.y(bucket.mean)
        joined = index > 0 and not bucket.gap
        if bucket.count > 1:
            band.column(x, area.y(bucket.maximum), area.y(bucket.minimum))
        elif each.smoothed:
            band.line(before_x, before_raw, x, raw) if joined else band.dot(x, raw)
        line.line(before_x, before_y, x, y) if joined else line.dot(x, y)
        before_x, before_y, before_raw = x, y, raw
    return band, line


def _mark(each: _Drawn, axis: str, area: _Area, characters: list[str], roles: list[str]) -> None:
    """Marks for single values, for values beyond the frame, and for values that were not finite."""
    role = f"curve-{each.curve.colour % COLOURS}"
    few = len(each.buckets) == 1 or (each.curve.marks and len(each.buckets) <= area.width // _MARKED)
    last_row = (area.height - 1) * area.width
    for bucket, average in zip(each.buckets, each.average, strict=True):
        x, y = area.x(bucket.x), area.y(average)
        if few and 0 <= y < area.height * 4:
            characters[area.cell(x, y)], roles[area.cell(x, y)] = "•", role
        if area.y(bucket.maximum) < 0:
            characters[x >> 1], roles[x >> 1] = "▴", role
        if area.y(bucket.minimum) >= area.height * 4:
            characters[last_row + (x >> 1)], roles[last_row + (x >> 1)] = "▾", role
    for value in each.curve.series.not_finite[axis]:
        if area.left <= value <= area.right:
            place = last_row + (area.x(value) >> 1)
            characters[place], roles[place] = "✕", "not-finite"
