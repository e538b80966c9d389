"""A chart's title row, with the values at the crosshair, and its x axis."""

from engine.words import short_number
from workbench.widgets.plot import COLOURS, Curve, Frame, Plot, window_length
from workbench.widgets.ticks import clock_label, nice_ticks, short_duration, tick_labels, time_ticks

_Legend = tuple[list[tuple[str, str]], ...]
_SIGN = 4
_SHORTEST = 3
_MANY = 3  # curves beyond which a narrow title names them, and leaves their values to the crosshair


def title_row(plot: Plot, width: int) -> list[tuple[str, str]]:
    """Title, then each curve with its value at the cursor (or its last): in as many words as fit for all of them."""
    tail = "log" if plot.log_scale else ""
    if plot.cursor is not None:
        tail = f"{axis_value(plot.axis, plot.cursor)}{'  ' + tail if tail else ''}"
    legends = [legend for curve in plot.curves if (legend := _legend(plot, curve))]
    if len(legends) > _MANY:
        legends = _cut_to(legends, width - len(plot.title) - len(tail) - 3)
    for words in (4, 3, 2, 0) if len(legends) > _MANY else (4, 3, 1, 0):
        parts = [(" ", "blank"), (plot.title, "title")]
        for legend in legends:
            parts.extend(legend[words])
        space = width - sum(len(text) for text, _ in parts)
        if space > len(tail):
            break
    else:
        parts, space = [(plot.title[:width], "title")], width - len(plot.title[:width])
    if tail and space > len(tail):
        return [*parts, (" " * (space - len(tail)), "blank"), (tail, "cursor-text")]
    return [*parts, (" " * space, "blank")]


def _cut_to(legends: list[_Legend], room: int) -> list[_Legend]:
    """The legends, their names shortened alike as far as all of them need it to fit beside each other."""
    longest = max(len(_name(legend)) for legend in legends)
    while longest > _SHORTEST and sum(min(len(_name(legend)), longest) + _SIGN for legend in legends) > room:
        longest -= 1
    return [
        (legend[0], legend[1], [legend[0][0], (_name(legend)[:longest], "axis")], *legend[3:]) for legend in legends
    ]


def _name(legend: _Legend) -> str:
    return legend[2][1][0]


def _legend(plot: Plot, curve: Curve) -> _Legend | None:
    """A curve's entry in the title in ever more words, None for a curve without values."""
    index: int | None = len(curve.series) - 1
    if plot.cursor is not None:
        index = curve.series.nearest(plot.axis, plot.cursor)
    if index is None or index < 0:
        return None
    role = f"curve-{curve.colour % COLOURS}"
    window = 1 if curve.marks else window_length(curve.series, plot.smoothing)
    value = short_number(curve.series.y[index])
    main = short_number(curve.series.trailing_mean(index, window)) if window > 1 else value
    sign, label, number = ("  • " if curve.marks else "  ━ ", role), (f"{curve.label} ", "axis"), (main, role)
    if plot.own_axis and plot.cursor is None:
        return [sign], [sign], [sign, label], [sign, label], [sign, label]
    raw = [(f" {'now' if plot.cursor is None else 'is'} {value}", "axis")] if window > 1 else []
    return [sign], [sign, number], [sign, label], [sign, label, number], [sign, label, number, *raw]


def axis_value(axis: str, x: float) -> str:
    """A place on an axis in words: "step 420", "epoch 1.25", "3 m 05 s"."""
    if axis == "time":
        return short_duration(x)
    return f"{axis} {int(x)}" if axis == "step" else f"{axis} {short_number(x)}"


def x_axis(plot: Plot, frame: Frame, gutter: int, width: int, ruled: bool) -> list[list[tuple[str, str]]]:
    """The rows below the plotting area: a rule with its ticks where there is room for it, and their labels."""
    left, right = frame.extent
    most = max(2, frame.width // 10)
    ticks = (time_ticks if plot.axis == "time" else nice_ticks)(left, right, most)
    if plot.axis == "step":
        ticks = [tick for tick in ticks if tick == int(tick)]
    texts = [clock_label(tick) for tick in ticks] if plot.axis == "time" else tick_labels(ticks)
    row, rule = [" "] * width, ["─"] * frame.width
    end = width - len(plot.axis)
    row[end:] = plot.axis
    free = gutter - 1
    for tick, text in zip(ticks, texts, strict=True):
        column = round((tick - left) / (right - left) * (frame.width * 2 - 1)) >> 1
        rule[column] = "┴"
        start = max(gutter + column - len(text) // 2, gutter - 1)
        if start >= free and start + len(text) < end:
            row[start : start + len(text)] = text
            free = start + len(text) + 2
    rows = [[(" " * (gutter - 1) + "└" + "".join(rule), "axis")]] if ruled else []
    return [*rows, [("".join(row), "axis")]]
