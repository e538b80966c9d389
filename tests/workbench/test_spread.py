import pytest

from engine.events.schema import Histogram
from workbench.widgets.chart import Chart
from workbench.widgets.plot import Plot
from workbench.widgets.plot_spread import draw_spread
from workbench.widgets.spread import Spread, mean_of, shares


def histogram(step, chosen, rejected, low=-2.0, width=1.0):
    return Histogram(step, "train", low, width, {"chosen": chosen, "rejected": rejected})


@pytest.fixture
def parting():
    """Two histograms: both sides together at step 10, apart at step 20."""
    spread = Spread(("step", "time"))
    spread.append((10, 60.0), histogram(10, (0, 4, 4, 0), (0, 4, 4, 0)))
    spread.append((20, 120.0), histogram(20, (0, 0, 0, 8), (8, 0, 0, 0)))
    return spread


def strengths(frame, column):
    """The roles of a column of the map, top to bottom."""
    roles = []
    for row in frame.rows[1 : 1 + frame.height]:
        cells = [role for text, role in row for _ in text]
        roles.append(cells[column])
    return roles


def test_shares_of_a_bin_are_spread_evenly():
    one = histogram(1, (0, 4, 4, 0), (0, 0, 0, 0))
    assert shares(one, "chosen", [-2, -1, -0.5, 0, 2]) == [0, 0.25, 0.25, 0.5]
    assert shares(one, "rejected", [-2, 2]) == [0]
    assert mean_of(one, "chosen") == 0
    assert mean_of(one, "rejected") is None


def test_the_map_shows_the_sides_together_and_then_apart(parting):
    frame = draw_spread(Plot("rewards", spread=parting, window=(0, 20)), 40, 11)
    together, apart = strengths(frame, frame.left + 2), strengths(frame, frame.left + frame.width - 1)
    assert {role for role in together if role != "blank"} == {"mix-7777"}
    assert apart[0].startswith("mix-70")
    assert apart[-1].startswith("mix-07")
    assert apart[len(apart) // 2] == "blank"


def test_the_title_tells_the_means_at_the_crosshair(parting):
    def title(**more):
        return "".join(text for text, _ in draw_spread(Plot("rewards", spread=parting, **more), 60, 12).rows[0])

    assert "chosen 1.500" in title()
    assert "rejected -1.500" in title()
    assert "chosen 0 " in title(cursor=5.0)
    assert title(cursor=5.0).endswith("step 5")


def test_every_row_is_as_wide_as_the_chart(parting):
    for width, height in ((16, 4), (40, 12), (100, 30), (8, 3)):
        for spread in (parting, Spread()):
            rows = draw_spread(Plot("rewards", spread=spread), width, height).rows
            assert {len("".join(text for text, _ in row)) for row in rows} == {width}
            assert len(rows) == height


def test_a_resumed_run_forgets_what_it_trains_again(parting):
    parting.cut_after("step", 15)
    assert [each.step for each in parting.histograms] == [10]
    assert parting.at("time", 61.0) is None
    assert parting.extent("tokens") is None


async def test_a_chart_paints_it_in_both_colours(parting):
    from textual.app import App

    class One(App):
        def compose(self):
            yield Chart(Plot("rewards", spread=parting))

    app = One()
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        chart = app.query_one(Chart)
        strip = chart.render_line(1)
        colours = {part.style.color.get_truecolor() for part in strip if "▀" in part.text}
        assert len(colours) == 1
        await pilot.press("tab", "home", "right")
        assert chart.plot.cursor == 20
