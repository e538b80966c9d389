"""What the screens look like. Look at a picture that changed before accepting it."""

import pytest

from workbench.widgets.token_pane import TokenPane

SIZES = [pytest.param((80, 24), id="80x24"), pytest.param((160, 50), id="160x50")]


async def settled(pilot):
    for _ in range(3):
        await pilot.pause()
        await pilot.app.workers.wait_for_complete()
    await pilot.pause(0.15)


def on(mode, *keys):
    """Goes to a screen, waits, and presses keys."""

    async def run(pilot):
        await settled(pilot)
        await pilot.press(mode)
        await settled(pilot)
        for key in keys:
            await pilot.press(key)
            await settled(pilot)

    return run


@pytest.mark.parametrize("size", SIZES)
def test_pair(snap_compare, open_on, stand_in, size):
    assert snap_compare(open_on(stand_in()), terminal_size=size, run_before=on("alt+3", "n", "n", "n"))


@pytest.mark.parametrize("size", SIZES)
def test_refused(snap_compare, open_on, stand_in, size):
    assert snap_compare(open_on(stand_in()), terminal_size=size, run_before=on("alt+3", "g", "5", "enter"))


@pytest.mark.parametrize("size", SIZES)
def test_steps(snap_compare, open_on, stand_in, steps, size):
    app = open_on(stand_in(rows=steps(2), kind="steps"))
    assert snap_compare(app, terminal_size=size, run_before=on("alt+3"))


def test_labels(snap_compare, open_on, stand_in, steps):
    app = open_on(stand_in(rows=steps(2), kind="steps"))
    assert snap_compare(app, terminal_size=(80, 24), run_before=on("alt+3", "v", "v"))


def test_ids(snap_compare, open_on, stand_in):
    assert snap_compare(open_on(stand_in()), terminal_size=(120, 40), run_before=on("alt+3", "v"))


@pytest.mark.parametrize("size", SIZES)
def test_hostile(snap_compare, open_on, stand_in, hostile, size):
    async def from_the_top(pilot):
        # What hostile text looks like is the matter here; where a pane stands when a row comes in has its own tests.
        await on("alt+3")(pilot)
        for pane in pilot.app.screen.query(TokenPane):
            pane.scroll_to(y=0, animate=False, immediate=True)
        await settled(pilot)

    app = open_on(stand_in(rows=[hostile]))
    assert snap_compare(app, terminal_size=size, run_before=from_the_top)


@pytest.mark.parametrize("size", SIZES)
def test_check(snap_compare, open_on, stand_in, size):
    assert snap_compare(open_on(stand_in()), terminal_size=size, run_before=on("alt+4"))


def test_light(snap_compare, open_on, stand_in):
    app = open_on(stand_in())
    app.theme = "workbench-light"
    assert snap_compare(app, terminal_size=(120, 40), run_before=on("alt+3", "n", "n", "n"))


async def test_larger(looks_as_before, open_on, stand_in, still):
    async with open_on(stand_in()).run_test() as pilot:
        for mode, name in (("alt+2", "preset"), ("alt+4", "check"), ("alt+3", "inspect")):
            await on(mode)(pilot)
            await looks_as_before(pilot, name, (120, 40), (200, 60))


async def test_themes(looks_as_before, open_on, stand_in):
    async with open_on(stand_in()).run_test(size=(120, 40)) as pilot:
        await on("alt+3", "n", "n", "n")(pilot)
        for theme in ("workbench-colour-blind-dark", "workbench-colour-blind-light", "workbench-no-colour"):
            pilot.app.theme = theme
            await looks_as_before(pilot, theme)
