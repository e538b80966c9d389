"""What Home and the preset screen look like. Look at a changed picture before accepting it."""

import os
from pathlib import Path

import pytest
from textual.widgets import TextArea

from engine.preset.names import NamedPreset
from engine.runs.state import State
from engine.runs.summary import RunSummary
from workbench.screens.home import HomeList
from workbench.widgets.sample_pane import SamplePane

SIZES = [(80, 24), (120, 40), (200, 60)]
PRESETS = (
    NamedPreset("demo-pairs", Path("demo-pairs.yaml"), "built in", "pair", "The demo for pairs, in about a minute."),
    NamedPreset("demo-steps", Path("demo-steps.yaml"), "built in", "steps", "The demo for steps."),
    NamedPreset("helpful", Path("presets/helpful.yaml"), "./presets", "pair", "Our own answers, \x1b[31mranked."),
)
RECENT = (
    NamedPreset("helpful-longer", Path("helpful-longer.yaml"), "here", "pair", "Our own answers, up to 4096 tokens."),
    NamedPreset("maths", Path("other/maths.yaml"), "other/", "steps", ""),
)
RUNS = [
    RunSummary(
        "helpful-2", Path("runs/helpful-2"), "helpful", "pair", State.TRAINING, 2.0,
        step=40, total_steps=200, loss=0.512, accuracy=0.75, series=tuple(0.7 - 0.02 * at for at in range(12)),
    ),
    RunSummary(
        "helpful-1", Path("runs/helpful-1"), "helpful", "pair", State.FINISHED, 1.0,
        step=200, total_steps=200, loss=0.301, accuracy=0.9, eval_accuracy=0.871,
        series=tuple(0.7 - 0.01 * at for at in range(40)),
    ),
    RunSummary("steps-1", Path("runs/steps-1"), "demo-steps", "steps", State.CRASHED, 0.5),
]  # fmt: skip


@pytest.fixture
def home(make_app, still, monkeypatch):
    """The app at home, with these presets and no or some runs."""

    def make(runs):
        recent = RECENT if runs else ()
        monkeypatch.setattr("workbench.screens.home._presets", lambda _: (PRESETS, recent))
        monkeypatch.setattr("workbench.screens.home._recent_runs", lambda: runs)
        return make_app()

    return make


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("runs", [[], RUNS], ids=["new", "runs"])
def test_home(home, runs, size, snap_compare, settle):
    async def ready(pilot):
        screen = pilot.app.screen
        await settle(pilot, lambda: screen.query_one("#presets", HomeList).option_count and drawn(screen, "#machine"))
        await settle(pilot, lambda: screen.query_one("#runs", HomeList).option_count == len(runs))

    assert snap_compare(home(runs), terminal_size=size, run_before=ready)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
@pytest.mark.parametrize("text", ["sample", "mistake", "steps"])
def test_preset(make_app, still, pair_preset, steps_preset, text, size, snap_compare, settle):
    async def ready(pilot):
        app = pilot.app
        await settle(pilot, lambda: app.session.checked and app.focused)
        editor = app.screen.query_one(TextArea)
        await settle(pilot, lambda: app.screen.query_one(SamplePane).row)
        if text == "mistake":
            editor.move_cursor((7, 0))
            await pilot.press("x")
            await settle(pilot, lambda: app.session.checked and app.session.problems)
            await settle(pilot, lambda: "xsequence_len" in str(app.screen.query_one("PresetStatus").render()))
        else:
            editor.move_cursor((3, 2))
        await pilot.pause(0.2)

    app = make_app(steps_preset if text == "steps" else pair_preset)
    assert snap_compare(app, terminal_size=size, run_before=ready)


def drawn(screen, selector):
    return str(screen.query_one(selector).render())


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_difference(make_app, still, pair_preset, size, snap_compare, settle):
    async def ready(pilot):
        app = pilot.app
        await settle(pilot, lambda: app.session.checked and app.focused)
        editor = app.screen.query_one(TextArea)
        editor.replace("chat_template: llama3 # as the base has it", (3, 0), (3, 100))
        editor.insert("learning_rate: 1e-5\n", (8, 0))
        await settle(pilot, lambda: app.session.valid)
        await pilot.press("f5")
        await settle(pilot, lambda: app.screen.query("#differences") and "added" in drawn(app.screen, "#differences"))

    assert snap_compare(make_app(pair_preset), terminal_size=size, run_before=ready)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_picker(home, own_folders, monkeypatch, size, snap_compare, settle):
    async def ready(pilot):
        await settle(pilot, lambda: pilot.app.screen.query_one("#presets", HomeList).option_count)
        await pilot.press("n")
        await settle(pilot, lambda: pilot.app.screen.query("PickPath OptionList"))
        await settle(pilot, lambda: pilot.app.screen.query_one("OptionList").option_count)

    monkeypatch.setattr("workbench.screens.pick_path.time.time", lambda: 1_700_000_000.0)
    for name, size_of in (("answers.jsonl", 2_400_000), ("steps.parquet", 81_000), ("notes.txt", 10)):
        path = own_folders / name
        path.write_bytes(b"x" * size_of)
        os.utime(path, (1_699_990_000, 1_699_990_000))
    (own_folders / "more").mkdir()
    assert snap_compare(home([]), terminal_size=size, run_before=ready)
