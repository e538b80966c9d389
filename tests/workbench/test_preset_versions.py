"""Comparing the preset being worked on with its file, the built-in it is from, and the runs of it."""

from engine.preset.load import load_preset
from engine.preset.names import find_preset
from engine.runs.folder import create_run
from workbench.preset_file import read_preset
from workbench.preset_versions import compare_with, versions_of
from workbench.screens.difference import DifferenceScreen, report

WIDE = (160, 50)


def written(comparison):
    return "\n".join(str(line) for line in report(comparison))


def test_a_preset_is_compared_with_what_there_is_of_it(own_folders, pair_preset):
    (own_folders / "rows.jsonl").write_text("{}\n")
    run = create_run(load_preset(str(pair_preset)), "first")
    pair_preset.write_text(pair_preset.read_text().replace("sequence_len: 64", "sequence_len: 32"))
    session = read_preset(str(pair_preset))
    file, built_in, ran = versions_of(session, str(find_preset("demo-pairs")))
    assert [file.title, built_in.title, ran.title] == ["the file", "built-in demo-pairs", "run first"]
    assert "The text is the same." in written(compare_with(session, file))
    assert "base_model" in written(compare_with(session, built_in))
    against_run = compare_with(session, ran)
    assert [value.key for value in against_run.values] == ["sequence_len"]  # not the paths, which a run makes absolute
    assert "64 → 32" in written(against_run)
    assert run.preset == ran.path


def test_a_preset_with_errors_is_compared_as_text(pair_preset):
    session = read_preset(str(pair_preset))
    pair_preset.write_text("nonsense: 1\n")
    (file, *_) = versions_of(session, None)
    comparison = compare_with(session, file)
    assert comparison.values is None
    assert "- nonsense: 1" in written(comparison)


async def test_the_difference_is_shown_and_a_version_taken_over(make_app, own_folders, settle):
    app = make_app("demo-pairs")
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot, lambda: app.session.checked and app.current_mode == "preset")
        editor = app.screen.query_one("#editor")
        await pilot.press("f3", "enter")
        await settle(pilot, lambda: app.session.path == own_folders / "demo-pairs.yaml" and not app.session.unsaved)
        before = editor.text
        editor.replace("num_epochs: 7", (23, 0), (23, 100))
        await settle(pilot, lambda: app.session.valid and app.session.unsaved)
        await pilot.press("f5")
        await settle(pilot, lambda: isinstance(app.screen, DifferenceScreen))
        shown = app.screen.query_one("#differences")
        await settle(pilot, lambda: "num_epochs" in str(shown.render()))
        assert "3 → 7" in str(shown.render())
        await pilot.press("right")
        assert "▸built-in demo-pairs" in str(app.screen.query_one("#versions").render())
        await pilot.press("t")
        await settle(pilot, lambda: not app.session.unsaved)
        assert editor.text == before
        await pilot.press("ctrl+z")
        await settle(pilot, lambda: "num_epochs: 7" in app.session.text)


async def test_looking_changes_nothing(make_app, pair_preset, settle):
    app = make_app(pair_preset)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, lambda: app.session.checked and app.current_mode == "preset")
        await pilot.press("f5")
        await settle(pilot, lambda: isinstance(app.screen, DifferenceScreen))
        await pilot.press("down", "f5")
        await settle(pilot, lambda: not isinstance(app.screen, DifferenceScreen))
        assert not app.session.unsaved
