from engine.inspector.messages import Failure
from workbench.widgets.finding_rows import FindingRows
from workbench.widgets.ledger_view import LedgerView
from workbench.widgets.length_histogram import LengthHistogram
from workbench.widgets.notice import Notice
from workbench.widgets.row_header import RowHeader
from workbench.widgets.verdict import Verdict


def said(app, widget):
    return str(app.screen.query_one(widget).render())


def ledger(app):
    view = app.screen.query_one(LedgerView)
    return [str(view.get_option_at_index(place).prompt) for place in range(view.option_count)]


async def at_check(pilot):
    await settled(pilot)
    await pilot.press("alt+4")
    await settled(pilot)


async def settled(pilot):
    for _ in range(3):
        await pilot.pause()
        await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def test_every_row_is_accounted_for(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_check(pilot)
        assert "✗ 6 of 60 training rows (10 %) are dropped. 5 of them: missing-field." in said(app, Verdict)
        lines = ledger(app)
        assert lines[0].split() == ["train", "60", "rows"]
        assert lines[1].startswith("      ✓ 54   90 %") and lines[1].endswith("reach training")
        assert [line.split()[-1] for line in lines[2:4]] == ["missing-field", "too-long"]
        assert "Always choosing the longer answer, unread, is right in 71 % of the pairs." in said(app, "#sentences")


async def test_enter_on_a_reason_inspects_the_rows_that_it_dropped(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_check(pilot)
        app.screen.query_one(LedgerView).focus()
        await pilot.press("j", "enter")
        await settled(pilot)
        assert app.current_mode == "inspect"
        assert app.row_set.rows == ((0, 9),) and app.row_set.why == "dropped: too-long"


async def test_enter_inspects_the_rows_of_a_finding(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_check(pilot)
        assert "Raise it." in said(app, "#advice")
        await pilot.press("enter")
        await settled(pilot)
        assert app.current_mode == "inspect"
        assert "row 3 of 60 train · 1 of 3 answer-cut" in said(app, RowHeader)
        await pilot.press("n")
        await settled(pilot)
        assert "row 10 of 60 train · 2 of 3" in said(app, RowHeader)


async def test_a_finding_about_the_whole_says_so(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_check(pilot)
        await pilot.press("j", "enter")
        await pilot.pause()
        assert app.current_mode == "check"
        assert ["about the data set as a whole" in note.message for note in app._notifications] == [True]


async def test_a_tall_screen_shows_the_first_rows_of_the_finding_under_the_cursor(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_check(pilot)
        assert "The first rows of answer-cut" in said(app, "#rows-title")
        shown = said(app, FindingRows)
        assert "train row 3  " in shown and "the reward is read in the middle of the answer" in shown
        assert "✗  Sydney.⏎I am certain." in shown and "train row 10" in shown
        await pilot.press("j")
        await settled(pilot)
        assert "about the data set as a whole" in said(app, "#rows-title")
        assert said(app, FindingRows) == ""
        await pilot.resize_terminal(80, 24)
        await settled(pilot)
        assert not app.screen.query_one(FindingRows).display


async def test_the_cut_can_be_moved_to_see_what_it_keeps(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(160, 50)) as pilot:
        await at_check(pilot)
        first, second, _ = app.screen.query(LengthHistogram)
        first.focus()
        assert "512 sequence_len: 54 rows kept (90 %), 98 % of tokens; 1 too long, dropped" in budget(first)
        await pilot.press("right")
        await pilot.pause()
        assert first.cut == second.cut == 600
        assert "600 instead of 512: 55 rows kept (92 %), 100 % of tokens; 0 too long, dropped" in budget(first)
        await pilot.press("left", "left", "left")
        assert first.cut == 300
        await pilot.press("end")
        await pilot.pause()
        assert first.cut == 999
        await pilot.press("backspace")
        await pilot.pause()
        assert first.cut == second.cut == 512


async def test_the_cut_is_written_into_the_preset_where_it_can_be_undone(open_on, stand_in):
    inspector = stand_in()
    app = open_on(inspector)
    async with app.run_test(size=(120, 40)) as pilot:
        await at_check(pilot)
        app.screen.query(LengthHistogram).first().focus()
        before = app.session.text
        await pilot.press("right", "w")
        await settled(pilot)
        assert app.session.text == before + "sequence_len: 600\n"
        assert app.session.unsaved and inspector.checks == 2
        await pilot.press("alt+2")
        await settled(pilot)
        await pilot.press("ctrl+z")
        await settled(pilot)
        assert app.session.text == before


def budget(histogram):
    return histogram.render_line(histogram.size.height - 1).text


async def test_a_check_can_be_stopped_and_begun_again(open_on, stand_in):
    inspector = stand_in()
    inspector.gate.clear()
    app = open_on(inspector)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.2)
        await pilot.press("alt+4")
        await until(pilot, lambda: "checking train rows: 20 of 60 rows" in said(app, "#phase"))
        await until(pilot, lambda: ledger(app))
        assert "So far: 24 of 64 rows are checked." in said(app, Verdict)
        assert "digest" not in said(app, "#sentences")
        await pilot.press("escape")
        await until(pilot, lambda: not app.screen.query_one("#running").has_class("-on"))
        assert "So far: 24 of 64 rows are checked." in said(app, Verdict), "what was found stays, and says what it is"
        inspector.gate.set()
        await pilot.press("r")
        await settled(pilot)
        assert "So far" not in said(app, Verdict)
        assert ledger(app)[0].split() == ["train", "60", "rows"]
        assert inspector.checks == 2


async def until(pilot, condition):
    for _ in range(250):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError("it did not come about in time")


async def test_going_elsewhere_does_not_stop_the_check_nor_begin_another(open_on, stand_in):
    inspector = stand_in()
    inspector.gate.clear()
    app = open_on(inspector)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.2)
        await pilot.press("alt+4")
        await pilot.pause(0.1)
        await pilot.press("alt+1")
        inspector.gate.set()
        await pilot.pause(0.1)
        await pilot.press("alt+4")
        await settled(pilot)
        assert ledger(app)[0].split() == ["train", "60", "rows"]
        assert inspector.checks == 1


async def test_a_failure_is_explained(open_on, stand_in):
    inspector = stand_in()
    inspector.failure = Failure("None of the rows can be trained on.", "demo.yaml", "Look at them.")
    app = open_on(inspector)
    async with app.run_test(size=(80, 24)) as pilot:
        await at_check(pilot)
        assert "None of the rows can be trained on." in said(app, Notice)
        assert "Look at them." in said(app, Notice)
