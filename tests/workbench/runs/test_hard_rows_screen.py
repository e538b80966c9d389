import json

import pytest

from engine.runs.manifest import update_manifest
from workbench.run_rows import with_left_out
from workbench.screens.hard_rows import HardRowsScreen
from workbench.widgets.row_map import RowMap

SMALL, LARGE = (80, 24), (160, 50)


def screen_text(app):
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


@pytest.fixture
def fought(make_run, make_records):
    """A run of 20 rows seen four times: row 7 is ever more wrong, row 5 forgotten twice."""
    folder = make_run("pairs-1", make_records(40))

    def margin(row, visit):
        if row == 7:
            return -1.0 - visit
        return (-1) ** visit * 0.5 if row == 5 else 0.1 * row + visit

    with (folder / "rows.jsonl").open("w") as file:
        for visit in range(4):
            margins = [margin(row, visit) for row in range(20)]
            line = {"v": 1, "kind": "visits", "split": "train", "steps": [visit + 1], "epochs": [visit], "counts": [20],
                    "dataset": 0, "row": list(range(20)), "item": 0, "loss": [0.5] * 20, "margin": margins}  # fmt: skip
            file.write(json.dumps(line) + "\n")
    return folder


@pytest.fixture
def look(make_app, pair_preset, fought, settle):
    """The app on a run's hard rows, its preset open, on what may be a small screen."""

    async def begin(pilot, folder=fought):
        app = pilot.app
        await settle(pilot, lambda: app.session.valid)
        update_manifest(folder, preset_path=str(app.session.path))
        app.push_screen(HardRowsScreen(folder))
        await settle(pilot, lambda: "rows seen" in screen_text(app))
        return app

    return begin


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_the_worst_rows_come_first_and_lead_to_inspect(make_app, pair_preset, look, settle, size):
    app = make_app(pair_preset)
    async with app.run_test(size=size) as pilot:
        await look(pilot)
        assert "20 training rows seen, up to 4 times" in screen_text(app)
        assert next(line for line in screen_text(app).splitlines() if "0:" in line).split()[0] == "0:7"
        assert app.screen.query_one(RowMap).display == (size == LARGE)
        await pilot.press("down", "enter")
        await settle(pilot, lambda: app.current_mode == "inspect")
        assert app.row_set.rows[:2] == ((0, 5), (0, 0))
        assert app.row_set.split == "train"


async def test_rankings_are_one_key_apart(make_app, pair_preset, look, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=SMALL) as pilot:
        await look(pilot)
        await pilot.press("b")
        await settle(pilot, lambda: "confidently wrong" in screen_text(app))
        rows = [line for line in screen_text(app).splitlines() if " 0:" in line]
        assert [row.split()[0] for row in rows] == ["0:7"]
        await pilot.press("b")
        await settle(pilot, lambda: "from right to wrong" in screen_text(app))
        assert "most forgotten 1" in screen_text(app)


async def test_rows_are_written_and_left_out_by_the_preset(make_app, pair_preset, look, settle, own_folders):
    app = make_app(pair_preset)
    async with app.run_test(size=SMALL) as pilot:
        await look(pilot)
        await pilot.press("x")
        await settle(pilot, lambda: any("Mark rows first" in note.message for note in app._notifications))
        await pilot.press("space", "x")
        await settle(pilot, lambda: "Train without 1 row:" in screen_text(app))
        await pilot.press("enter")
        await settle(pilot, lambda: app.current_mode == "preset")
        written = own_folders / "pairs-1-left-out.jsonl"
        assert json.loads(written.read_text())["row"] == 7
        await settle(pilot, lambda: app.session.valid)
        assert app.session.loaded.preset.leave_out == str(written)
        assert app.session.unsaved


async def test_a_run_that_told_nothing_of_its_rows_says_so(make_app, make_run, make_records, settle):
    folder = make_run("old-1", make_records(10))
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        app.push_screen(HardRowsScreen(folder))
        await settle(pilot, lambda: "nothing of its training rows" in screen_text(app))
        await pilot.press("enter", "space", "e", "b")
        await pilot.press("escape")
        await settle(pilot, lambda: not isinstance(app.screen, HardRowsScreen))


def test_a_preset_s_text_changes_in_one_line_only():
    text = "base_model: m  # mine\nleave_out: old.jsonl\nlearning_rate: 1e-5\n"
    assert with_left_out(text, "new.jsonl") == text.replace("old", "new")
    assert with_left_out("base_model: m\n", "new.jsonl") == "base_model: m\nleave_out: new.jsonl\n"
