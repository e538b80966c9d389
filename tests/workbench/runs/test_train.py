import json

import pytest

from engine.events.schema import End, FindingEvent, PhaseEvent, Record
from engine.inspector.check_messages import CheckReport
from engine.runs.error import RunError
from engine.runs.folder import RunFolder
from engine.runs.manifest import update_manifest
from engine.runs.state import run_state
from workbench.screens import train
from workbench.widgets.chart import Chart
from workbench.widgets.log_tail import read_tail
from workbench.widgets.metric_tiles import MetricTiles
from workbench.widgets.run_ending import last_words

SMALL, LARGE = (80, 24), (160, 50)


def screen_text(app):
    width, height = app.size
    lines = [[" "] * width for _ in range(height)]
    for y, strip in enumerate(app.screen._compositor.render_strips()):
        lines[y] = strip.text
    return "\n".join(lines)


@pytest.fixture
def watch(make_app, settle):
    """The app on a run, when the run's last event is on screen."""

    async def begin(pilot, folder, text):
        await pilot.app.open_run(folder)
        await settle(pilot, lambda: text in screen_text(pilot.app))
        return pilot.app

    return begin


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_value_written_while_the_app_is_open_appears(
    make_app, make_run, make_records, write_events, watch, settle, size
):
    records = make_records(60, total=200)
    folder = make_run("pairs-1", records[:40], live=True)
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await watch(pilot, folder, "37/200")
        assert "● training" in screen_text(app)
        write_events(folder, records[40:])
        await settle(pilot, lambda: "60/200" in screen_text(app))
        assert "left" in screen_text(app)


async def test_small_screens_show_state_loss_and_accuracy(make_app, make_run, make_records, watch):
    folder = make_run("pairs-1", make_records(100, total=200), live=True)
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await watch(pilot, folder, "100/200")
        charts = [chart for chart in app.screen.query(Chart) if chart.display]
        assert [chart.plot.title for chart in charts] == ["loss", "accuracy"]
        assert all(chart.size.width >= 36 and chart.size.height >= 12 for chart in charts)
        text = screen_text(app)
        assert "ln 2" in text
        assert "chance" in text
        assert "grad norm" in text


async def test_large_screens_show_four_charts(make_app, make_run, make_records, watch):
    folder = make_run("steps-1", make_records(100, kind="steps", total=200), live=True)
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        await watch(pilot, folder, "100/200")
        charts = [chart for chart in app.screen.query(Chart) if chart.display]
        assert [chart.plot.title for chart in charts] == ["loss", "accuracy", "balanced acc", "grad norm"]
        assert "majority" in screen_text(app)


async def test_stop_asks_and_can_save(make_app, make_run, make_records, watch, settle):
    folder = make_run("pairs-1", make_records(60, total=200), live=True)
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await watch(pilot, folder, "60/200")
        await pilot.press("s")
        await settle(pilot, lambda: "Stop pairs-1?" in screen_text(app))
        await pilot.press("escape")
        await pilot.pause()
        assert not RunFolder(folder).stop_request.exists()
        await pilot.press("s")
        await settle(pilot, lambda: "Stop pairs-1?" in screen_text(app))
        await pilot.press("enter")
        await settle(pilot, RunFolder(folder).stop_request.exists)
        await settle(pilot, lambda: "stopping" in screen_text(app))


async def test_a_run_that_failed_says_what_and_what_to_do_first(
    make_app, make_run, make_records, watch, settle, inspector
):
    trace = 'Traceback (most recent call last):\n  File "x.py", line 3, in y\n    z()\n'
    log = f"loading\n{trace}ValueError: bad \x1b[31mred\n"
    end = End("failed", "rows.jsonl:3: the loss is NaN", "Lower learning_rate.")
    folder = make_run("pairs-1", make_records(50, bad_step=50, end=end), log)
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await watch(pilot, folder, "Lower learning_rate.")
        text = screen_text(app)
        assert "rows.jsonl:3: the loss is NaN" in text
        assert "ValueError: bad red" in text
        assert "Traceback" not in text
        assert "✕" in text
        await pilot.press("c")
        assert app.clipboard.startswith("failed: rows.jsonl:3: the loss is NaN\nLower learning_rate.")
        await pilot.press("o")
        await settle(pilot, lambda: "Traceback" in screen_text(app))


async def test_a_run_whose_process_died_is_crashed(make_app, make_run, make_records, watch):
    folder = make_run("pairs-1", make_records(50, total=200), "torch.OutOfMemoryError: CUDA out of memory\n")
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await watch(pilot, folder, "✗ crashed")
        assert "probably out of GPU" in screen_text(app)


