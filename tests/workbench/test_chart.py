import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App

from workbench.widgets.braille import Layer, character
from workbench.widgets.chart import Chart
from workbench.widgets.chart_grid import ChartGrid
from workbench.widgets.plot import Curve, Plot, Reference
from workbench.widgets.plot_draw import draw
from workbench.widgets.series import Series


def series_of(*values, axes=("step", "time", "epoch")):
    series = Series(axes)
    for index, value in enumerate(values):
        series.append((index, index * 60, index / 10), value)
    return series


def plot_of(*values, **more):
    return Plot("loss", (Curve("train", series_of(*values)),), smoothing=1, **more)


def text_of(plot, width=40, height=12):
    return ["".join(text for text, _ in row) for row in draw(plot, width, height).rows]


def plotting_area(plot, width=40, height=12):
    frame = draw(plot, width, height)
    return [line[frame.left :] for line in text_of(plot, width, height)[1 : 1 + frame.height]]


def roles_at(plot, role, width=40, height=12):
    return "".join(text for row in draw(plot, width, height).rows for text, of in row if of == role)


def test_dots_of_a_cell():
    layer = Layer(1, 1)
    layer.dot(0, 0)
    layer.dot(1, 3)
    layer.dot(5, 5)
    assert character(layer.cells[0]) == "⢁"


def test_a_column_of_dots_reaches_over_cells():
    layer = Layer(1, 3)
    layer.column(1, 10, 2)
    assert [character(bits) for bits in layer.cells] == ["⢠", "⢸", "⠸"]


