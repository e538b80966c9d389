from engine.inspector.messages import Failure
from workbench.widgets.ledger_view import LedgerView
from workbench.widgets.length_histogram import LengthHistogram
from workbench.widgets.notice import Notice
from workbench.widgets.row_header import RowHeader


def said(app, widget):
    return str(app.screen.query_one(widget).render())


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
        ledger = said(app, LedgerView)
        assert "train  60 rows" in ledger
        assert "✓ 54    90 %" in ledger
        assert "missing-field" in ledger and "too-long" in ledger
        assert "always choosing the longer answer is right in 71 %" in ledger


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


async def test_the_cut_can_be_moved_to_see_what_it_keeps(open_on, stand_in):
    app = open_on(stand_in())
    async with app.run_test(size=(120, 40)) as pilot:
        await at_check(pilot)
        first, second = app.screen.query(LengthHistogram)
        first.focus()
        assert "512 sequence_len: ≈51.3 % whole" in budget(first)
        await pilot.press("right")
        await pilot.pause()
        assert first.cut == second.cut == 600
        assert "600 instead of 512: ≈60.1 % whole" in budget(second)
        await pilot.press("left", "left", "left")
        assert first.cut == 300
        await pilot.press("backspace")
        await pilot.pause()
        assert first.cut == second.cut == 512


def budget(histogram):
    return histogram.render_line(histogram.size.height - 1).text


async def test_a_check_can_be_stopped_and_begun_again(open_on, stand_in):
    inspector = stand_in()
    inspector.gate.clear()
    app = open_on(inspector)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.2)
        await pilot.press("alt+4")
        await pilot.pause(0.2)
        assert "checking train rows: 20 of 60 rows" in said(app, "#phase")
        await pilot.press("escape")
        await pilot.pause(0.1)
        assert "The check was stopped." in said(app, Notice)
        inspector.gate.set()
        await pilot.press("r")
        await settled(pilot)
        assert "60 rows" in said(app, LedgerView)
        assert inspector.checks == 2


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
        assert "60 rows" in said(app, LedgerView)
        assert inspector.checks == 1


async def test_a_failure_is_explained(open_on, stand_in):
    inspector = stand_in()
    inspector.failure = Failure("None of the rows can be trained on.", "demo.yaml", "Look at them.")
    app = open_on(inspector)
    async with app.run_test(size=(80, 24)) as pilot:
        await at_check(pilot)
        assert "None of the rows can be trained on." in said(app, Notice)
        assert "Look at them." in said(app, Notice)