async def test_alarms_and_findings_are_said_in_words(make_app, make_run, make_records, watch, settle):
    records = make_records(60, bad_step=55)
    found = FindingEvent("reload-equal", "info", "The saved model gives the same scores.")
    folder = make_run("pairs-1", [*records, Record(99, records[-1].time, found)], live=True)
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await watch(pilot, folder, "loss not a finite number at step 55")
        assert "same scores" not in screen_text(app)
        await pilot.press("w")
        await settle(pilot, lambda: "same scores" in screen_text(app))
        assert "warm up longer" in screen_text(app)


async def test_the_rows_that_a_finding_names_are_one_key_away(
    make_app, pair_preset, make_run, make_records, watch, settle
):
    records = make_records(20)
    found = FindingEvent("not-finite", "error", "The gradient of step 20 is not finite.", ((0, 3), (0, 7)))
    folder = make_run("pairs-1", [*records, Record(99, records[-1].time, found)])
    app = make_app(pair_preset)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot, lambda: app.session.valid)
        update_manifest(folder, preset_path=str(app.session.path))
        await watch(pilot, folder, "rows 3, 7")
        await pilot.press("i")
        await settle(pilot, lambda: app.current_mode == "inspect")
        assert app.row_set.rows == ((0, 3), (0, 7))


async def test_an_alarm_leads_to_the_rows_of_its_steps_in_the_run_s_own_preset(
    make_app, pair_preset, make_run, make_records, watch, settle
):
    folder = make_run("pairs-1", make_records(60, bad_step=55))
    update_manifest(folder, preset="other", preset_path="/elsewhere/other.yaml")
    line = {"v": 1, "kind": "visits", "split": "train", "steps": [54, 55], "epochs": [1, 1], "counts": [1, 2],
            "dataset": 0, "row": [1, 4, 9], "item": 0, "loss": [0.2, 0.3, None], "margin": [1, 2, None]}  # fmt: skip
    (folder / "rows.jsonl").write_text(json.dumps(line) + "\n")
    app = make_app(pair_preset)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot, lambda: app.session.valid)
        await watch(pilot, folder, "not a finite number at step 55")
        await pilot.press("i")
        await settle(pilot, lambda: app.current_mode == "inspect")
        assert app.row_set.rows == ((0, 9), (0, 4))
        assert app.session.path == folder / "preset.yaml"


async def test_pause_holds_the_picture(make_app, make_run, make_records, write_events, watch, settle):
    records = make_records(80, total=200)
    folder = make_run("pairs-1", records[:40], live=True)
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await watch(pilot, folder, "37/200")
        await pilot.press("space")
        write_events(folder, records[40:])
        await settle(pilot, lambda: app.screen.run_view.history.step == 80)
        assert "37/200" in screen_text(app)
        await pilot.press("space")
        await settle(pilot, lambda: "80/200" in screen_text(app))


async def test_the_plan_and_the_run_are_one_key_apart(make_app, make_run, make_records, watch, settle):
    folder = make_run("pairs-1", make_records(60, total=200), live=True)
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await watch(pilot, folder, "60/200")
        await pilot.press("p")
        await settle(pilot, lambda: "Nothing to train yet" in screen_text(app))
        await pilot.press("p")
        await settle(pilot, lambda: "60/200" in screen_text(app))


async def test_the_way_to_the_next_run_is_in_sight_where_one_is_over(
    make_app, make_run, make_records, watch, settle, pair_preset
):
    folder = make_run("pairs-1", make_records(60, end=End("finished", "fine")))
    update_manifest(folder, preset_path=str(pair_preset))
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await watch(pilot, folder, "60/60")
        assert "t Next run" in screen_text(app).splitlines()[-1]
        await pilot.press("t")
        await settle(pilot, lambda: "Train pairs" in screen_text(app))
        await settle(pilot, lambda: "t Train " in screen_text(app).splitlines()[-1])
        await pilot.press("p")
        await settle(pilot, lambda: "60/60" in screen_text(app))


async def test_detach_leaves_the_run_alone(make_app, make_run, make_records, watch, settle):
    folder = make_run("pairs-1", make_records(60, total=200), live=True)
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await watch(pilot, folder, "60/200")
        await pilot.press("d")
        await settle(pilot, lambda: app.current_mode == "runs" and "pairs-1" in screen_text(app))
        assert run_state(RunFolder(folder)).live
        assert not RunFolder(folder).stop_request.exists()


async def test_a_run_that_is_over_is_closed_and_not_detached(make_app, make_run, make_records, watch, settle):
    folder = make_run("pairs-1", make_records(60, end=End("finished", "fine")))
    app = make_app()
    async with app.run_test(size=LARGE) as pilot:
        await watch(pilot, folder, "60/60")
        assert "Detach" not in screen_text(app)
        await pilot.press("d")
        await settle(pilot, lambda: app.current_mode == "runs" and app.run_folder is None)


