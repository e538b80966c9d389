import time

import pytest
from textual.widgets import OptionList

from engine.events.schema import End, Record, Start
from engine.runs.annotation import Annotation, read_annotation
from engine.runs.folder import RunFolder
from workbench import run_actions
from workbench.widgets.chart import Chart
from workbench.widgets.run_list import age

SMALL, LARGE = (80, 24), (160, 50)


def screen_text(app):
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


@pytest.fixture
def at_runs(settle):
    """The app on the list of runs, when `text` is on it."""

    async def begin(pilot, text):
        await pilot.app.action_go("runs")
        await settle(pilot, lambda: text in screen_text(pilot.app))
        return pilot.app

    return begin


@pytest.fixture
def three_runs(make_run, make_records):
    """A live run, a finished one that is older, and one that was stopped before it."""
    now = time.time()
    return (
        make_run("live-1", make_records(30, total=300), live=True, created=now - 50),
        make_run("done-1", make_records(120, end=End("finished", "fine")), created=now - 3 * 3600),
        make_run(
            "stopped-1",
            make_records(60, end=End("stopped"), total=100),
            created=now - 86_400 * 3,
            preset="learning_rate: 1.0e-3\n",
        ),
    )


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_runs_are_listed_live_first_with_their_numbers(make_app, three_runs, at_runs, size):
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await at_runs(pilot, "stopped-1")
        lines = screen_text(app).splitlines()[2:5]
        assert ["live-1" in lines[0], "done-1" in lines[1], "stopped-1" in lines[2]] == [True, True, True]
        assert "● training" in lines[0]
        assert "30/300" in lines[0]
        assert "✓ finished" in lines[1]
        assert lines[1].rstrip().endswith("3h")
        assert "■ stopped" in lines[2]
        assert any(block in lines[1] for block in "▁▂▃▄▅▆▇█")


async def test_the_run_under_the_cursor_shows_its_curves(make_app, three_runs, at_runs, settle):
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await at_runs(pilot, "stopped-1")
        await pilot.press("down")
        await settle(pilot, lambda: "train" in screen_text(app))
        assert [chart.plot.title for chart in app.screen.query(Chart) if chart.display] == ["loss", "accuracy"]


async def test_enter_opens_a_run_for_watching(make_app, three_runs, at_runs, settle):
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await at_runs(pilot, "stopped-1")
        await pilot.press("down", "enter")
        await settle(pilot, lambda: app.current_mode == "train" and "120/120" in screen_text(app))
        assert "✓ finished" in screen_text(app)
        assert app.run_folder == three_runs[1]


async def test_new_runs_and_new_values_appear(
    make_app, three_runs, make_run, make_records, write_events, at_runs, settle
):
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await at_runs(pilot, "stopped-1")
        write_events(three_runs[0], make_records(90, total=300, first=31)[2:])
        make_run("new-1", make_records(5), created=time.time())
        await settle(pilot, lambda: "90/300" in screen_text(app) and "new-1" in screen_text(app))


async def test_marked_runs_are_compared(make_app, three_runs, at_runs, settle):
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await at_runs(pilot, "stopped-1")
        await pilot.press("down", "space", "down", "space")
        loss = app.screen.query_one("#chart-0", Chart)
        await settle(pilot, lambda: [curve.label for curve in loss.plot.curves] == ["done-1", "stopped-1"])
        await pilot.press("v")
        await settle(pilot, lambda: "learning_rate" in screen_text(app))
        row = next(line for line in screen_text(app).splitlines() if "learning_rate" in line)
        assert row.split() == ["learning_rate", "2e-05", "0.001"]
        await pilot.press("v", "space")
        await settle(pilot, lambda: [curve.label for curve in loss.plot.curves] == ["train", "eval"])


async def test_keys_that_come_faster_than_the_screen_act_on_the_right_run(make_app, three_runs, at_runs, settle):
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await at_runs(pilot, "stopped-1")
        options = app.screen.query_one(OptionList)
        options.action_cursor_down()
        app.screen.run_list.action_mark()
        options.action_cursor_down()
        app.screen.run_list.action_mark()
        await pilot.pause()
        assert [run.name for run in app.screen.run_list.marked] == ["done-1", "stopped-1"]


async def test_wide_screens_show_differences_beside_the_curves(make_app, three_runs, at_runs, settle):
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        await at_runs(pilot, "stopped-1")
        await pilot.press("down", "space", "down", "space")
        await settle(pilot, lambda: "learning_rate" in screen_text(app))
        assert app.screen.query_one("#chart-0", Chart).size.width >= 40


async def test_delete_asks_and_keeps_by_default(make_app, three_runs, at_runs, settle):
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await at_runs(pilot, "stopped-1")
        await pilot.press("down", "delete")
        await settle(pilot, lambda: "Delete done-1?" in screen_text(app))
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert three_runs[1].exists()
        await pilot.press("delete")
        await settle(pilot, lambda: "Delete done-1?" in screen_text(app))
        await pilot.press("right", "enter")
        await settle(pilot, lambda: not three_runs[1].exists())
        await settle(pilot, lambda: "done-1" not in screen_text(app))


