import re
from types import SimpleNamespace

import pytest
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import OptionList, Static

from workbench.__main__ import main
from workbench.modes import MODES
from workbench.screens.dialog import AskText, needs_a_new_file
from workbench.widgets.text_input import TextInput


async def test_starts_at_home_and_every_place_has_a_tab(make_app):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.current_mode == "home"
        await pilot.press("2")
        assert app.current_mode == "preset"
        await pilot.press("alt+1")
        assert app.current_mode == "home"
        tabs = [str(tab.render()) for tab in app.screen.query("_Tab")]
        assert tabs == [f"{mode.key} {mode.title}" for mode in MODES]
        await pilot.resize_terminal(40, 12)
        await pilot.pause()
        assert [str(tab.render()) for tab in app.screen.query("_Tab")] == ["1 Home", "2", "3", "4", "5", "6"]
        assert app.screen.query("_Tab").last().region.right < 40


def help_text(app):
    options = app.screen.query_one(OptionList)
    return "\n".join(str(options.get_option_at_index(i).prompt) for i in range(options.option_count))


async def highlight(pilot, title):
    lines = help_text(pilot.app).splitlines()
    pilot.app.screen.query_one(OptionList).highlighted = next(i for i, line in enumerate(lines) if title in line)
    await pilot.pause()


async def test_help_lists_the_keys_that_work_here(make_app):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f1")
        assert "Go to Inspect" in help_text(app)
        assert "Quit" in help_text(app)
        await pilot.press("escape")
        assert app.current_mode == "home"


async def test_a_key_is_changed_where_it_is_listed_and_kept_for_the_next_session(make_app):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f1")
        await highlight(pilot, "Last error")
        await pilot.press("enter", "f9")
        await pilot.pause()
        assert re.search(r"(?i)f9 +Last error", help_text(app))
        await pilot.press("escape", "f9")
        await pilot.pause()
        assert app._notifications, "the new key does what the old one did"
    again = make_app()
    async with again.run_test(size=(80, 24)) as pilot:
        await pilot.press("f1")
        assert re.search(r"(?i)f9 +Last error", help_text(again))
        await highlight(pilot, "Last error")
        await pilot.press("backspace")
        await pilot.pause()
        assert re.search(r"! +Last error", help_text(again))


async def test_a_key_that_is_taken_or_that_leads_out_is_not_given_away(make_app):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f1")
        await highlight(pilot, "Last error")
        for key, told in (("4", "is taken here: Go to Check"), ("enter", "stays what it is")):
            await pilot.press("enter", key)
            assert told in str(app.screen.query_one(Vertical).border_subtitle)
        assert re.search(r"! +Last error", help_text(app))
        await pilot.press("enter", "escape", "escape")
        assert app.current_mode == "home"
        assert not app.state.keymap


async def test_an_error_can_be_read_in_full_and_copied(make_app):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.report("No \x1b[2Jsuch [b]column[/b].", "data.jsonl:3", "Name it.", details="row {…}")
        await pilot.pause()
        await pilot.press("!")
        text = "\n".join(str(static.render()) for static in app.screen.query("Static"))
        assert "No ␛[2Jsuch [b]column[/b]." in text
        assert "data.jsonl:3" in text
        assert "row {…}" in text
        await pilot.press("c")
        assert app.clipboard == "No \x1b[2Jsuch [b]column[/b].\ndata.jsonl:3\nName it.\nrow {…}"


async def commands(pilot):
    return {command.title: command for command in pilot.app.get_system_commands(pilot.app.screen)}


async def test_the_palette_offers_every_action_that_a_key_does(make_app, pair_preset, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot, lambda: app.session.checked and app.focused)
        offered = await commands(pilot)
        described = {
            active.binding.description
            for active in app.screen.active_bindings.values()
            if active.node in (app, app.screen) and not active.binding.system
        }
        assert {f"Go to {mode.title}" for mode in MODES} | {
            "Save",
            "Save as",
            "Revert",
            "Next row",
            "Help",
        } <= described
        assert described - {"Commands", "Focus Next", "Focus Previous", ""} <= set(offered)
        assert not any(title.startswith("Cursor") for title in offered)
        await offered["Go to Home"].callback()
        assert app.current_mode == "home"


async def test_the_palette_is_searched_by_name(make_app, settle):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+p", *"go to preset")
        await pilot.pause(0.5)
        await pilot.press("enter")
        await settle(pilot, lambda: app.current_mode == "preset")