async def test_a_run_whose_folder_goes_away_is_let_go(make_app, make_run, make_records, watch, settle):
    folder = make_run("pairs-1", make_records(60))
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await watch(pilot, folder, "60/60")
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        await settle(pilot, lambda: app.run_folder is None)
        assert "Nothing to train yet" in screen_text(app)


async def test_nothing_is_read_while_another_screen_is_in_view(
    make_app, make_run, make_records, write_events, watch, settle
):
    records = make_records(80, total=200)
    folder = make_run("pairs-1", records[:40], live=True)
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await watch(pilot, folder, "37/200")
        view = app.screen.run_view
        await pilot.press("1")
        write_events(folder, records[40:])
        await pilot.pause(0.4)
        assert view.history.step == 37
        await pilot.press("5")
        await settle(pilot, lambda: "80/200" in screen_text(app))


async def test_the_plan_says_what_will_be_trained(make_app, pair_preset, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot, lambda: app.session.valid)
        await app.action_go("train")
        await settle(pilot, lambda: "at most 12 in 1 epoch" in screen_text(app))
        text = screen_text(app)
        assert "pairs, Bradley-Terry" in text
        assert "rows.jsonl" in text
        assert "at most 64 tokens" in text
        assert "none: set val_set_size" in text


async def test_the_plan_knows_what_the_check_found(make_app, pair_preset, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot, lambda: app.session.valid)
        await app.action_go("train")
        await settle(pilot, lambda: "Check (4) says how many" in screen_text(app))
        report = CheckReport(12_000, 11_000, {"too-long": 1000}, "d1", (), {})
        app.inspector.checked = app.session.preset_text, report
        await pilot.press("1")
        await pilot.press("5")
        await settle(pilot, lambda: "11,000 of 12,000 reach training (1,000 too-long)" in screen_text(app))
        assert "Check (4)" not in screen_text(app)


async def test_launching_creates_a_run_and_watches_it(
    make_app, pair_preset, make_records, write_events, settle, monkeypatch
):
    launched = []

    def stand_in(run):
        launched.append(run)
        write_events(run.path, [Record(0, 0.0, PhaseEvent("starting"))])

    monkeypatch.setattr(train, "launch", stand_in)
    app = make_app(pair_preset)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot, lambda: app.session.valid)
        await app.action_go("train")
        await pilot.press("t")
        await settle(pilot, lambda: app.run_folder is not None)
        assert [run.path for run in launched] == [app.run_folder]
        await settle(pilot, lambda: app.run_folder.name in screen_text(app))


async def test_what_keeps_a_run_from_starting_is_said_and_the_plan_stays(make_app, pair_preset, settle, monkeypatch):
    def no_room(loaded, name):
        raise RunError("no room for a run: 3 MiB are free", "runs", "free some space")

    monkeypatch.setattr(train, "create_run", no_room)
    app = make_app(pair_preset)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot, lambda: app.session.valid)
        await app.action_go("train")
        await pilot.press("t")
        await settle(pilot, lambda: app.troubles)
        assert app.troubles[-1].what == "no room for a run: 3 MiB are free"
        assert "pairs, Bradley-Terry" in screen_text(app)
        assert not app.screen.query_one("#launch").disabled


async def test_a_preset_with_an_error_cannot_be_launched(make_app, pair_preset, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot, lambda: app.session.valid)
        app.edit(app.session.text + "nonsense_key: 3\n")
        await settle(pilot, lambda: app.session.checked and app.session.problems)
        await app.action_go("train")
        await settle(pilot, lambda: "nonsense_key" in screen_text(app))
        assert app.screen.query_one("#launch").disabled
        await pilot.press("t")
        await pilot.pause(0.2)
        assert app.run_folder is None


def test_the_end_of_a_log_is_safe_and_without_what_was_overwritten(tmp_path):
    log = tmp_path / "train.log"
    log.write_bytes(b"one\n 10%|#\r 50%|##\r100%|###\n\x1b[31mred\x1b[0m \x1b]0;title\x07\xff\n\n")
    assert read_tail(log) == ["one", "100%|###", "red \ufffd"]
    assert read_tail(tmp_path / "absent") == []


def test_the_last_words_of_a_traceback_are_its_error():
    log = ["ok", "Traceback (most recent call last):", '  File "a.py", line 1', "    f()", "KeyError: 'x'"]
    assert last_words(log) == ["ok", "KeyError: 'x'"]


async def test_every_cell_of_charts_and_tiles_has_the_theme_s_background(make_app, make_run, make_records, watch):
    folder = make_run("pairs-1", make_records(100, total=200), live=True)
    app = make_app()
    app.theme = "workbench-light"
    async with app.run_test(size=(117, 37)) as pilot:
        await watch(pilot, folder, "100/200")
        for widget in (*app.screen.query(Chart), *app.screen.query(MetricTiles)):
            for y in range(widget.size.height if widget.display else 0):
                assert all(part.style and part.style.bgcolor for part in widget.render_line(y) if part.text)
