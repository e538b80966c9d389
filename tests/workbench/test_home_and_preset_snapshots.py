"""What Home and the preset screen look like. Look at a changed picture before accepting it."""

from pathlib import Path

import pytest
from textual.widgets import TextArea

from engine.preset.names import NamedPreset
from engine.runs.state import State
from engine.runs.summary import RunSummary
from workbench.screens.home import HomeList
from workbench.widgets.sample_pane import SamplePane

SIZES = [(80, 24), (160, 50)]
PRESETS = (
    NamedPreset("demo-pairs", Path("demo-pairs.yaml"), "built in", "pair", "The demo for pairs, in about a minute."),
    NamedPreset("demo-steps", Path("demo-steps.yaml"), "built in", "steps", "The demo for steps."),
    NamedPreset("helpful", Path("presets/helpful.yaml"), "./presets", "pair", "Our own answers, \x1b[31mranked."),
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
        monkeypatch.setattr("workbench.screens.home._presets", lambda recent: (PRESETS, ()))
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


@pytest.mark.parametrize("size", SIZES)
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
