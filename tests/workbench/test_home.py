import json
import time

import pytest

from engine.preset.names import list_presets
from tests.workbench.conftest import PAIR_PRESET
from workbench.screens.home import HomeList


def lines(app, which):
    listed = app.screen.query_one(f"#{which}", HomeList)
    return [str(listed.get_option_at_index(at).prompt) for at in range(listed.option_count)]


@pytest.fixture
def make_run(own_folders):
    """Makes a run's folder with a curve that falls."""
    from engine.preset.load import load_preset
    from engine.runs.folder import create_run

    def make(preset, name, ended="finished"):
        run = create_run(load_preset(str(preset)), name)
        begin = {"run": name, "model_kind": "pair", "device": "cpu", "total_steps": 8, "digest": "d", "ledger": {}}
        begin |= {"parameters": 1, "trained_parameters": 1, "versions": {}, "resumed_from": None, "kind": "start"}
        events = [begin]
        for step in range(1, 9):
            values = {"loss": 0.8 - step / 16, "accuracy": 0.5 + step / 20}
            events.append({"step": step, "values": values, "not_finite": [], "kind": "metric"})
        if ended:
            events.append({"status": ended, "message": "", "advice": "", "kind": "end"})
        stamp = {"v": 1, "time": time.time()}
        with run.events.open("w") as file:
            for seq, event in enumerate(events):
                file.write(json.dumps({**stamp, "seq": seq, **event}) + "\n")
        return run.path

    return make


async def test_presets_are_listed_with_kind_and_origin(make_app, own_folders, settle):
    (own_folders / "presets").mkdir()
    (own_folders / "presets" / "mine.yaml").write_text("# My [b]own[/b] \x1b[2Jpairs.\nreward_model: true\n")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot, lambda: lines(app, "presets"))
        listed = lines(app, "presets")
        assert any("gemma2-2b-pairs" in line and "pair" in line and "built in" in line for line in listed)
        assert any("qwen2.5-3b-steps" in line and "steps" in line for line in listed)
        assert any("mine" in line and "./presets" in line and "My [b]own[/b] ␛[2Jpairs." in line for line in listed)


async def test_with_no_run_a_newcomer_is_told_what_to_do(make_app, settle):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, lambda: lines(app, "presets"))
        assert "Enter on demo-pairs" in str(app.screen.query_one("#guide").render())
        assert app.focused.id == "presets"


async def test_enter_opens_the_highlighted_preset(make_app, own_folders, settle):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, lambda: lines(app, "presets"))
        app.screen.query_one("#presets", HomeList).highlighted = 0
        await pilot.press("j", "k", "enter")
        await settle(pilot, lambda: app.current_mode == "preset" and app.session.path)
        assert app.session.name == list_presets()[0].name


async def test_the_last_preset_is_open_and_highlighted_next_time(make_app, pair_preset, own_folders, settle):
    (own_folders / "presets").mkdir()
    kept = own_folders / "presets" / "zz.yaml"
    kept.write_text(pair_preset.read_text())
    app = make_app(kept)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, lambda: app.session.path)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, lambda: app.session.path == kept and lines(app, "presets"))
        assert app.current_mode == "home"
        assert "zz" in lines(app, "presets")[app.screen.query_one("#presets", HomeList).highlighted]


async def test_a_preset_is_opened_by_its_path(make_app, pair_preset, settle):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, lambda: lines(app, "presets"))
        await pilot.press("o", *"pairs.yaml", "enter")
        await settle(pilot, lambda: app.session.path == pair_preset)


async def test_what_was_worked_on_last_is_listed_and_opens(make_app, pair_preset, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, lambda: app.session.path)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, lambda: lines(app, "recent") and app.focused and app.focused.id == "recent")
        assert "pairs" in lines(app, "recent")[0]
        assert "here" in lines(app, "recent")[0]
        await pilot.press("enter")
        await settle(pilot, lambda: app.current_mode == "preset" and app.session.path == pair_preset)
        pair_preset.unlink()
        await pilot.press("escape", "1")
        await settle(pilot, lambda: not lines(app, "recent"))


async def test_data_without_a_preset_get_one(make_app, own_folders, settle, monkeypatch):
    (own_folders / "mine.jsonl").write_text("{}\n")
    asked = []

    async def seen(data, model=None):
        asked.append(data)
        return {"text": PAIR_PRESET, "kind": "pair", "reason": "its columns"}, ""

    monkeypatch.setattr("workbench.new_preset.look_at_data", seen)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, lambda: lines(app, "presets"))
        await pilot.press("n")
        await settle(pilot, lambda: app.screen.query("PickPath PathInput"))
        await pilot.press(*"mine", "enter")
        await settle(pilot, lambda: app.current_mode == "preset" and app.session.checked)
        assert asked == ["mine.jsonl"]
        assert app.session.path == own_folders / "mine.yaml"
        assert app.session.unsaved
        await pilot.press("ctrl+s")
        await settle(pilot, lambda: not app.session.unsaved)
    assert (own_folders / "mine.yaml").read_text() == PAIR_PRESET


async def test_data_that_cannot_be_read_are_said(make_app, own_folders, settle, monkeypatch):
    async def unseen(data, model=None):
        return None, "rows.txt: not data\n  Give JSON lines."

    monkeypatch.setattr("workbench.new_preset.look_at_data", unseen)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, lambda: lines(app, "presets"))
        await pilot.press("n", *"x/y", "enter")
        await settle(pilot, lambda: app.troubles)
        assert (app.troubles[0].what, app.troubles[0].advice) == ("rows.txt: not data", "Give JSON lines.")


async def test_the_engine_is_asked_about_data(own_folders, monkeypatch):
    from workbench.new_preset import look_at_data

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (own_folders / "-odd name.jsonl").write_text('{"input": "q", "chosen": "a", "rejected": "b"}\n')
    seen, trouble = await look_at_data("-odd name.jsonl")
    assert (seen["kind"], trouble) == ("pair", "")
    seen, trouble = await look_at_data("nowhere.jsonl")
    assert seen is None
    assert "no such file" in trouble


async def test_a_preset_that_is_not_there_is_said_and_the_app_stays(make_app, settle):
    app = make_app("demo-pears")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, lambda: app.troubles)
        assert "no preset of this name" in str(app.troubles[0])
        await pilot.press("1")
        assert app.is_running


async def test_runs_are_listed_with_their_curve_and_open(make_app, make_run, pair_preset, settle):
    folder = make_run(pair_preset, "first")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot, lambda: lines(app, "runs"))
        (line,) = lines(app, "runs")
        assert "first" in line
        assert "finished" in line
        assert "loss 0.300" in line
        assert "acc 0.900" in line
        assert "█" in line and "▁" in line
        assert not app.screen.query_one("#guide").display
        presets = app.screen.query_one("#presets")
        await pilot.press("G", "j", "j", "j")  # from the last preset to the runs, and no further
        assert app.focused.id == "runs" and presets.highlighted == presets.option_count - 1
        await pilot.press("enter")
        await settle(pilot, lambda: app.current_mode == "train")
        assert app.run_folder == folder.resolve()


async def test_runs_that_come_are_seen_without_asking(make_app, make_run, pair_preset, settle):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot, lambda: lines(app, "presets"))
        assert lines(app, "runs") == []
        make_run(pair_preset, "second")
        await settle(pilot, lambda: lines(app, "runs"))
