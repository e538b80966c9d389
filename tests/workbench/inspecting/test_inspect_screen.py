import gc
import json
from dataclasses import replace

from textual.widgets import OptionList

from engine.inspector.messages import Failure, FindingView
from workbench.session import RowSet, Selection
from workbench.widgets.notice import Notice
from workbench.widgets.pair_view import PairView
from workbench.widgets.row_header import RowHeader
from workbench.widgets.row_list import RowList
from workbench.widgets.token_inspector import TokenInspector
from workbench.widgets.token_pane import TokenPane
from workbench.widgets.token_view import TokenView


async def at_inspect(pilot):
    await settled(pilot)
    await pilot.press("alt+3")
    await settled(pilot)


async def at_inspect_without_waiting(pilot):
    await pilot.pause()
    await pilot.press("alt+3")
    while pilot.app.screen.MODE != "inspect" or pilot.app.screen.row is None:
        await pilot.pause()


async def settled(pilot):
    for _ in range(3):
        await pilot.pause()
        dialog = len(pilot.app.screen_stack) > 1  # what waits for its answer goes on after it
        left = {"ahead", "ask"} if dialog else {"ahead"}
        if waiting := [worker for worker in pilot.app.workers if worker.group not in left]:
            await pilot.app.workers.wait_for_complete(waiting)
    await pilot.pause()


async def choose(pilot, key, *words, press="enter"):
    """Opens a dialog with a key, goes to the option that has these words, and presses a key there."""
    if key != "_":  # another dialog follows of itself
        await pilot.press(key)
    while not (options := list(pilot.app.screen.query(OptionList).results())):
        await pilot.pause()
    labels = [str(option.prompt) for option in options[0].options]
    options[0].highlighted = next(at for at, label in enumerate(labels) if all(word in label for word in words))
    await pilot.press(press)
    await settled(pilot)


def said(app, widget):
    return str(app.screen.query_one(widget).render())