@given(st.integers(0, 19), st.integers(0, 39), st.integers(0, 19), st.integers(0, 39))
def test_a_line_leaves_no_holes(x0, y0, x1, y1):
    (x0, y0), (x1, y1) = sorted(((x0, y0), (x1, y1)))
    layer = Layer(10, 10)
    layer.line(x0, y0, x1, y1)
    left = {(x, y) for x in range(20) for y in range(40) if layer.cells[y // 4 * 10 + x // 2] & dot_of(x, y)}
    assert {(x0, y0), (x1, y1)} <= left
    reached = [(x0, y0)]
    while reached:
        x, y = reached.pop()
        left.discard((x, y))
        reached += [near for near in left if abs(near[0] - x) <= 1 and abs(near[1] - y) <= 1]
    assert not left


def dot_of(x, y):
    layer = Layer(1, 1)
    layer.dot(x % 2, y % 4)
    return layer.cells[0]


def test_a_rising_line_in_known_dots():
    assert plotting_area(plot_of(0.0, 1.0, 2.0, 3.0), 21, 7) == [
        "             ⢀⡠⠔",
        "          ⣀⠤⠒⠁  ",
        "      ⣀⠤⠒⠉      ",
        "  ⢀⠤⠒⠉          ",
        "⠔⠊⠁             ",
    ]


def test_every_row_is_as_wide_as_the_chart():
    plot = plot_of(*(math.sin(x) for x in range(300)), references=(Reference(0.5, "half"),), cursor=20.0)
    for width, height in ((16, 4), (40, 12), (74, 9), (160, 50), (5, 3), (20, 1)):
        rows = text_of(plot, width, height)
        assert len(rows) == height
        assert {len(row) for row in rows} == {width}


def test_values_that_are_not_finite_leave_a_gap_that_is_marked():
    area = plotting_area(plot_of(1.0, 1.0, None, None, 1.0, 1.0))
    row = next(line for line in area if line.strip() and "✕" not in line)
    assert "  " in row.strip()
    assert area[-1].count("✕") == 2


def test_an_outlier_leaves_the_frame_and_is_marked():
    values = [1 + 0.1 * math.sin(x) for x in range(60)]
    values[30] = 1000.0
    text = "\n".join(text_of(plot_of(*values)))
    assert "▴" in text
    assert "1,000" not in text


def test_few_values_stretch_the_frame_whatever_they_are():
    text = "\n".join(text_of(plot_of(1.0, 1000.0, 1.0)))
    assert "▴" not in text
    assert "1,000" in text


def test_many_values_are_a_dim_band_with_a_bright_average():
    values = [math.sin(x * 12.9) for x in range(5000)]
    plot = Plot("loss", (Curve("train", series_of(*values)),))
    assert len(roles_at(plot, "band-0").strip()) > 60
    assert len(roles_at(plot, "curve-0").strip()) > 25


def test_the_title_says_the_last_values_and_at_the_crosshair_those_there():
    plot = Plot("loss", (Curve("train", series_of(3.0, 2.0, 1.0)), Curve("eval", series_of(6.0), 1, marks=True)))
    title = text_of(plot)[0]
    assert "train 1" in title
    assert "eval 6" in title
    at = text_of(replace(plot, cursor=1.0), 60)[0]
    assert "train 2" in at
    assert at.rstrip().endswith("step 1")


def test_a_narrow_title_gives_up_words_before_numbers():
    curves = tuple(Curve(f"a-long-name-{n}", series_of(0.123 * n), n) for n in range(1, 4))
    title = text_of(Plot("loss", curves), 40)[0]
    assert [part for part in title.split() if part[0] == "0"] == ["0.1230", "0.2460", "0.3690"]


def test_many_curves_are_named_in_a_narrow_title_by_the_heads_of_their_names():
    names = ("refusals", "safety", "mathematics", "code", "chat")
    curves = tuple(Curve(name, series_of(0.5), number, marks=True) for number, name in enumerate(names))
    assert text_of(Plot("accuracy", curves), 60)[0].split()[2::2] == ["refusa", "safety", "mathem", "code", "chat"]


def test_a_reference_is_drawn_where_it_is_near_and_left_out_where_it_would_flatten_the_curve():
    near = plot_of(0.7, 0.6, references=(Reference(math.log(2), "ln 2"),))
    far = plot_of(0.01, 0.02, references=(Reference(math.log(2), "ln 2"),))
    assert "ln 2" in "\n".join(text_of(near))
    assert "ln 2" not in "\n".join(text_of(far))


def test_an_accuracy_does_not_promise_more_than_one():
    text = "\n".join(text_of(plot_of(*(0.9, 1.0) * 20, limits=(0.0, 1.0))))
    assert "1.0" in text
    assert "1.1" not in text


def test_a_logarithmic_scale_leaves_out_what_has_no_logarithm():
    plot = plot_of(0.001, 0.0, 1.0, 1000.0, log_scale=True)
    text = text_of(plot)
    assert text[0].rstrip().endswith("log")
    assert any("1,000" in line or "1k" in line for line in text)
    assert len([line for line in plotting_area(plot) if line.strip()]) >= 2


def test_time_and_epoch_along_the_axis():
    plot = plot_of(*range(20))
    assert text_of(replace(plot, axis="time"), 60)[-1].split()[:3] == ["0s", "5m", "10m"]
    assert text_of(replace(plot, axis="time"), 60)[-1].endswith("time")
    assert "1.0" in text_of(replace(plot, axis="epoch"), 60)[-1]


def test_nothing_to_show_is_said():
    assert any("no values yet" in line for line in text_of(Plot("loss", (Curve("train", series_of()),))))


def test_a_single_value_is_marked():
    assert "•" in "\n".join(plotting_area(plot_of(0.5)))


class Charts(App):
    def compose(self):
        yield ChartGrid()


@pytest.fixture
async def grid():
    """Two charts of 50 steps, the first with the keys."""
    app = Charts()
    async with app.run_test(size=(80, 20)) as pilot:
        grid = app.query_one(ChartGrid)
        plots = [
            Plot(title, (Curve("train", series_of(*(factor * x for x in range(1, 51)))),))
            for title, factor in (("loss", 1.0), ("accuracy", 0.5), ("margin", 2.0), ("grad norm", 1.0))
        ]
        grid.show(plots)
        await pilot.pause()
        grid.focus_first()
        yield grid, pilot


def shown(chart):
    return "\n".join(chart.render_line(y).text for y in range(chart.size.height))


async def test_the_crosshair_moves_with_the_keys_in_all_charts(grid):
    charts, pilot = grid
    await pilot.press("home", "right", "right")
    assert [chart.plot.cursor for chart in charts.charts] == [2, 2]
    assert "step 2" in shown(charts.charts[1])
    await pilot.press("shift+right", "left")
    assert charts.charts[0].plot.cursor == 11
    await pilot.press("0")
    assert [chart.plot.cursor for chart in charts.charts] == [None, None]


async def test_a_small_place_shows_two_charts_and_the_next_two_on_a_key(grid):
    charts, pilot = grid
    assert [chart.plot.title for chart in charts.charts] == ["loss", "accuracy"]
    await pilot.press("n")
    assert [chart.plot.title for chart in charts.charts] == ["margin", "grad norm"]
    await pilot.press("b")
    assert charts.charts[0].plot.title == "loss"


async def test_a_large_place_shows_four():
    app = Charts()
    async with app.run_test(size=(160, 48)) as pilot:
        plots = [Plot(title, (Curve("train", series_of(1, 2)),)) for title in "abcde"]
        app.query_one(ChartGrid).show(plots)
        await pilot.pause()
        assert [chart.plot.title for chart in app.query_one(ChartGrid).charts] == ["a", "b", "c", "d"]


async def test_axis_logarithm_and_zoom(grid):
    charts, pilot = grid
    await pilot.press("x")
    assert all("time" in shown(chart) for chart in charts.charts)
    await pilot.press("y")
    assert "log" in shown(charts.charts[0])
    assert "log" not in shown(charts.charts[1])
    await pilot.press("x", "x", "plus")
    assert charts.charts[0].plot.window == pytest.approx((24.5, 49))
    await pilot.press("minus")
    assert charts.charts[0].plot.window == (0, 49)


async def test_new_values_appear(grid):
    charts, pilot = grid
    plots = [chart.plot for chart in charts.charts]
    plots[0].curves[0].series.append((50, 3000, 5.0), 1234.0)
    charts.show(plots)
    await pilot.pause()
    assert "1,234" in shown(charts.charts[0])


async def test_the_mouse_moves_the_crosshair(grid):
    charts, pilot = grid
    await pilot.hover(charts.charts[0], offset=(20, 6))
    await pilot.pause()
    assert charts.charts[0].plot.cursor is not None
    assert charts.charts[1].plot.cursor == charts.charts[0].plot.cursor


async def test_a_chart_can_fill_the_screen(grid):
    charts, pilot = grid
    before = charts.charts[0].size
    await pilot.press("f")
    await pilot.pause()
    assert charts.screen.maximized is charts.query(Chart).first()
    assert charts.query(Chart).first().size.width > before.width
    await pilot.press("f")
    await pilot.pause()
    assert charts.screen.maximized is None
