import asyncio
import json
import os
import subprocess
import sys
import threading
from contextlib import nullcontext
from dataclasses import replace

import pytest
from textual.events import Key

from tests.workbench.conftest import PAIR_PRESET
from workbench import preset_file
from workbench.drafts import Draft, find_drafts, keep_draft
from workbench.file_changes import look_at_file
from workbench.widgets.completion_list import CompletionList
from workbench.widgets.pair_view import PairView
from workbench.widgets.preset_editor import PresetEditor
from workbench.widgets.sample_pane import SamplePane
from workbench.widgets.steps_view import StepsView

WIDE = (160, 50)


def text_of(screen, selector):
    return "\n".join(str(widget.render()) for widget in screen.query(selector))


def sample(app):
    row = app.screen.query_one(SamplePane).row
    return row.sequences[0].text if row else None


@pytest.fixture
def opened(make_app, settle):
    """The app on a preset, its first sample in view."""

    async def wait(pilot):
        app = pilot.app
        await settle(pilot, lambda: app.session.checked and app.current_mode == "preset" and sample(app))
        return app.screen.query_one(PresetEditor)

    return wait


@pytest.mark.parametrize("size", [(80, 24), WIDE])
async def test_a_pair_is_shown_beside_its_preset(make_app, pair_preset, opened, size):
    app = make_app(pair_preset)
    async with app.run_test(size=size) as pilot:
        editor = await opened(pilot)
        assert editor.text == pair_preset.read_text()
        assert app.screen.query_one(PairView).display
        assert not app.screen.query_one(StepsView).display
        assert "train row 0 of 12" in text_of(app.screen, "RowHeader")


async def test_steps_are_shown_beside_theirs(make_app, steps_preset, opened):
    app = make_app(steps_preset)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        assert app.screen.query_one(StepsView).display
        assert not app.screen.query_one(PairView).display


