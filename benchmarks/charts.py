"""What a frame of live charts costs: 1 to 4 charts at 100 000 points, against drawing every point; and a replay.

    python benchmarks/charts.py [POINTS]

A frame is what happens when a new value has come: the series grow by one, the charts are drawn anew, and every line is
turned into segments of the terminal. The peer is the same chart without decimation: every point mapped to a dot. The
replay folds the events of a finished run of as many steps, as opening it on screen does.
"""

import asyncio
import gc
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from textual.app import App, ComposeResult

from engine.events.schema import Histogram, Metric
from engine.events.writer import encode_event
from workbench.run_follower import Follower
from workbench.widgets.braille import Layer
from workbench.widgets.chart import Chart
from workbench.widgets.chart_grid import ChartGrid
from workbench.widgets.plot import Curve, Plot
from workbench.widgets.plot_spread import draw_spread
from workbench.widgets.series import Series
from workbench.widgets.spread import Spread

SIZE = (160, 48)
FRAMES = 40


def noisy(points: int, seed: int) -> list[float]:
    """A loss that falls, with noise."""
    draw = random.Random(seed)
    return [0.1 + 0.6 * math.exp(-4 * index / points) + draw.gauss(0, 0.05) for index in range(points)]


def plots_of(points: int) -> list[Plot]:
    """Four charts of a training and an evaluation curve each."""
    plots = []
    for number, title in enumerate(("loss", "accuracy", "margin", "grad norm")):
        train, held_out = Series(), Series()
        train.extend([range(points)], noisy(points, number))
        evaluated = range(0, points, max(1, points // 50))
        held_out.extend([evaluated], noisy(len(evaluated), number))
        plots.append(Plot(title, (Curve("train", train), Curve("eval", held_out, 1, marks=True))))
    return plots


class Charts(App[None]):
    """The charts alone."""

    def compose(self) -> ComposeResult:
        """The grid."""
        yield ChartGrid()


async def frame_times(points: int, charts: int) -> tuple[list[float], list[float]]:
    """Seconds of each frame with that many charts: on the clock, and of this process's CPU time."""
    app = Charts()
    async with app.run_test(size=SIZE) as pilot:
        grid = app.query_one(ChartGrid)
        plots = plots_of(points)
        grid.show(plots)
        await pilot.pause()
        shown = list(grid.query(Chart))[:charts]
        times, used = [], []
        gc.disable()
        for frame in range(FRAMES):
            for plot in plots:
                plot.curves[0].series.append(points + frame, 0.2)
            start, began = time.perf_counter(), time.process_time()
            for chart in shown:
                chart.redraw()
                for row in range(chart.content_size.height):
                    chart.render_line(row)
            times.append(time.perf_counter() - start)
            used.append(time.process_time() - began)
        gc.enable()
        return times, used


def every_point(points: int, width: int, height: int) -> float:
    """Seconds to map each point of one curve to its dot, without decimation."""
    values = noisy(points, 0)
    layer = Layer(width, height)
    start = time.perf_counter()
    low, high = min(values), max(values)
    before = (0, 0)
    for index, value in enumerate(values):
        here = round(index / points * (width * 2 - 1)), round((high - value) / (high - low) * (height * 4 - 1))
        layer.line(*before, *here)
        before = here
    return time.perf_counter() - start


def spread_of(histograms: int) -> Plot:
    """A chart of the rewards of both sides, as they part."""
    draw, spread = random.Random(0), Spread()
    for number in range(histograms):
        counts = {side: tuple(draw.randrange(60) for _ in range(32)) for side in ("chosen", "rejected")}
        spread.append((number,), Histogram(number, "train", -4.0, 0.25, counts))
    return Plot("rewards", spread=spread)


def replayed(points: int) -> tuple[float, float]:
    """Seconds, on the clock and of CPU time, to read and fold a run of that many steps."""
    names = ("loss", "accuracy", "margin", "chosen_reward", "rejected_reward", "grad_norm", "learning_rate", "epoch")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        with path.open("wb") as file:
            for step in range(points):
                event = Metric(step + 1, dict.fromkeys(names, 0.123456 + step * 1e-06))
                file.write(encode_event(event, step, 1.7e9 + step))
        start, began = time.perf_counter(), time.process_time()
        follower = Follower(Path(folder))
        news = follower.take()
        while news.history is None:
            follower.read()
            news = follower.take()
        assert news.history.step == points
        return time.perf_counter() - start, time.process_time() - began


def seconds(function: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    """Print one table."""
    points = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    print(f"{points} points a curve, terminal {SIZE[0]}x{SIZE[1]}, median and 95th percentile of {FRAMES} frames")
    raw = statistics.median(every_point(points, SIZE[0] // 2 - 6, SIZE[1] // 2 - 4) for _ in range(3))
    single = 0.0
    for charts in (1, 2, 4):
        times, cpus = asyncio.run(frame_times(points, charts))
        middle, cpu = statistics.median(times), statistics.median(cpus)
        slow = sorted(times)[int(len(times) * 0.95)]
        single = single or middle
        name = f"{charts} chart{'s' if charts > 1 else ' '}"
        print(f"  {name}   {middle * 1e3:7.1f} ms   p95 {slow * 1e3:7.1f} ms   CPU {cpu * 1e3:7.1f} ms")
    print(f"  every point drawn (1 curve)   {raw * 1e3:7.1f} ms   x{raw / single:.0f} of one chart")
    frames = [seconds(lambda: draw_spread(spread_of(100), SIZE[0] // 2, SIZE[1] // 2)) for _ in range(FRAMES)]
    print(f"  rewards as they part          {statistics.median(frames) * 1e3:7.1f} ms, 100 histograms made and drawn")
    wall, used = replayed(points)
    print(f"  replay of {points:,} events     {wall:7.2f} s    CPU {used:7.2f} s")
    grown = Series(("step", "time", "epoch"))
    appended = seconds(lambda: [grown.append((index, index * 0.5, index / 1000), 0.5) for index in range(points)])
    print(f"  append                        {appended / points * 1e6:7.2f} µs a value")


if __name__ == "__main__":
    main()
