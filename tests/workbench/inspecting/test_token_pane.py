"""What is in sight: when a row comes in, after a resize, in another view, and after its reader has moved."""

import pytest
from rich.cells import cell_len
from textual.app import App

from engine.encode.encoding import MASKED, Part, TokenSequence
from engine.inspector.messages import RowView
from workbench.screen_text import visible
from workbench.theme import VARIABLES_DARK
from workbench.widgets.sample_views import SampleViews
from workbench.widgets.token_layout import View
from workbench.widgets.token_pane import TokenPane

QUESTION = "A long question, about many things, asked in many words. "


class Alone(App):
    """The views of a sample with nothing around them."""

    def get_theme_variable_defaults(self):
        return VARIABLES_DARK

    def compose(self):
        yield SampleViews()

    def on_mount(self):
        self.query_one(SampleViews).styles.height = "1fr"

    @property
    def views(self):
        return self.query_one(SampleViews)

    @property
    def panes(self):
        return [pane for pane in self.query(TokenPane) if pane.region]

    def seen(self, pane):
        """What of a pane is painted on the screen."""
        region = pane.content_region
        strips = self.screen._compositor.render_strips()[region.y : region.bottom]
        return "\n".join(strip.crop(region.x, region.right).text for strip in strips)


async def until(pilot, condition):
    """Wait for a condition, and that it still holds when all that was under way has come about."""
    for _ in range(400):
        await pilot.pause()
        if condition():
            for _ in range(4):
                await pilot.pause()
            if condition():
                return
    raise AssertionError("\n\n".join(map(pilot.app.seen, pilot.app.panes)))


def all_see(app, words):
    return bool(app.panes) and all(words in app.seen(pane) for pane in app.panes)


def words(start, stop):
    return " ".join(f"w{number}" for number in range(start, stop))


@pytest.mark.parametrize(
    ("size", "prompt"),
    [((80, 24), 9), ((80, 24), 40), ((160, 50), 200), ((44, 13), 2)],
    ids=lambda case: "x".join(map(str, case)) if isinstance(case, tuple) else f"prompt-{case}",
)
async def test_where_the_sides_part_is_in_sight_at_once_and_after_every_resize(make_pair, size, prompt):
    row = make_pair(0, chosen=words(0, 300), rejected=words(5, 40), prompt=QUESTION * prompt)
    app = Alone()
    async with app.run_test(size=size) as pilot:
        app.views.show(row)
        await until(pilot, lambda: all_see(app, "◆ differs"))
        for width, height in ((100, 30), (70, 16), size):
            await pilot.resize_terminal(width, height)
            await until(pilot, lambda: all_see(app, "◆ differs"))


async def test_the_next_row_is_shown_from_where_its_own_sides_part(make_pair):
    rows = [make_pair(0, prompt=QUESTION * 30), make_pair(1, prompt="Why?"), make_pair(2, prompt=QUESTION * 30)]
    app = Alone()
    async with app.run_test(size=(80, 24)) as pilot:
        for row, top in zip(rows, (False, True, False), strict=True):
            app.views.show(row)
            await until(pilot, lambda: all_see(app, "◆ differs"))
            assert all_see(app, "<bos>") is top


async def test_the_first_label_of_steps_is_in_sight(steps):
    row = steps(1)[0]
    app = Alone()
    async with app.run_test(size=(30, 8)) as pilot:
        app.views.show(row)
        await until(pilot, lambda: all_see(app, "✓1"))


async def test_what_a_reader_scrolled_to_stays_through_resizes_and_views(make_pair):
    row = make_pair(0, chosen=words(0, 900), rejected=words(1, 900), prompt=QUESTION * 3)
    app = Alone()
    async with app.run_test(size=(120, 30)) as pilot:
        app.views.show(row)
        await until(pilot, lambda: all_see(app, "differs"))
        app.panes[0].scroll_to(y=40, animate=False)
        await until(pilot, lambda: app.panes[1].scroll_y == 40)
        top = app.seen(app.panes[0]).split()[1]
        await pilot.resize_terminal(90, 24)
        await until(pilot, lambda: top in app.seen(app.panes[0]))
        app.views.set_view(View.IDS, False)
        await until(pilot, lambda: top.lstrip("w") in app.seen(app.panes[0]))


