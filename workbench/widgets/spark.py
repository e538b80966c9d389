"""A curve in one line of text."""

from workbench.widgets.series import Series

_LEVELS = "▁▂▃▄▅▆▇█"


def spark(series: Series, width: int, axis: str = "step") -> str:
    """The whole series as block characters, at most `width`; shorter where there are fewer values."""
    extent = series.extent(axis)
    if extent is None or width < 1:
        return ""
    left, right = extent
    return spark_of([bucket.mean for bucket in series.buckets(axis, left, right, width)])


def spark_of(values: list[float]) -> str:
    """One block character for each value, from the lowest of them to the highest."""
    if not values:
        return ""
    low, high = min(values), max(values)
    if high <= low:
        return _LEVELS[3] * len(values)
    scale = (len(_LEVELS) - 1) / (high - low)
    return "".join(_LEVELS[round((value - low) * scale)] for value in values)
