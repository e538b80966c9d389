"""Where two sides are said to part."""

from dataclasses import replace

from textual.app import App

from engine.encode.encoding import Part, TokenSequence
from engine.inspector.messages import RowView
from workbench.theme import VARIABLES_DARK
from workbench.widgets.pair_view import PairView


def side(*ids, kept):
    length = len(ids)
    return TokenSequence(
        text="x" * length,
        ids=list(ids),
        pieces=["x"] * length,
        starts=list(range(length)),
        ends=list(range(1, length + 1)),
        parts=[Part.USER] * length,
        steps=[-1] * length,
        labels=[-100] * length,
        special=[False] * length,
        fields=["input"] * length,
        field_starts=list(range(length)),
        kept_start=0,
        kept_end=kept,
        pooled=kept - 1,
    )


async def lines(row):
    class Alone(App):
        def get_theme_variable_defaults(self):
            return VARIABLES_DARK

        def compose(self):
            yield PairView()

    app = Alone()
    async with app.run_test(size=(60, 20)) as pilot:
        view = app.query_one(PairView)
        view.show(row)
        await pilot.pause()
        await pilot.pause()
        return ["\n".join(tokens.render_line(y).text.rstrip() for y in range(4)) for tokens in view.token_views()]


def pair(chosen, rejected, shared):
    return RowView(0, 0, 0, "pair", False, "{}", (chosen, rejected), shared)


async def test_sides_that_a_cut_made_equal_part_where_they_do_beyond_the_cut():
    # Of the three tokens left, all are alike; the encoding shares two of them.
    for shown in await lines(pair(side(1, 2, 3, 4, 5, kept=3), side(1, 2, 3, 4, 6, kept=3), 2)):
        before, _, _ = shown.partition("differs")
        assert before.count("x") == 4


async def test_a_side_that_begins_with_all_of_the_other_parts_where_that_ends():
    shorter, longer = await lines(pair(side(1, 2, kept=2), side(1, 2, 3, kept=3), 1))
    assert "differs" not in shorter
    assert longer.partition("differs")[0].count("x") == 2


async def test_sides_part_at_the_first_token_that_differs():
    row = pair(side(1, 2, 7, 4, kept=4), side(1, 2, 8, 4, kept=4), 2)
    for shown in await lines(row):
        assert shown.partition("differs")[0].count("x") == 2
    same = replace(row, sequences=(row.sequences[0], row.sequences[0]))
    assert not any("differs" in shown for shown in await lines(same))