async def test_the_theme_is_remembered(make_app, settle):
    app = make_app()
    async with app.run_test() as pilot:
        (await commands(pilot))["Theme: workbench-light"].callback()
        await pilot.pause()
        assert app.theme == "workbench-light"
    assert make_app().theme == "workbench-light"


async def test_a_damaged_state_is_forgotten(make_app, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "state.json").write_text('{"selections": {"x": 3}, "theme": [], "screens": 1}')
    app = make_app()
    async with app.run_test():
        assert app.current_mode == "home"
        assert app.theme == "workbench-dark"


async def test_a_fault_of_ours_ends_in_one_line_and_a_log(make_app, tmp_path):
    app = make_app()
    with pytest.raises(ZeroDivisionError):
        async with app.run_test() as pilot:
            app.call_later(lambda: 1 // 0)
            await pilot.pause(0.1)
    assert app.return_code == 1
    assert "ZeroDivisionError" in (tmp_path / "state" / "crash.log").read_text()


@pytest.mark.parametrize(("keys", "stops"), [(["enter"], False), (["right", "enter"], True)])
async def test_quitting_while_a_run_trains_leaves_it_training(make_app, settle, monkeypatch, tmp_path, keys, stops):
    stopped = []
    monkeypatch.setattr("workbench.leaving._is_live", lambda folder: True)
    monkeypatch.setattr("workbench.leaving._stop", stopped.append)
    app = make_app()
    async with app.run_test() as pilot:
        app.run_folder = tmp_path
        await pilot.press("ctrl+q")
        await settle(pilot, lambda: app.screen.query("Button"))
        await pilot.press(*keys)
        await settle(pilot, lambda: not app.is_running)
    assert stopped == ([tmp_path] if stops else [])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--help"], 0, "rm-workbench [PRESET]"),
        (["--version"], 0, "rm-workbench "),
        ([], 2, "needs a terminal"),
        (["demo-pairs"], 2, "needs a terminal"),
        (["a", "b"], 2, "'b' is not understood"),
        (["--fast"], 2, "'--fast' is not understood"),
    ],
)
def test_the_command_without_a_terminal(arguments, code, said, capsys):
    assert main(arguments) == code
    out, err = capsys.readouterr()
    assert said in out + err
    assert "Traceback" not in out + err


def test_a_dumb_terminal_is_told_so(monkeypatch, capsys):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: True, write=print))
    assert main([]) == 2
    assert "TERM" in capsys.readouterr().err


def test_commands_go_to_the_command_line(capsys):
    assert main(["show", "demo-pears"]) == 2
    assert "no preset of this name" in capsys.readouterr().err


async def test_jumping_puts_a_letter_on_every_part_and_goes_to_the_one_pressed(make_app, pair_preset):
    app = make_app(pair_preset)
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        below = app.screen
        first, second = [widget for widget in below.focus_chain if widget.region.area][:2]
        for letter, place in (("a", first), ("s", second)):
            await pilot.press("ctrl+o")
            labels = {str(label.render()): label.region.offset for label in app.screen.query(Static)}
            assert labels[letter] == place.region.offset
            await pilot.press(letter)
            await pilot.pause()
            assert app.screen is below
            assert below.focused is place
        await pilot.press("ctrl+o", "escape")
        assert below.focused is second


async def test_what_is_typed_into_a_line_in_one_burst_keeps_its_order(make_app):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        line = TextInput("old")
        await app.screen.mount(line)
        line.focus()
        await pilot.pause()
        for key in ("ctrl+u", "n", "e", "x", "backspace", "w"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        await pilot.pause()
        await pilot.pause()
        assert line.value == "new"


async def test_a_text_that_is_no_answer_keeps_the_dialog_open_and_is_told_why(make_app, own_folders):
    (own_folders / "marked.jsonl").touch()
    app, answers = make_app(), []
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(AskText("Write", "A file", "marked.jsonl", refuses=needs_a_new_file), answers.append)
        await pilot.pause()
        for keys, told in ((), "already"), (("ctrl+u",), "name is needed"), ((" ",), "name is needed"):
            await pilot.press(*keys, "enter")
            refused = app.screen.query_one("#refused")
            assert refused.display and told in str(refused.render())
            await pilot.press("n")
            assert not refused.display
            await pilot.press("backspace")
        await pilot.press("ctrl+u", *"new", "enter")
        assert answers == ["new"]
