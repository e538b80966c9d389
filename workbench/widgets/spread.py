"""Histograms that follow each other in time: how the rewards of both sides lie, and how they part."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from engine.events.schema import Histogram


class Spread:
    """Histograms over one or more x axes, each of which never falls; each is of what came since the one before."""

    def __init__(self, axes: Sequence[str] = ("step",)) -> None:
        self.axes = tuple(axes)
        self.x: dict[str, list[float]] = {axis: [] for axis in self.axes}
        self.histograms: list[Histogram] = []

    def __len__(self) -> int:
        return len(self.histograms)

    def append(self, place: Sequence[float], histogram: Histogram) -> None:
        """Add a histogram at `place`, one number an axis."""
        for axis, value in zip(self.axes, place, strict=True):
            column = self.x[axis]
            column.append(max(value, column[-1]) if column else value)
        self.histograms.append(histogram)

    def cut_after(self, axis: str, x: float) -> None:
        """Forget everything beyond `x`: a run that resumed trains those steps again."""
        keep = bisect_right(self.x[axis], x)
        for column in self.x.values():
            del column[keep:]
        del self.histograms[keep:]

    def extent(self, axis: str) -> tuple[float, float] | None:
        """The first and the last x on `axis`; None where there is no histogram, or no such axis."""
        column = self.x.get(axis)
        return (column[0], column[-1]) if column else None

    def at(self, axis: str, x: float) -> Histogram | None:
        """The histogram of the stretch in which `x` lies; None beyond the last."""
        index = bisect_left(self.x[axis], x)
        return self.histograms[index] if index < len(self.histograms) else None


def mean_of(histogram: Histogram, side: str) -> float | None:
    """The mean of one side, from the middles of the bins; None where the side has no value."""
    counts = histogram.counts[side]
    total = sum(counts)
    if not total:
        return None
    return histogram.low + histogram.width * (sum(i * count for i, count in enumerate(counts)) / total + 0.5)


def shares(histogram: Histogram, side: str, edges: Sequence[float]) -> list[float]:
    """The share of one side's values between each two of the ascending `edges`, values spread evenly within a bin."""
    counts = histogram.counts[side]
    total = sum(counts) or 1
    below, sums = 0.0, [0.0]
    for count in counts:
        below += count / total
        sums.append(below)

    def under(value: float) -> float:
        place = (value - histogram.low) / histogram.width
        if place <= 0:
            return 0.0
        if place >= len(counts):
            return sums[-1]
        whole = int(place)
        return sums[whole] + (sums[whole + 1] - sums[whole]) * (place - whole)

    levels = [under(edge) for edge in edges]
    return [high - low for low, high in pairwise(levels)]