async def test_a_live_run_is_never_deleted(make_app, three_runs, at_runs):
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await at_runs(pilot, "stopped-1")
        await pilot.press("delete")
        await pilot.pause(0.3)
        assert "Delete" not in screen_text(app)
        assert three_runs[0].exists()


async def test_stop_and_save_from_the_list(make_app, three_runs, at_runs, settle):
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await at_runs(pilot, "stopped-1")
        await settle(pilot, lambda: "Stop" in screen_text(app).splitlines()[-1])
        await pilot.press("s")
        await settle(pilot, lambda: "Stop live-1?" in screen_text(app))
        await pilot.press("enter")
        await settle(pilot, RunFolder(three_runs[0]).stop_request.exists)


async def test_a_stopped_run_is_resumed(make_app, three_runs, at_runs, write_events, settle, monkeypatch):
    resumed = []
    monkeypatch.setattr(run_actions, "launch", lambda run: resumed.append(run.name))
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await at_runs(pilot, "stopped-1")
        await pilot.press("r")
        await pilot.pause(0.2)
        assert resumed == []
        await pilot.press("down", "down", "r")
        await settle(pilot, lambda: resumed == ["stopped-1"])


async def test_without_runs_it_says_how_to_get_one(make_app, at_runs):
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await at_runs(pilot, "No runs yet.")


async def test_a_hostile_name_and_a_damaged_run_do_no_harm(make_app, make_run, make_records, at_runs, settle):
    make_run("[bold]x[-]", make_records(5))
    broken = make_run("broken-1", make_records(5))
    (broken / "run.json").write_text("{nonsense")
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await at_runs(pilot, "broken-1")
        assert "[bold]x[-]" in screen_text(app)
        await pilot.press("down", "up")
        await pilot.pause(0.3)
        assert app.is_running


async def test_runs_are_found_by_words_and_tags_and_have_notes(make_app, three_runs, at_runs, settle):
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        await at_runs(pilot, "stopped-1")
        await pilot.press("down", "g")
        await settle(pilot, lambda: "Tags of done-1" in screen_text(app))
        await pilot.press(*"best old", "enter")
        await settle(pilot, lambda: "#best #old" in screen_text(app))
        await pilot.press("e")
        await settle(pilot, lambda: "Note on done-1" in screen_text(app))
        await pilot.press(*"keep it", "enter")
        await settle(pilot, lambda: "✎ keep it" in screen_text(app))
        assert read_annotation(RunFolder(three_runs[1])) == Annotation(("best", "old"), "keep it")
        await pilot.press("slash", *"finished best")
        await settle(pilot, lambda: "live-1" not in screen_text(app))
        assert "done-1" in screen_text(app)
        assert "stopped-1" not in screen_text(app)
        await pilot.press("enter", "escape")
        await settle(pilot, lambda: "stopped-1" in screen_text(app))


async def test_an_archived_run_is_out_of_the_list_until_asked_for(make_app, three_runs, at_runs, settle):
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await at_runs(pilot, "stopped-1")
        await pilot.press("a")
        assert not read_annotation(RunFolder(three_runs[0])).archived
        await pilot.press("down", "a")
        await settle(pilot, lambda: read_annotation(RunFolder(three_runs[1])).archived)
        await settle(pilot, lambda: "done-1" not in listed(app))
        await pilot.press("A")
        await settle(pilot, lambda: "done-1" in listed(app))


async def test_a_run_is_renamed_with_its_folder(make_app, three_runs, at_runs, settle):
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await at_runs(pilot, "stopped-1")
        await pilot.press("down", "R")
        await settle(pilot, lambda: "Rename done-1" in screen_text(app))
        await pilot.press("ctrl+u", *"better", "enter")
        await settle(pilot, lambda: "better" in listed(app))
        assert (three_runs[1].with_name("better") / "run.json").is_file()
        assert app.screen.run_list.highlighted.name == "better"


def listed(app):
    """The names in the list of runs."""
    return [run.name for run in app.screen.run_list._runs.values()]


async def test_differences_in_the_data_are_told(make_app, make_run, make_records, at_runs, settle):
    now = time.time()
    for name, kept, digest, age_ in (("one", 90, "a", 10), ("two", 70, "b", 20)):
        ledger = {"rows": 100, "kept": kept, "dropped": {"left-out": 100 - kept}}
        records = [Record(0, now, Start("run", "pair", "cpu", 9, digest, ledger, 1, 1)), *make_records(9)[2:]]
        make_run(name, records, created=now - age_)
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        await at_runs(pilot, "two")
        await pilot.press("space", "down", "space")
        await settle(pilot, lambda: "different training sets" in screen_text(app))
        row = next(line for line in screen_text(app).splitlines() if "dropped left-out" in line)
        assert row.split()[-2:] == ["10", "30"]


def test_ages():
    assert [age(s) for s in (5, 70, 3600 * 3, 86_400 * 3, 86_400 * 30)] == ["5s", "1m", "3h", "3d", "4w"]
