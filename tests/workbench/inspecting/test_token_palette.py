"""What tokens look like in full colour, in sixteen colours and in none: nothing is told by colour alone."""

from itertools import combinations

import pytest
from rich.color import ColorSystem
from textual.app import App
from textual.color import Color

from workbench.theme import DARK, NO_COLOUR, THEMES, VARIABLES_DARK
from workbench.widgets.pair_view import PairView
from workbench.widgets.steps_view import StepsView
from workbench.widgets.token_palette import INKS, Depth, depth_of, mixed
from workbench.widgets.token_view import TokenView

BACKGROUND, FOREGROUND = Color.parse("#0e1116"), Color.parse("#d6dbe1")

APART = {
    "a word of one side only, or of both": (("answer",), ("answer", "own-chosen"), ("answer", "shared")),
    "a token, and the next": (("answer",), ("answer", "shade")),
    "a token that is trained on, masked, cut": (("step",), ("step", "masked"), ("step", "lost"), ("step", "carrier")),
    "the cursor here, resting, what is found": (("answer",), ("answer", "cursor"), ("answer", "cursor-blurred")),
}
"""Looks that must differ in every depth."""
HUES = {"warning": DARK.warning, "primary": DARK.primary, "secondary": DARK.secondary, **VARIABLES_DARK}


def attributes(style):
    return style.bold, style.dim, style.italic, style.underline, style.strike, style.reverse


def look(kinds, depth, variables=HUES):
    return mixed([INKS[kind] for kind in kinds], variables, BACKGROUND, FOREGROUND, depth)


@pytest.mark.parametrize("kinds", APART.values(), ids=APART)
@pytest.mark.parametrize("depth", [Depth.SIXTEEN, Depth.NONE])
def test_what_must_be_told_apart_is_without_colour(kinds, depth):
    for one, other in combinations(kinds, 2):
        assert attributes(look(one, depth)) != attributes(look(other, depth))


@pytest.mark.parametrize("kind", INKS)
def test_without_colours_everything_is_written_in_the_terminals_own(kind):
    style = look((kind,), Depth.NONE)
    assert (style.color, style.bgcolor) == (FOREGROUND.rich_color, BACKGROUND.rich_color)


def test_in_sixteen_colours_no_text_is_lost_in_its_ground():
    for kind in INKS:
        style = look((kind,), Depth.SIXTEEN)
        text, ground = (color.downgrade(ColorSystem.STANDARD).number for color in (style.color, style.bgcolor))
        assert text != ground, kind


def contrast(one, other):
    """The contrast ratio of WCAG 2.2, section 1.4.3."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color):
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("theme", [theme for theme in THEMES if theme.name != NO_COLOUR], ids=lambda theme: theme.name)
def test_every_look_can_be_read(theme):
    variables = {"warning": theme.warning, "primary": theme.primary, "secondary": theme.secondary}
    variables |= theme.variables
    background, foreground = Color.parse(theme.background), Color.parse(theme.foreground)
    looks = [("answer", "own-chosen"), ("answer", "own-rejected", "shade"), ("answer", "shared", "shade"),
             ("template", "special", "shared"), ("step", "masked", "shade"), ("answer", "lost"), ("answer", "match"),
             ("answer", "cursor"), ("user", "shared"), *((kind,) for kind in ("diverges", "pooled", "cut", "right",
             "wrong", "soft"))]  # fmt: skip
    for kinds in looks:
        style = mixed([INKS[kind] for kind in kinds], variables, background, foreground, Depth.FULL)
        found = contrast(*(Color.from_rich_color(color) for color in (style.color, style.bgcolor)))
        assert found >= 3, f"{kinds}: {found:.1f}"


def painted(app):
    strips = app.screen._compositor.render_strips()
    return [(segment.text, segment.style) for strip in strips for segment in strip if segment.style]


class Alone(App):
    """One view of a sample."""

    def __init__(self, view, row):
        super().__init__()
        self.view, self.row = view, row

    def get_theme_variable_defaults(self):
        return VARIABLES_DARK

    def compose(self):
        yield self.view

    def on_mount(self):
        self.view.show(self.row)


@pytest.mark.parametrize("name", ["NO_COLOR", "COLORTERM"])
async def test_a_terminal_with_few_colours_shows_every_mark_in_words_and_weight(make_pair, steps, monkeypatch, name):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLORTERM", "")
    monkeypatch.setenv(name, "1" if name == "NO_COLOR" else "")
    for view, row, words in (
        (PairView(), make_pair(0, limit=45), ("[◆ differs]", "[▲ reward read here]", "[cut: 13 tokens lost")),
        (StepsView(), steps(1)[0], ("[✓1]", "[✗0]", "[~0.70]", "[·]")),
    ):
        app = Alone(view, row)
        async with app.run_test(size=(120, 30)) as pilot:
            await pilot.pause()
            assert depth_of(app) is (Depth.NONE if name == "NO_COLOR" else Depth.SIXTEEN)
            shown = painted(app)
            text = "".join(piece for piece, _ in shown)
            assert all(word in text for word in words)
            assert "┆ What is" in text or "┆ <bos>" in text
            app.query_one(TokenView).focus()
            await pilot.pause()
            assert any(style.reverse for _, style in painted(app))


async def test_the_theme_without_colours_counts_as_none():
    app = App()
    for theme in THEMES:
        app.register_theme(theme)
    async with app.run_test():
        for theme in THEMES:
            app.theme = theme.name
            assert (depth_of(app) is Depth.NONE) == (theme.name == NO_COLOUR)