async def test_the_sample_changes_with_the_preset(make_app, pair_preset, opened, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        editor = await opened(pilot)
        assert sample(app).startswith("<chatml>")
        editor.move_cursor((3, len("chat_template: chatml")))
        for _ in "chatml":
            await pilot.press("backspace")
        await pilot.press(*"gemma")
        await settle(pilot, lambda: sample(app).startswith("<gemma>"))
        assert app.session.unsaved
        assert "unsaved" in text_of(app.screen, "#open-preset")


async def test_a_mistake_is_marked_and_the_last_sample_stays(make_app, pair_preset, opened, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        editor = await opened(pilot)
        editor.move_cursor((7, 0))
        await pilot.press(*"x")
        await settle(pilot, lambda: app.session.checked and app.session.problems)
        assert [problem.line for problem in app.session.problems] == [8]
        assert "xsequence_len" in text_of(app.screen, "PresetStatus")
        assert "✗" in editor.render_line(7).text
        assert "✗" not in editor.render_line(6).text
        assert sample(app).startswith("<chatml>")
        await pilot.press("ctrl+z")
        await settle(pilot, lambda: app.session.valid)
        assert "✗" not in editor.render_line(7).text


async def test_next_problem_moves_the_cursor_there(make_app, pair_preset, opened, settle):
    pair_preset.write_text(pair_preset.read_text() + "zzz: 1\n")
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot, lambda: app.session.checked and app.current_mode == "preset")
        await pilot.press("f8")
        assert app.screen.query_one(PresetEditor).cursor_location == (8, 0)


async def test_rows_are_walked_without_leaving_the_editor(make_app, pair_preset, opened, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        await pilot.press("alt+n")
        await settle(pilot, lambda: "1 plus 1" in sample(app))
        await pilot.press("alt+p", "alt+p")
        await settle(pilot, lambda: "0 plus 0" in sample(app))
        for _ in range(20):
            await pilot.press("alt+n")
        await settle(pilot, lambda: "11 plus 11" in sample(app))
        assert app.selection.row == 11


async def test_what_the_inspector_cannot_do_is_said_in_its_place(make_app, pair_preset, inspector, settle):
    from engine.inspector.messages import Failure

    inspector.failure = Failure("There is no file rows.jsonl.", "datasets[0].path", "Put it beside the preset.")
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot, lambda: "no file rows.jsonl" in text_of(app.screen, "#message"))
        assert "Put it beside the preset." in text_of(app.screen, "#message")


async def test_save_writes_the_file(make_app, pair_preset, opened, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        await pilot.press("#", "ctrl+s")
        await settle(pilot, lambda: not app.session.unsaved)
        assert pair_preset.read_text().startswith("#base_model")
        assert find_drafts(app.state_dir, os.getpid()) == ()


async def test_save_as_writes_another_file_and_goes_on_there(make_app, pair_preset, opened, settle):
    before = pair_preset.read_text()
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        await pilot.press("#", "f3")
        await settle(pilot, lambda: app.screen.query("Input"))
        app.screen.query_one("Input").value = "other"
        await pilot.press("enter")
        await settle(pilot, lambda: app.session.name == "other")
        assert pair_preset.with_name("other.yaml").read_text() == "#" + before
        assert pair_preset.read_text() == before


async def test_a_built_in_preset_is_copied_on_save(make_app, own_folders, settle):
    from engine.preset.names import find_preset

    built_in = find_preset("gemma2-2b-pairs")
    before = built_in.read_text()
    app = make_app("gemma2-2b-pairs")
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot, lambda: app.session.checked)
        await pilot.press("#", "ctrl+s")
        await settle(pilot, lambda: not app.session.built_in and not app.session.unsaved)
        assert (own_folders / "gemma2-2b-pairs.yaml").read_text() == "#" + before
        assert built_in.read_text() == before


async def test_a_file_changed_by_another_is_not_overwritten_unasked(make_app, pair_preset, opened, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=(80, 24)) as pilot:
        editor = await opened(pilot)
        await pilot.press("#")
        await settle(pilot, lambda: app.session.unsaved)
        theirs, mine = PAIR_PRESET.replace("chatml", "gemma"), editor.text
        pair_preset.write_text(theirs)
        for answer in "keep", "reload":
            await pilot.press("ctrl+s")
            await settle(pilot, lambda: app.screen.query("Button"))
            shown = text_of(app.screen, "#shown")
            assert all(button.region in app.screen.region for button in app.screen.query("Button"))
            assert "chat_template: chatml" in shown and "chat_template: gemma" in shown
            assert pair_preset.read_text() == theirs and editor.text == mine
            await pilot.click(f"#answer-{answer}")
        await settle(pilot, lambda: editor.text == theirs)
        assert not app.session.unsaved
        await pilot.press("ctrl+z")
        assert editor.text == mine


async def test_a_change_by_another_program_is_taken_up_where_nothing_is_lost(make_app, pair_preset, opened, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=(80, 24)) as pilot:
        editor = await opened(pilot)
        theirs = PAIR_PRESET.replace("chatml", "gemma")
        pair_preset.write_text(theirs)
        told = await look_at_file(app, "")
        await settle(pilot, lambda: editor.text == theirs)
        assert not app.session.unsaved
        await pilot.press("#")
        await settle(pilot, lambda: app.session.unsaved)
        mine = editor.text
        pair_preset.write_text(PAIR_PRESET)
        told = await look_at_file(app, told)
        await settle(pilot, lambda: any("F5 shows the difference" in note.message for note in app._notifications))
        assert told == PAIR_PRESET
        assert editor.text == mine


async def test_revert_goes_back_to_the_file_and_can_be_undone(make_app, pair_preset, opened, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        editor = await opened(pilot)
        await pilot.press("#", "ctrl+r")
        await settle(pilot, lambda: not app.session.unsaved)
        assert editor.text == pair_preset.read_text()
        await pilot.press("ctrl+z")
        await settle(pilot, lambda: app.session.unsaved)
        assert editor.text.startswith("#base_model")


async def test_quitting_with_unsaved_edits_asks_and_keeps_them_for_next_time(make_app, pair_preset, opened, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        await pilot.press("#", "ctrl+q")
        await settle(pilot, lambda: app.screen.query("Button"))
        await pilot.press("escape")
        await pilot.pause()
        assert app.is_running
        await pilot.press("ctrl+q")
        await settle(pilot, lambda: app.screen.query("Button"))
        await pilot.press("enter")
        await settle(pilot, lambda: not app.is_running)
    assert not pair_preset.read_text().startswith("#")

    app = make_app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot, lambda: app.screen.query("Button"))
        assert "pairs.yaml was left with unsaved edits" in text_of(app.screen, "Static")
        await pilot.press("enter")
        await settle(pilot, lambda: app.current_mode == "preset" and app.session.checked)
        assert app.screen.query_one(PresetEditor).text.startswith("#base_model")
        assert app.session.unsaved


async def test_edits_given_up_are_gone(make_app, pair_preset, opened, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        await pilot.press("#", "ctrl+q")
        await settle(pilot, lambda: app.screen.query("Button"))
        await pilot.click("#answer-discard")
        await settle(pilot, lambda: not app.is_running)
    assert find_drafts(app.state_dir, os.getpid()) == ()


async def test_the_edits_of_a_killed_app_are_offered(make_app, pair_preset, opened, settle, tmp_path):
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    keep_draft(tmp_path / "state", Draft(str(pair_preset), "# lost\n", 1_700_000_000.0, int(gone.stdout)))
    app = make_app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot, lambda: app.screen.query("Button"))
        await pilot.press("enter")
        await settle(pilot, lambda: app.current_mode == "preset" and app.session.text == "# lost\n")


async def test_a_file_changed_while_edits_were_left_is_not_overwritten_unasked(
    make_app, pair_preset, opened, settle, tmp_path
):
    keep_draft(tmp_path / "state", Draft(str(pair_preset), PAIR_PRESET + "#", 1.0, os.getpid(), PAIR_PRESET))
    pair_preset.write_text(PAIR_PRESET.replace("chatml", "gemma"))
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        assert app.session.text == PAIR_PRESET + "#"
        await pilot.press("ctrl+s")
        await settle(pilot, lambda: app.screen.query("#answer-reload"))
        assert "gemma" in pair_preset.read_text()


async def test_the_drafts_of_a_living_app_are_its_own(tmp_path, pair_preset):
    keep_draft(tmp_path, Draft(str(pair_preset), "# theirs\n", 1_700_000_000.0, os.getppid()))
    assert find_drafts(tmp_path, os.getpid()) == ()


async def test_the_persons_own_editor_changes_the_text(make_app, pair_preset, opened, settle, monkeypatch):
    monkeypatch.setenv("EDITOR", "sed -i s/chatml/llama3/")
    app = make_app(pair_preset)
    monkeypatch.setattr(app, "suspend", nullcontext)  # a pilot has no terminal to hand over
    async with app.run_test(size=WIDE) as pilot:
        editor = await opened(pilot)
        await pilot.press("f4")
        await settle(pilot, lambda: "llama3" in editor.text)
        await pilot.press("ctrl+z")
        assert "chatml" in editor.text


async def test_the_row_in_view_is_found_again_next_time(make_app, pair_preset, opened, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        await pilot.press("alt+n", "alt+n")
        await settle(pilot, lambda: "2 plus 2" in sample(app))
    assert json.loads((app.state_dir / "state.json").read_text())["selections"] == {str(pair_preset): ["train", 2]}
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot, lambda: app.screen.query(SamplePane) and sample(app) and "2 plus 2" in sample(app))


async def test_control_characters_in_a_preset_do_not_reach_the_terminal(make_app, pair_preset, settle):
    pair_preset.write_text("# \x1b[2J \x9b31m \u202e\n" + pair_preset.read_text())
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot, lambda: app.session.checked and app.current_mode == "preset")
        drawn = app.screen.query_one(PresetEditor).render_line(0).text
        assert "␛[2J" in drawn
        assert not set("\x1b\x9b\u202e") & set(drawn)


async def test_keys_and_their_values_are_completed(make_app, pair_preset, opened, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        editor = await opened(pilot)
        editor.move_cursor((8, 0))
        await pilot.press(*"excess")
        completions = app.screen.query_one(CompletionList)
        await settle(pilot, lambda: completions.is_open)
        await pilot.press("tab")
        await settle(pilot, lambda: completions.is_open and editor.text.endswith("excess_length_strategy: "))
        await pilot.press("down", "enter")
        await settle(pilot, lambda: app.session.valid)
        assert editor.text.endswith("excess_length_strategy: truncate")
        assert not completions.is_open


async def test_completion_gets_out_of_the_way(make_app, pair_preset, opened, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        editor = await opened(pilot)
        editor.move_cursor((8, 0))
        await pilot.press(*"se")
        completions = app.screen.query_one(CompletionList)
        await settle(pilot, lambda: completions.is_open)
        await pilot.press("escape")
        assert not completions.is_open
        assert app.focused is editor
        await pilot.press(*"ed: 7", "enter")
        await settle(pilot, lambda: app.session.valid)
        assert editor.text.endswith("seed: 7\n")


async def test_the_key_under_the_cursor_is_explained(make_app, pair_preset, opened, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        editor = await opened(pilot)
        editor.move_cursor((7, 3))
        await settle(pilot, lambda: "default 512" in text_of(app.screen, "PresetStatus"))


async def test_enter_leads_back_to_the_editor_that_escape_left(make_app, pair_preset, opened, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=(80, 24)) as pilot:
        editor = await opened(pilot)
        await pilot.press("escape", "1", "2")
        await settle(pilot, lambda: app.current_mode == "preset")
        assert not editor.has_focus
        assert any(key.binding.action == "edit" and key.enabled for key in app.screen.active_bindings.values())
        await pilot.press("enter")
        assert editor.has_focus
        assert not any(key.binding.action == "edit" for key in app.screen.active_bindings.values())


@pytest.mark.parametrize("panes", ["both", "editor"])
async def test_escape_leaves_the_editor_whatever_stands_beside_it(make_app, pair_preset, settle, monkeypatch, panes):
    """While the preset is read there is no text and no sample: Escape is no key to lose even then."""
    read = threading.Event()
    reading = preset_file.read_preset
    monkeypatch.setattr(preset_file, "read_preset", lambda name: (read.wait(10), reading(name))[1])
    app = make_app(pair_preset)
    app.state.of("preset")["panes"] = panes
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, lambda: isinstance(app.focused, PresetEditor))
        await pilot.press("escape")
        read.set()
        await settle(pilot, lambda: app.session.valid)
        await pilot.press("3")
        await settle(pilot, lambda: app.current_mode == "inspect")
        assert not app.session.unsaved


async def test_what_is_typed_while_a_preset_opens_is_heard_by_its_place(make_app, settle, monkeypatch):
    opening, read = threading.Event(), threading.Event()
    reading = preset_file.read_preset

    def read_slowly(name):
        opening.set()
        read.wait(10)
        return reading(name)

    monkeypatch.setattr(preset_file, "read_preset", read_slowly)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, lambda: app.screen.query_one("#presets").highlighted is not None)
        app.post_message(Key("enter", None))
        while not opening.is_set():
            await asyncio.sleep(0.01)
        app.post_message(Key("escape", None))
        app.post_message(Key("3", "3"))
        read.set()
        await settle(pilot, lambda: app.current_mode == "inspect")
        assert app.session.path is not None
        assert not app.session.unsaved


async def test_a_sample_never_stands_beside_another_preset(
    make_app, pair_preset, steps_preset, opened, inspector, settle
):
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        answered, at_once = asyncio.Event(), inspector.rows

        async def slowly(*asked):
            await answered.wait()
            return await at_once(*asked)

        inspector.rows = slowly
        await app.open_preset(str(steps_preset))
        await settle(pilot, lambda: app.session.checked)
        assert sample(app) is None
        assert "Opening the data" in text_of(app.screen, "#message")
        answered.set()
        await settle(pilot, lambda: sample(app))
        assert app.screen.query_one(StepsView).display


async def test_a_new_line_goes_on_as_yaml_does(make_app, pair_preset, opened, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        editor = await opened(pilot)
        editor.move_cursor((4, len("datasets:")))
        await pilot.press("enter", *"- path: b", "enter", *"split: x", "enter")
        assert editor.text.split("\n")[4:9] == [
            "datasets:",
            "  - path: b",
            "    split: x",
            "    ",
            "  - path: rows.jsonl",
        ]
        editor.move_cursor((0, 4))
        await pilot.press("enter")
        assert editor.text.startswith("base\n_model")
        await pilot.press("ctrl+end")
        assert editor.cursor_location == editor.document.end
        await pilot.press("ctrl+home")
        assert editor.cursor_location == (0, 0)


async def test_lines_become_comments_and_back(make_app, pair_preset, opened):
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        editor = await opened(pilot)
        before = editor.text
        editor.move_cursor((5, 6))
        await pilot.press("shift+down", "ctrl+underscore")
        assert "  # - path: rows.jsonl\n  #   type: bradley_terry.chat_template\n" in editor.text
        editor.select_all()
        await pilot.press("ctrl+underscore")
        assert all(line.startswith("# ") for line in editor.text.splitlines())
        await pilot.press("ctrl+z", "ctrl+z")
        assert editor.text == before


async def test_text_is_found_round_and_round(make_app, pair_preset, opened):
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        editor = await opened(pilot)
        await pilot.press("ctrl+f", *"MODEL")
        assert (editor.cursor_location[0], editor.selected_text) == (0, "model")
        rows = []
        for key in ("enter", "enter", "ctrl+f", "up"):
            await pilot.press(key)
            rows.append(editor.selection.start)
        assert rows == [(0, 12), (1, 7), (0, 5), (1, 7)]
        await pilot.press("escape")
        assert editor.has_focus
        assert editor.selected_text == "model"


async def test_the_columns_of_the_data_are_offered(make_app, pair_preset, opened, settle, monkeypatch):
    asked = []

    async def seen(data, model=None):
        asked.append(data)
        return {"columns": ["question", "good answer", "bad"]}, ""

    monkeypatch.setattr("workbench.new_preset.look_at_data", seen)
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        editor = await opened(pilot)
        editor.move_cursor((6, 100))
        await pilot.press("enter", *"field_chosen: ")
        completions = app.screen.query_one(CompletionList)
        await settle(pilot, lambda: completions.is_open and completions.option_count == 3)
        await pilot.press("down", "tab")
        assert '    field_chosen: "good answer"\n' in editor.text
        assert asked == ["rows.jsonl"]


async def test_files_are_offered_where_a_path_is_typed(make_app, pair_preset, opened, settle, own_folders):
    (own_folders / "others.jsonl").touch()
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        editor = await opened(pilot)
        editor.move_cursor((5, 100))
        await pilot.press(*["backspace"] * len("rows.jsonl"), *"oth")
        completions = app.screen.query_one(CompletionList)
        await settle(pilot, lambda: completions.is_open)
        await pilot.press("enter")
        assert "  - path: others.jsonl\n" in editor.text


async def test_the_key_under_the_mouse_is_explained(make_app, pair_preset, opened):
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        editor = await opened(pilot)
        await pilot.hover(editor, offset=(8, 7))
        assert "sequence_len: whole number" in str(editor.tooltip)


async def test_what_is_typed_while_the_preset_is_looked_at_is_kept(make_app, pair_preset, opened, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        editor = await opened(pilot)
        await pilot.press("#")
        await settle(pilot, lambda: app.session.text.startswith("#"))
        editor.insert("x")  # in the editor, and its message not yet heard of
        app.session = replace(app.session, checked=True)
        await settle(pilot, lambda: app.session.text.startswith("#x"))
        assert editor.text.startswith("#x")


async def test_keys_that_come_in_one_burst_act_in_their_order(make_app, pair_preset, opened, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=WIDE) as pilot:
        editor = await opened(pilot)
        editor.move_cursor(editor.document.end)
        editor.focus()
        await pilot.pause()
        for key in ("number_sign", "a", "b", "c", "backspace", "d", "left", "e"):
            app.post_message(Key(key, "#" if key == "number_sign" else key if len(key) == 1 else None))
        await settle(pilot, lambda: "e" in editor.text.splitlines()[-1].partition("#")[2])
        assert editor.text.endswith("#abed")
