"""The file picker: what fits a path that is being typed, and what the keys do."""

import pytest
from textual.app import App
from textual.widgets import Input, OptionList

from workbench.path_entries import common_beginning, folder_above, path_entries
from workbench.screens.pick_path import PickPath
from workbench.theme import VARIABLES_DARK


@pytest.fixture
def files(own_folders):
    for name in ("alpha.yaml", "beta.yaml", "notes.txt", ".hidden.yaml", "sub/alpine.yml", "sub/deep/x.yaml"):
        path = own_folders / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return own_folders


def texts(typed, here, endings=()):
    return [entry.text for entry in path_entries(typed, here, endings)]


def test_what_begins_as_typed_comes_first_and_folders_before_files(files):
    assert texts("", files) == ["sub/", "alpha.yaml", "beta.yaml", "notes.txt"]
    assert texts("", files, (".yaml", ".yml")) == ["sub/", "alpha.yaml", "beta.yaml"]
    assert texts("b", files) == ["beta.yaml", "sub/"]
    assert texts("sub/", files) == ["sub/deep/", "sub/alpine.yml"]
    assert texts(".h", files) == [".hidden.yaml"]
    assert texts("nowhere/", files) == []
    assert texts("\0/", files) == []


def test_completion_goes_as_far_as_all_agree(files):
    assert common_beginning(path_entries("alp", files), "alp") == "alpha.yaml"
    (files / "alphabet.yaml").touch()
    assert common_beginning(path_entries("al", files), "al") == "alpha"
    assert common_beginning(path_entries("q", files), "q") == "q"


@pytest.mark.parametrize(
    ("typed", "above"),
    [("", "../"), ("../", "../../"), ("a/b/", "a/"), ("a/x", ""), ("/a/", "/"), ("/", "/"), ("a/", "")],
)
def test_the_folder_above(typed, above):
    assert folder_above(typed) == above


class Asking(App[None]):
    def __init__(self, picker):
        super().__init__()
        self.picker, self.answers = picker, []

    def get_theme_variable_defaults(self):
        return VARIABLES_DARK

    def on_mount(self):
        self.push_screen(self.picker, self.answers.append)


def asks(settle, **given):
    """Presses keys in a picker, and gives what it answered."""

    async def press(*keys):
        app = Asking(PickPath("Open", "Which?", **given))
        async with app.run_test(size=(80, 24)) as pilot:
            await settle(pilot, lambda: app.screen.query(OptionList) and app.screen.query_one(OptionList).option_count)
            for key in keys:
                await pilot.press(key)
                await pilot.app.workers.wait_for_complete()
                await pilot.pause()
            return app.answers or app.screen.query_one(Input).value

    return press


async def test_enter_takes_what_is_in_hand_and_walks_into_folders(files, settle):
    press = asks(settle, endings=(".yaml", ".yml"))
    assert await press("b", "enter") == ["beta.yaml"]
    assert await press("enter") == "sub/"
    assert await press("enter", "down", "enter") == ["sub/alpine.yml"]
    assert await press("tab", "down", "enter") == ["sub/alpine.yml"]
    assert await press("enter", "alt+up") == ""
    assert await press("a", "escape") == [None]


async def test_to_save_what_is_typed_counts(files, settle):
    press = asks(settle, purpose="save", endings=(".yaml",))
    assert await press("a", "enter") == ["a"]
    assert await press("down", "down", "enter") == ["alpha.yaml"]


async def test_for_data_a_folder_or_a_hub_id_will_do(files, settle):
    press = asks(settle, purpose="data")
    assert await press(*"sub", "enter", "enter") == ["sub/"]
    assert await press(*"org/name", "enter") == ["org/name"]


async def test_names_with_control_characters_do_not_reach_the_screen(files, settle):
    (files / "a\x1b[2J.yaml").touch()
    app = Asking(PickPath("Open", "Which?"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, lambda: app.screen.query(OptionList) and app.screen.query_one(OptionList).option_count)
        await pilot.press("a")
        await app.workers.wait_for_complete()
        listed = app.screen.query_one(OptionList)
        shown = "".join(str(listed.get_option_at_index(at).prompt) for at in range(listed.option_count))
        assert "\x1b" not in shown and "␛[2J" in shown