async def test_rows_are_walked_and_the_row_is_kept_for_other_screens(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        assert "row 0 of 60 train" in said(app, RowHeader)
        await pilot.press("n", "n", "n", "p")
        await settled(pilot)
        assert "row 2 of 60 train" in said(app, RowHeader)
        assert app.selection == Selection("train", 2)
        await pilot.press("p", "p", "p")
        await settled(pilot)
        assert "row 0 of 60" in said(app, RowHeader)


async def test_the_next_row_is_there_before_it_is_asked_for(open_on, stand_in):
    inspector = stand_in()
    app = open_on(inspector)
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await pilot.pause(0.1)
        inspector.gate.clear()
        await pilot.press("n", "n")
        assert "row 2 of 60" in said(app, RowHeader)
        assert app.screen.row.row == 2
        inspector.gate.set()


async def test_a_slow_row_is_said_to_be_read_and_does_not_block(open_on, stand_in):
    inspector = stand_in()
    app = open_on(inspector)
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        inspector.gate.clear()
        await pilot.press("g", *"50", "enter")
        await pilot.pause(0.3)
        assert "row 50 of 60 train · reading" in said(app, RowHeader)
        inspector.gate.set()
        await settled(pilot)
        assert "✓ kept" in said(app, RowHeader)


async def test_jumping_to_a_row_that_is_not_there_says_which_are(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await at_inspect(pilot)
        await pilot.press("g", *"60", "enter")
        await settled(pilot)
        assert [note.message for note in app._notifications] == ["There is no row 60: they go from 0 to 59."]
        assert "row 0 of 60" in said(app, RowHeader)


async def test_the_pooled_token_is_under_the_cursor_at_first(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        assert "the reward is read from this token's hidden state" in said(app, TokenInspector)
        await pilot.press("left")
        assert "<end_of_turn>" in said(app, TokenInspector)
        assert "special token" in said(app, TokenInspector)
        assert "hidden state" not in said(app, TokenInspector)
        await pilot.press("tab")
        assert "(rejected)" in said(app, TokenInspector)


async def test_marks_are_jumped_between(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await pilot.press("n", "n", "n")
        await settled(pilot)
        chosen = app.screen.focused
        row = app.screen.row
        await pilot.press("full_stop")
        assert chosen.cursor == chosen.sequence.kept_end
        assert "the model never sees this token" in said(app, TokenInspector)
        await pilot.press("full_stop")
        assert chosen.cursor == row.shared_prefix


async def test_a_click_selects_the_token_below_the_pointer(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        view = app.screen.query(TokenView).first()
        await pilot.click(view, offset=(8, 0))
        assert view.cursor == 1
        assert "<start_of_turn>" in said(app, TokenInspector)


async def test_a_refused_row_says_why_and_shows_what_it_holds(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_inspect(pilot)
        await pilot.press("g", "5", "enter")
        await settled(pilot)
        assert "✗ dropped" in said(app, RowHeader)
        assert "the column chosen is null" in said(app, "PairView RefusalNote")
        assert "chosen  null" in painted(app)
        assert "No tokens: the row was dropped before it had any (missing-field)" in said(app, TokenInspector)


async def test_a_row_dropped_for_its_length_shows_where_the_limit_is(open_on, stand_in, make_pair):
    row = make_pair(0, chosen="word " * 600, kept=False, reason="too-long", message="too long by far")
    app = open_on(stand_in(rows=[row]))
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await pilot.press("home", "full_stop", "full_stop")
        await pilot.pause()
        assert app.screen.focused.cursor == 512
        assert f"too long: {len(row.sequences[0].ids) - 512} tokens over 512" in painted(app)


async def test_a_very_long_row_can_be_walked_to_its_end_and_back(open_on, stand_in, make_pair):
    row = make_pair(0, chosen="a word and another one. " * 3000)
    app = open_on(stand_in(rows=[row]))
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await pilot.press("home")
        assert "token 0 of" in said(app, TokenInspector)
        await pilot.press("end")
        await pilot.pause(0.5)
        assert "▲ reward read here" in painted(app)
        await pilot.press("up", "pageup")
        assert app.screen.focused.cursor < len(row.sequences[0].ids) - 20


async def test_rows_that_are_set_aside_are_found_there(open_on, stand_in, pairs):
    rows = pairs(60)
    app = open_on(
        stand_in(rows=[row for row in rows if row.row % 5], eval_rows=[row for row in rows if not row.row % 5])
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await app.show_rows(RowSet(((0, 40), (0, 25)), "eval-leak"))
        await settled(pilot)
        assert "row 8 of 12 eval · data set 0, row 40 · 1 of 2 eval-leak" in said(app, RowHeader)


async def test_views_change_and_are_remembered(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await pilot.press("v", "w")
        await pilot.pause()
        assert "·is " in painted(app)
        assert str(app.screen.row.sequences[0].ids[0]) in painted(app)
        assert " labels " not in painted(app)  # a pair has none
        await pilot.press("v")
        await pilot.pause()
        assert "input  text, " in painted(app)
        await pilot.press("V")
        await pilot.pause()
        assert app.state.of("inspect").items() >= {"view": "ids", "whitespace": True}.items()


async def test_text_is_searched_through_the_rows(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await pilot.press("slash", *"row 41", "enter")
        await settled(pilot)
        assert "row 41 of 60" in said(app, RowHeader)
        view = app.screen.focused
        start, stop = view.match
        assert view.sequence.text[view.sequence.starts[start] : view.sequence.ends[stop - 1]].strip() == "Row 41"


async def test_what_is_nowhere_is_said_to_be_nowhere(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await pilot.press("slash", *"zebra", "enter")
        await settled(pilot)
        assert [note.message for note in app._notifications] == ["“zebra” is nowhere in these rows."]
        assert "row 0 of 60" in said(app, RowHeader)


async def test_filtering_walks_only_what_is_admitted_until_escape(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await pilot.press("f", "j", "j", "enter")
        await settled(pilot)
        assert "row 5 of 60 train · 1 of 5 dropped" in said(app, RowHeader)
        await pilot.press("n")
        await settled(pilot)
        assert "row 16 of 60 train · 2 of 5 dropped" in said(app, RowHeader)
        await pilot.press("escape")
        await settled(pilot)
        assert "row 16 of 60 train  ✗ dropped" in said(app, RowHeader)


async def test_the_finding_chosen_is_the_one_that_is_filtered_by(open_on, stand_in, make_pair):
    rare, common = FindingView("rare", "info", "seen once"), FindingView("common", "info", "seen often")
    rows = [make_pair(0, findings=(rare,)), *[make_pair(row, findings=(common,)) for row in range(1, 5)]]
    app = open_on(stand_in(rows=rows))
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        for code, place in (("rare", 0), ("common", 1)):
            await choose(pilot, "f", code)
            assert f"row {place} of 5 train · 1 of " in said(app, RowHeader)
            assert code in said(app, RowHeader)


async def test_sorting_by_length(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await pilot.press("s", "j", "enter")
        await settled(pilot)
        lengths = []
        for _ in range(5):
            lengths.append(max(len(sequence.ids) for sequence in app.screen.row.sequences))
            await pilot.press("n")
            await settled(pilot)
        assert lengths == sorted(lengths, reverse=True)
        assert "longest first" in said(app, RowHeader)


async def test_rows_sent_by_another_screen_are_walked_alone(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await pilot.press("alt+1")
        await app.show_rows(RowSet(((0, 17), (0, 3)), "answer-cut"))
        await settled(pilot)
        assert "row 17 of 60 train · 1 of 2 answer-cut" in said(app, RowHeader)
        await pilot.press("n")
        await settled(pilot)
        assert "row 3 of 60 train · 2 of 2 answer-cut" in said(app, RowHeader)
        await pilot.press("escape")
        await settled(pilot)
        assert "row 3 of 60 train  ✓" in said(app, RowHeader)


async def test_leaving_the_rows_sent_for_the_other_split_opens_it_and_loses_no_work(open_on, stand_in, pairs, recwarn):
    app = open_on(stand_in(eval_rows=pairs(3)))
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await app.show_rows(RowSet(((0, 17), (0, 3)), "answer-cut"))
        await settled(pilot)
        await pilot.press("e")  # leaves the rows that were sent, and their split: two things to open at once
        await settled(pilot)
        assert "row 0 of 3 eval  ✓" in said(app, RowHeader)
    gc.collect()
    assert not [str(warning.message) for warning in recwarn if "never awaited" in str(warning.message)]


async def test_the_other_split(open_on, stand_in, pairs):
    app = open_on(stand_in(eval_rows=pairs(3)))
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await pilot.press("e")
        await settled(pilot)
        assert "row 0 of 3 eval" in said(app, RowHeader)
        assert app.selection == Selection("eval", 0)


async def test_a_split_that_is_not_there_is_said_to_be_absent(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await pilot.press("e")
        await settled(pilot)
        assert [note.message for note in app._notifications] == ["This preset sets no rows aside for evaluation."]
        assert "row 0 of 60 train" in said(app, RowHeader)


async def test_data_that_cannot_be_opened_is_explained_and_can_be_tried_again(open_on, stand_in):
    inspector = stand_in()
    inspector.failure = Failure("There is no such file.", "data/demo.jsonl", "Check `path`.")
    app = open_on(inspector)
    async with app.run_test(size=(80, 24)) as pilot:
        await at_inspect(pilot)
        assert "There is no such file." in said(app, Notice)
        assert "data/demo.jsonl" in said(app, Notice)
        assert "Check `path`." in said(app, Notice)
        inspector.failure = None
        await pilot.press("ctrl+r")
        await settled(pilot)
        assert "row 0 of 60" in said(app, RowHeader)


async def test_an_empty_data_set_is_said_to_be_empty(open_on, stand_in):
    app = open_on(stand_in(rows=()))
    async with app.run_test(size=(80, 24)) as pilot:
        await at_inspect(pilot)
        assert "There are no train rows." in said(app, Notice)
        await pilot.press("n", "p", "r", "y", "v")


async def test_the_row_is_copied_as_json(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_inspect(pilot)
        await pilot.press("y")
        assert json.loads(app.clipboard)["rejected"].startswith("The capital of Australia is Sydney")
        await pilot.press("Y")
        assert json.loads(app.clipboard)["chosen_ids"] == list(app.screen.row.sequences[0].ids)


async def test_the_list_shows_the_rows_around_the_cursor_and_takes_clicks(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(160, 40)) as pilot:
        await at_inspect(pilot)
        await pilot.pause(0.3)
        await settled(pilot)
        assert "✗ missing-field" in painted(app)
        assert "✗ answer-cut +1" in painted(app)
        await pilot.click(RowList, offset=(5, 9))
        await settled(pilot)
        assert "row 8 of 60" in said(app, RowHeader)


async def test_steps_are_shown_with_their_labels(open_on, stand_in, steps):
    app = open_on(stand_in(rows=steps(3), kind="steps"))
    async with app.run_test(size=(80, 24)) as pilot:
        await at_inspect(pilot)
        screen = painted(app)
        assert "✓1" in screen and "✗0" in screen and "~0.70" in screen
        assert "5 steps: 2 ✓  1 ✗  1 ~  1 · not judged" in screen
        assert "label ✓1: the loss is taken here" in said(app, TokenInspector)


async def test_hostile_text_never_reaches_the_terminal_raw(open_on, stand_in, hostile):
    app = open_on(stand_in(rows=[hostile]))
    async with app.run_test(size=(160, 50)) as pilot:
        await at_inspect(pilot)
        for _ in range(5):
            screen = painted(app)
            assert not set(screen) & set("\x1b\x07\x00\x9b\u202e\u200b\ud800\r\t")
            await pilot.press("v")
            await pilot.pause()
        assert "␛[2J" in screen
        assert "[red]markup[/red]" in screen


def painted(app):
    """What stands on the screen, line by line."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


async def test_the_dialog_of_filters_says_what_there_is(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await pilot.press("f")
        while "rows read" in painted(app) or "because missing-field" not in painted(app):
            await pilot.pause(0.05)
        screen = painted(app)
        for words in ("Kept", "55", "92 %", "Dropped", "8 %", "lost part of the answer", "answer-cut", "Marked by you"):
            assert words in screen
        await pilot.press("escape")
        assert "67 %" not in said(app, "#source .source")
        assert "92 % kept 8 % missing-field" in said(app, "#source .source")


async def test_conditions_add_up(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await choose(pilot, "f", "Kept")
        await choose(pilot, "f", "truncated", press="space")
        assert "row 3 of 60 train · 1 of 8 kept and truncated" in said(app, RowHeader)
        await choose(pilot, "f", "Kept", press="space")
        assert "1 of 8 truncated" in said(app, RowHeader)


async def test_rows_of_some_length(open_on, stand_in, pairs):
    wanted = [row.row for row in pairs() if row.sequences and 50 <= max(len(side.ids) for side in row.sequences) <= 55]
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await choose(pilot, "f", "Of some length")
        await pilot.press(*"50-55", "enter")
        await settled(pilot)
        assert f"row {wanted[0]} of 60 train · 1 of {len(wanted)} 50-55 tokens" in said(app, RowHeader)


async def test_rows_are_listed_while_they_are_read_and_reading_stops(open_on, stand_in):
    inspector = stand_in()
    inspector.summary_gate.clear()
    app = open_on(inspector)
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect_without_waiting(pilot)
        await pilot.press("f")
        while not app.screen.query(OptionList):
            await pilot.pause()
        await pilot.press("j", "j", "enter")
        while "none so far" not in said(app, RowHeader):
            await pilot.pause(0.01)
        await pilot.press("escape")
        await pilot.pause()
        assert [note.message for note in app._notifications][-1] == "Stopped."
        inspector.summary_gate.set()
        await choose(pilot, "f", "Dropped")
        assert "1 of 5 dropped" in said(app, RowHeader)


async def test_a_search_that_fails_moves_nothing(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await pilot.press("g", *"20", "enter")
        await settled(pilot)
        await pilot.press("home", "right")
        before, cursor = painted(app), app.screen.focused.cursor
        await pilot.press("slash", *"zebra", "enter")
        await settled(pilot)
        app.clear_notifications()
        await pilot.pause()
        assert app.screen.focused.cursor == cursor
        assert painted(app) == before


async def test_text_that_no_token_holds_is_found_in_the_raw_row(open_on, stand_in, pairs):
    rows = pairs(10)
    rows[7] = replace(rows[7], raw=json.dumps({"input": "?", "source": "xylophone.txt"}))
    app = open_on(stand_in(rows=rows))
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await pilot.press("slash", *"xylophone", "enter")
        await settled(pilot)
        assert "row 7 of 10 train · “xylophone” in 1 row" in said(app, RowHeader)
        assert "not among its tokens" in [note.message for note in app._notifications][-1]


async def test_found_rows_that_are_filtered_away_are_counted(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await choose(pilot, "f", "Dropped")
        await pilot.press("slash", *"row 41", "enter")
        await settled(pilot)
        assert [note.message for note in app._notifications][-1].endswith("It is in 1 rows that are not listed.")
        assert "row 5 of 60 train" in said(app, RowHeader)


async def test_how_rows_are_listed_survives_a_restart(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await choose(pilot, "f", "Dropped")
        await choose(pilot, "s", "Shortest first")
        await pilot.press("n", "n")
        await settled(pilot)
        header = said(app, RowHeader)
    again = open_on(stand_in())
    async with again.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        assert "row 27 of 60 train · 3 of 5 dropped, shortest first" in said(again, RowHeader) == header
        await pilot.press("escape")
        await settled(pilot)
    once_more = open_on(stand_in())
    async with once_more.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        assert "row 27 of 60 train  ✗ dropped" in said(once_more, RowHeader)


async def test_marked_rows_are_kept_walked_and_copied(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await pilot.press("n", "m", "n", "m", "n", "m", "m")
        await settled(pilot)
    again = open_on(stand_in())
    async with again.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await choose(pilot, "f", "Marked by you")
        assert "row 1 of 60 train · 1 of 2 marked" in said(again, RowHeader)
        assert "● marked" in said(again, RowHeader)
        await choose(pilot, "M", "Copy")
        lines = again.clipboard.splitlines()
        assert [json.loads(line)["chosen"][:6] for line in lines] == ["Row 1:", "Row 2:"]


async def test_rows_go_by_what_a_run_made_of_them(open_on, stand_in, make_run):
    make_run("first", digest="digest of train", losses={3: 2.5, 8: 0.1})
    make_run("second", digest="digest of others", losses={1: 9.0})
    app = open_on(stand_in())
    async with app.run_test(size=(160, 40)) as pilot:
        await at_inspect(pilot)
        await choose(pilot, "s", "Highest loss first in first", "trained on these rows")
        header = said(app, RowHeader)
        assert "row 3 of 60 train · 1 of 60 highest loss first in run first" in header
        assert "2.500 loss" in header
        assert "loss in first" in str(app.screen.query_one(RowList).border_title)
        assert "run: behind by 2.5, disagrees" in painted(app)
        await pilot.press("n", "n")
        await settled(pilot)
        assert "row 0 of 60 train · 3 of 60" in said(app, RowHeader)  # which the run never saw
        assert "run:" not in painted(app)
        await choose(pilot, "s", "By a run")
        await choose(pilot, "_", "second")
        await choose(pilot, "_", "Highest loss first in second")
        assert "row 1 of 60 train · 1 of 60 highest loss first in run second" in said(app, RowHeader)


async def test_raw_rows_are_not_what_another_preset_begins_with(open_on, stand_in, tmp_path):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_inspect(pilot)
        await pilot.press("v", "v")
        await settled(pilot)
        assert app.state.of("inspect")["view"] == "raw"
        other = tmp_path / "other.yaml"
        other.write_text((tmp_path / "demo.yaml").read_text())
        await app.open_preset(str(other), go=False)
        await settled(pilot)
        assert app.state.of("inspect")["view"] == "tokens"


async def test_the_smallest_screen_gives_its_lines_to_the_tokens_of_both_sides(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(40, 12)) as pilot:
        await at_inspect(pilot)
        for place in "alt+3", "alt+2":
            await pilot.press(place)
            await settled(pilot)
            heights = [pane.size.height for pane in app.screen.query(PairView).first().query(TokenPane)]
            assert len(heights) == 2 and min(heights) >= 1
            assert "◆" in painted(app)
