"""Pictures of Train and Runs at both sizes, from fixed events and a fixed clock."""

import pytest

from engine.events.schema import End
from workbench.screens import runs as runs_screen

NOW = 1_700_010_000.0
SIZES = [(80, 24), (160, 50)]


def plain(app):
    """The app without what moves by itself."""
    app.animation_level = "none"
    return app


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x50"])
@pytest.mark.parametrize("kind", ["pair", "steps"])
def test_train(snap_compare, make_app, make_run, make_records, settle, size, kind):
    folder = make_run(f"{kind}-1", make_records(180, kind=kind, total=400), live=True)

    async def watch(pilot):
        await pilot.app.open_run(folder)
        await settle(pilot, lambda: pilot.app.screen.run_view.history.step == 180)
        await pilot.press("end", "shift+left", "shift+left")
        await pilot.pause(0.2)

    assert snap_compare(plain(make_app()), terminal_size=size, run_before=watch)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x50"])
def test_train_failed(snap_compare, make_app, make_run, make_records, settle, size):
    end = End("failed", "rows.jsonl:31: the loss is not a finite number at step 90.", "Lower learning_rate.")
    records = make_records(90, bad_step=88, end=end, total=400)
    folder = make_run("pairs-2", records, log="loading\nNotFiniteError: loss\n")

    async def watch(pilot):
        await pilot.app.open_run(folder)
        await settle(pilot, lambda: pilot.app.screen.run_view.failure)
        await pilot.pause(0.2)

    assert snap_compare(plain(make_app()), terminal_size=size, run_before=watch)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x50"])
@pytest.mark.parametrize("comparing", [False, True], ids=["one", "compared"])
def test_runs(snap_compare, make_app, make_run, make_records, settle, monkeypatch, size, comparing):
    monkeypatch.setattr(runs_screen, "now", lambda: NOW)
    make_run("pairs-3", make_records(120, total=400), live=True, created=NOW - 80)
    make_run("pairs-2", make_records(200, end=End("finished", "fine")), created=NOW - 4000)
    make_run("pairs-1", make_records(150, end=End("stopped")), created=NOW - 9000, preset="learning_rate: 1.0e-3\n")

    async def look(pilot):
        await pilot.app.action_go("runs")
        await settle(pilot, lambda: pilot.app.screen.run_list.highlighted)
        await pilot.press(*(("down", "space", "down", "space") if comparing else ("down",)))
        await pilot.pause(0.8)

    assert snap_compare(plain(make_app()), terminal_size=size, run_before=look)


async def test_larger(looks_as_before, make_app, make_run, make_records, settle, monkeypatch):
    monkeypatch.setattr(runs_screen, "now", lambda: NOW)
    folder = make_run("pairs-3", make_records(120, total=400), live=True, created=NOW - 80)
    make_run("pairs-2", make_records(200, end=End("finished", "fine")), created=NOW - 4000)
    async with plain(make_app()).run_test() as pilot:
        await pilot.app.open_run(folder)
        await settle(pilot, lambda: pilot.app.screen.run_view.history.step == 120)
        await pilot.press("end", "shift+left", "shift+left")
        await looks_as_before(pilot, "train", (120, 40), (200, 60))
        await pilot.app.action_go("runs")
        await settle(pilot, lambda: pilot.app.screen.run_list.highlighted)
        await pilot.press("down", "space", "down", "space")
        await looks_as_before(pilot, "runs", (120, 40), (200, 60))