async def test_the_cursor_stays_under_the_eye_through_resizes_and_views(make_pair):
    row = make_pair(0, chosen=words(0, 900), rejected=words(0, 880))
    app = Alone()
    async with app.run_test(size=(120, 30)) as pilot:
        app.views.show(row)
        await pilot.press("end")
        chosen = app.panes[0]
        await until(pilot, lambda: "▲ reward read here" in app.seen(chosen))
        for view in (View.IDS, View.TEXT, View.RAW, View.TOKENS):
            app.views.set_view(view, False)
            await until(pilot, lambda view=view: view is View.RAW or "▲ reward read here" in app.seen(app.panes[0]))
        await pilot.resize_terminal(60, 14)
        await until(pilot, lambda: "▲ reward read here" in app.seen(app.panes[0]))
        assert app.panes[0].tokens.cursor == len(row.sequences[0].ids) - 1


async def test_sides_beside_each_other_scroll_as_one_to_the_end_of_the_longer(make_pair):
    row = make_pair(0, chosen=words(0, 900), rejected=words(0, 10))
    app = Alone()
    async with app.run_test(size=(120, 30)) as pilot:
        app.views.show(row)
        await pilot.press("end")
        await until(pilot, lambda: "▲ reward read here" in app.seen(app.panes[0]))
        chosen, rejected = app.panes
        assert chosen.scroll_y == rejected.scroll_y > 20
        await pilot.press("tab", "home")
        await until(pilot, lambda: chosen.scroll_y == rejected.scroll_y == 0)


async def test_the_cursor_walks_with_arrows_and_with_the_letters_of_vim(make_pair):
    app = Alone()
    async with app.run_test(size=(120, 30)) as pilot:
        app.views.show(make_pair(0))
        await pilot.pause()
        tokens = app.panes[0].tokens
        for keys in (("home", "right", "down", "left", "up"), ("circumflex_accent", "l", "j", "h", "k")):
            walked = []
            for key in keys:
                await pilot.press(key)
                walked.append(tokens.cursor)
            assert walked[:2] == [0, 1] and walked[2] > 2 and walked[3] == walked[2] - 1 and walked[4] in (0, 1)


def huge(tail):
    """A megabyte in one line, then a word of 100,000 letters, wide ones among them, then `tail`."""
    pieces = [*(f" line{number:04}{'x' * 990}" for number in range(1_000)), "word漢" * 20_000, tail]
    starts = [0]
    for piece in pieces[:-1]:
        starts.append(starts[-1] + len(piece))
    count = len(pieces)
    return TokenSequence(
        text="".join(pieces), ids=[hash(piece) for piece in pieces], pieces=pieces, starts=starts,
        ends=[*starts[1:], starts[-1] + len(tail)], parts=[Part.ANSWER] * count, steps=[-1] * count,
        labels=[MASKED] * count, special=[False] * count, fields=["chosen"] * count, field_starts=starts,
        kept_start=0, kept_end=count, pooled=count - 1,
    )  # fmt: skip


@pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_hostile_and_huge_text_leaves_every_line_as_wide_as_the_screen(hostile, size):
    odd = "e\u0301\u200d👩🏽\u200d👩 🇦🇺 ﷽ ק\u05b8 \ud83d \x1b[31m"
    big = RowView(0, 0, 0, "pair", True, "{}", (huge(f"{odd}."), huge(f"{odd}!")), 1_001)
    app = Alone()
    async with app.run_test(size=size) as pilot:
        for row, views in ((hostile, (View.TEXT, View.IDS, View.TOKENS)), (big, (View.IDS, View.TEXT))):
            app.views.show(row)
            await until(pilot, lambda: all_see(app, "◆ differs"))
            for view in views if size == (80, 24) or row is hostile else ():
                app.views.set_view(view, whitespace=view is View.TEXT)
                await pilot.press("end")
                await until(pilot, lambda: "▲ reward read here" in app.seen(app.panes[0]))
                for strip in app.screen._compositor.render_strips():
                    assert cell_len(strip.text) == size[0]
                    assert visible(strip.text) == strip.text
