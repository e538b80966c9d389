"""A series of values that grows for as long as a run does, and is drawn in time proportional to the pixels."""

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

FAN = 16
"""How many buckets of one level make a bucket of the next."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a stretch of values comes to. `x` is where to draw it; `gap` says that a break lies before it."""

    x: float
    minimum: float
    maximum: float
    mean: float
    count: int
    gap: bool = False


class Series:
    """Finite values over one or more x axes (step, time, epoch), each of which never falls.

    Values that are not finite are not kept as values: they leave a gap in the line, and their x in `not_finite`.
    A pyramid of minimum, maximum and sum over ever longer stretches answers for any window without touching its
    single values.
    """

    def __init__(self, axes: Sequence[str] = ("step",)) -> None:
        self.axes = tuple(axes)
        self.x: dict[str, array[float]] = {axis: array("d") for axis in self.axes}
        self.y: array[float] = array("d")
        self.not_finite: dict[str, array[float]] = {axis: array("d") for axis in self.axes}
        self._gaps: list[int] = []
        self._levels: list[tuple[array[float], array[float], array[float]]] = []

    def __len__(self) -> int:
        return len(self.y)

    @property
    def last(self) -> float | None:
        """The latest finite value, None where there is none."""
        return self.y[-1] if self.y else None

    def append(self, x: float | Sequence[float], y: float | None) -> None:
        """Add the value `y` at `x` (one number an axis, in their order). None, NaN and infinities leave a gap.

        An x below the last one of its axis is taken as the last one, so that a clock that steps back cannot fold the
        line over itself.
        """
        place = (x,) if isinstance(x, (int, float)) else x
        finite = y is not None and math.isfinite(y)
        for axis, value in zip(self.axes, place, strict=True):
            column = self.x[axis]
            forward = max(value, column[-1]) if column else value
            (column if finite else self.not_finite[axis]).append(forward)
        if y is None or not finite:
            if not self._gaps or self._gaps[-1] != len(self.y):
                self._gaps.append(len(self.y))
            return
        self.y.append(y)
        if len(self.y) % FAN == 0:
            self._complete_levels()

    def extend(self, columns: Sequence[Sequence[float]], values: Sequence[float | None]) -> None:
        """Add many values at once: a column of x an axis, none of which falls; far cheaper than `append` for each."""
        if not values:
            return
        have = [self.x[axis] for axis in self.axes]
        follows = all(not old or old[-1] <= new[0] for old, new in zip(have, columns, strict=True))
        if not follows or None in values or not math.isfinite(sum(values)):  # type: ignore[arg-type]
            for place, value in zip(zip(*columns, strict=True), values, strict=True):
                self.append(place, value)
            return
        for axis, new in zip(self.axes, columns, strict=True):
            self.x[axis].extend(new)
        self.y.extend(values)  # type: ignore[arg-type]
        self._complete_levels()

    def cut_after(self, axis: str, x: float) -> None:
        """Forget everything beyond `x`: a run that resumed from a checkpoint trains those steps again."""
        keep = bisect_right(self.x[axis], x)
        keep_gaps = bisect_right(self.not_finite[axis], x)
        for name in self.axes:
            del self.x[name][keep:]
            del self.not_finite[name][keep_gaps:]
        del self.y[keep:]
        self._gaps = [gap for gap in self._gaps if gap <= keep]
        size = len(self.y)
        for level, columns in enumerate(self._levels, start=1):
            for column in columns:
                del column[size // FAN**level :]

    def extent(self, axis: str) -> tuple[float, float] | None:
        """The first and the last x of the finite values on `axis`; None where there are none, or no such axis."""
        column = self.x.get(axis)
        return (column[0], column[-1]) if column else None

    def nearest(self, axis: str, x: float) -> int | None:
        """The index of the value nearest to `x` (the later of two), None where there is no value."""
        column = self.x[axis]
        return nearest(column, x) if column else None

    def trailing_mean(self, index: int, window: int) -> float:
        """The mean of up to `window` values that end at `index`, not reaching back over a gap."""
        start = max(0, index + 1 - window)
        before = bisect_right(self._gaps, index)
        if before:
            start = max(start, self._gaps[before - 1])
        stop = index + 1
        return self._range(start, stop)[2] / (stop - start)

    def between(self, axis: str, left: float, right: float) -> tuple[int, int]:
        """The indices (start, stop) of the values with left <= x <= right."""
        column = self.x[axis]
        return bisect_left(column, left), bisect_right(column, right)

    def buckets(self, axis: str, left: float, right: float, columns: int) -> list[Bucket]:
        """The values within [left, right] as at most `columns` buckets, left to right.

        Where there are no more values than columns each is a bucket of its own, at its own x. Otherwise the bounds
        of the buckets are moved to those of a level of the pyramid, by less than a quarter of a bucket.
        """
        start, stop = self.between(axis, left, right)
        if stop <= start:
            return []
        xs = self.x[axis]
        gaps = self._gaps[bisect_right(self._gaps, start) : bisect_left(self._gaps, stop)]
        if stop - start <= columns:
            breaks = set(gaps)
            return [Bucket(xs[i], self.y[i], self.y[i], self.y[i], 1, i in breaks) for i in range(start, stop)]
        width = (right - left) / columns
        unit, level = 1, 0
        while level < len(self._levels) and unit * FAN * 4 <= (stop - start) / columns:
            unit, level = unit * FAN, level + 1
        found: list[Bucket] = []
        position, gap = start, 0
        for column in range(columns):
            edge = bisect_left(xs, left + (column + 1) * width, position, stop) if column < columns - 1 else stop
            if level and edge < stop:
                edge = max(position, edge // unit * unit)
            if edge <= position:
                continue
            low, high, total = self._range(position, edge)
            after = gap
            while after < len(gaps) and gaps[after] < edge:
                after += 1
            broken = after > gap
            gap = after
            count = edge - position
            found.append(Bucket(left + (column + 0.5) * width, low, high, total / count, count, broken))
            position = edge
        return found

    def _complete_levels(self) -> None:
        lows = highs = sums = self.y
        level = 0
        while len(self.y) >= FAN ** (level + 1):
            if level == len(self._levels):
                self._levels.append((array("d"), array("d"), array("d")))
            next_lows, next_highs, next_sums = self._levels[level]
            for start in range(len(next_lows) * FAN, len(lows) // FAN * FAN, FAN):
                next_lows.append(min(lows[start : start + FAN]))
                next_highs.append(max(highs[start : start + FAN]))
                next_sums.append(math.fsum(sums[start : start + FAN]))
            lows, highs, sums = next_lows, next_highs, next_sums
            level += 1

    def _range(self, start: int, stop: int) -> tuple[float, float, float]:
        """Minimum, maximum and sum of the values start to stop (exclusive)."""
        low, high, total = math.inf, -math.inf, 0.0
        for level in range(len(self._levels) + 1):
            lows, highs, sums = self._levels[level - 1] if level else (self.y, self.y, self.y)
            up, down = -(-start // FAN), stop // FAN
            whole = level == len(self._levels) or up >= down
            for first, last in ((start, stop),) if whole else ((start, up * FAN), (down * FAN, stop)):
                if first < last:
                    low = min(low, *lows[first:last], math.inf)
                    high = max(high, *highs[first:last], -math.inf)
                    total += sum(sums[first:last])
            if whole:
                break
            start, stop = up, down
        return low, high, total


def nearest(xs: Sequence[float], x: float) -> int:
    """The index of the place nearest to `x` (the later of two) among ascending `xs`, which must not be empty."""
    after = bisect_right(xs, x)
    if after == 0:
        return 0
    if after == len(xs) or x - xs[after - 1] < xs[after] - x:
        return after - 1
    return after
