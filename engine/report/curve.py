"""Curves as SVG: drawn with classes, so that the page's style colours them for light and for dark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from engine.events.schema import Histogram
from engine.report.story import Points

WIDTH, HEIGHT = 460, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 26
_COLUMNS = 200


@dataclass(frozen=True, slots=True)
class Line:
    """A curve with its name; `kind` is the class that colours it. `dots` shows each value, and no band."""

    name: str
    points: Points
    kind: str
    dots: bool = False


def curve_svg(title: str, lines: Sequence[Line], references: Sequence[tuple[float, str]] = ()) -> str:
    """A chart of one or more curves: a band from the lowest to the highest value of each column, the mean upon it."""
    finite = [(step, value) for line in lines for step, value in line.points if value is not None]
    if not finite:
        return ""
    left, right = min(step for step, _ in finite), max(step for step, _ in finite)
    low, high = _range([value for _, value in finite], references)
    parts = [_axes(left, right, low, high)]
    for level, name in references:
        if low <= level <= high:
            y = _y(level, low, high)
            parts.append(f'<line class="reference" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(
                f'<text class="tick" x="{WIDTH - _RIGHT}" y="{y - 3:.1f}" text-anchor="end">{escape(name)}</text>'
            )
    for line in lines:
        parts += _drawn(line, left, right, low, high)
    return _svg(title, lines, parts)


def histogram_svg(title: str, histogram: Histogram) -> str:
    """The two sides of a histogram, one over the other."""
    sides = list(histogram.counts.items())
    most = max((max(counts, default=0) for _, counts in sides), default=0)
    bins = max((len(counts) for _, counts in sides), default=0)
    if not most or not bins:
        return ""
    low, high = histogram.low, histogram.low + bins * histogram.width
    parts = [_axes(low, high, 0, most)]
    kinds = ("train", "eval")
    for kind, (_, counts) in zip(kinds, sides, strict=False):
        for place, count in enumerate(counts):
            if count:
                x = _x(low + place * histogram.width, low, high)
                wide = _x(low + (place + 1) * histogram.width, low, high) - x
                y = _y(count, 0, most)
                tall = HEIGHT - _BOTTOM - y
                parts.append(
                    f'<rect class="{kind} bar" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}"/>'
                )
    return _svg(title, [Line(name, [], kind) for kind, (name, _) in zip(kinds, sides, strict=False)], parts)


def _svg(title: str, lines: Sequence[Line], parts: Sequence[str]) -> str:
    legend = "".join(
        f'<span class="{line.kind} key">{"●" if line.dots else "━"}</span> {escape(line.name)} ' for line in lines
    )
    return (
        f"<figure><figcaption><b>{escape(title)}</b> {legend}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg></figure>'
    )


def _drawn(line: Line, left: float, right: float, low: float, high: float) -> list[str]:
    parts = []
    for run in _runs(line.points):
        columns = [(step, value, value, value) for step, value in run] if line.dots else _columns(run)
        at = [(_x(x, left, right), *(_y(value, low, high) for value in rest)) for x, *rest in columns]
        if not line.dots and len(run) > len(columns):
            above = [f"{x:.1f},{top:.1f}" for x, top, _, _ in at]
            below = [f"{x:.1f},{bottom:.1f}" for x, _, bottom, _ in reversed(at)]
            parts.append(f'<polygon class="{line.kind} band" points="{" ".join(above + below)}"/>')
        path = " ".join(f"{x:.1f},{mean:.1f}" for x, _, _, mean in at)
        parts.append(f'<polyline class="{line.kind}" points="{path}"/>')
        if line.dots or len(at) == 1:
            parts += [f'<circle class="{line.kind} dot" cx="{x:.1f}" cy="{mean:.1f}" r="3"/>' for x, _, _, mean in at]
    return parts


def _runs(points: Points) -> list[list[tuple[int, float]]]:
    """The stretches of finite values: a value that was not finite leaves a gap."""
    runs: list[list[tuple[int, float]]] = [[]]
    for step, value in points:
        if value is None:
            runs.append([])
        else:
            runs[-1].append((step, value))
    return [run for run in runs if run]


def _columns(run: list[tuple[int, float]]) -> list[tuple[float, float, float, float]]:
    """(x, highest, lowest, mean) of at most so many stretches of equal numbers of values."""
    count = min(_COLUMNS, len(run))
    found: list[tuple[float, float, float, float]] = []
    for column in range(count):
        part = run[len(run) * column // count : len(run) * (column + 1) // count]
        values = [value for _, value in part]
        found.append((part[len(part) // 2][0], max(values), min(values), math.fsum(values) / len(values)))
    return found


def _range(values: list[float], references: Sequence[tuple[float, str]]) -> tuple[float, float]:
    ordered = sorted(values)
    low, high = ordered[0], ordered[-1]
    if len(ordered) >= 50:
        usual_low, usual_high = ordered[len(ordered) // 50], ordered[-1 - len(ordered) // 50]
        if high - low > 4 * (usual_high - usual_low) > 0:
            half = (usual_high - usual_low) / 2
            low, high = max(low, usual_low - half), min(high, usual_high + half)
    span = (high - low) or abs(high) or 1.0
    for level, _ in references:
        if low - 0.35 * span <= level <= high + 0.35 * span:
            low, high = min(low, level), max(high, level)
    return low - 0.04 * span, high + 0.04 * span


def _x(value: float, left: float, right: float) -> float:
    return _LEFT + (value - left) / ((right - left) or 1.0) * (WIDTH - _LEFT - _RIGHT)


def _y(value: float, low: float, high: float) -> float:
    share = (value - low) / ((high - low) or 1.0)
    return _TOP + (1 - min(max(share, 0.0), 1.0)) * (HEIGHT - _TOP - _BOTTOM)


def _axes(left: float, right: float, low: float, high: float) -> str:
    parts = []
    for value in _ticks(low, high, 5):
        y = _y(value, low, high)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for value in _ticks(left, right, 5):
        x = _x(value, left, right)
        parts.append(f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{value:,g}</text>')
    return "".join(parts)


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(factor * power for factor in (1, 2, 5, 10) if (high - low) / (factor * power) <= most)
    return [round(i * step, 12) for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
