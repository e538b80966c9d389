"""What each kind of token looks like, in full colour, in sixteen colours, and in none.

Nothing is told by colour alone: words, signs and the ruler at the left say it too. Where colours are few or none,
weight, underlining, dimming and reversal take the place of hues and shades.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import NamedTuple

from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.widget import Widget

from workbench.theme import NO_COLOUR


class Depth(Enum):
    """How many colours there are to tell things apart with."""

    FULL = "full"
    SIXTEEN = "sixteen"
    NONE = "none"


class Ink(NamedTuple):
    """A kind's look. Hues are names of the theme's variables; `fade` is how much of the text is left.

    `tint` is how strongly the `ground` hue covers the background. `always` are attributes in every depth, `plain` those
    that stand for the colours where these are few.
    """

    hue: str = ""
    fade: float = 1.0
    ground: str = ""
    tint: float = 1.0
    always: str = ""
    plain: str = ""


def _badge(ground: str, tint: float = 1.0) -> Ink:
    return Ink("background" if tint == 1.0 else "foreground", 1.0, ground, tint, "bold", "")


INKS: Mapping[str, Ink] = {
    "template": Ink("foreground", 0.76),
    "system": Ink("secondary", plain="italic"),
    "user": Ink("foreground"),
    "prompt": Ink("foreground"),
    "tool": Ink("warning", plain="italic"),
    "assistant": Ink("foreground"),
    "answer": Ink("foreground"),
    "step": Ink("foreground"),
    "separator": Ink("special"),
    "shade": Ink(ground="foreground", tint=0.1, plain="underline"),
    "special": Ink("special", always="italic"),
    "shared": Ink(fade=0.72, plain="dim"),
    "own-chosen": Ink(ground="chosen", tint=0.26, plain="bold"),
    "own-rejected": Ink(ground="rejected", tint=0.26, plain="bold"),
    "masked": Ink(fade=0.72, plain="dim"),
    "lost": Ink("cut", 0.85, always="strike", plain="dim"),
    "carrier": Ink(always="bold underline"),
    "newline": Ink(fade=0.5, plain="dim"),
    "gap": Ink("foreground", 0.45, always="italic", plain="dim"),
    "under": Ink("foreground", 0.65),
    "blank": Ink("foreground"),
    "ruler-shared": Ink("foreground", 0.45),
    "ruler-diverges": Ink("special", always="bold"),
    "ruler-pooled": Ink("pooled", always="bold"),
    "ruler-chosen": Ink("chosen"),
    "ruler-rejected": Ink("rejected"),
    "ruler-cut": Ink("cut"),
    "hover": Ink(ground="primary", tint=0.35, plain="reverse dim"),
    "match": Ink("background", ground="warning", always="bold", plain="reverse"),
    "cursor": Ink("background", ground="foreground", always="bold", plain="reverse"),
    "cursor-blurred": Ink(ground="foreground", tint=0.3, plain="reverse dim"),
    "diverges": _badge("special"),
    "pooled": _badge("pooled"),
    "cut": _badge("cut"),
    "right": _badge("positive"),
    "wrong": _badge("negative"),
    "soft": _badge("foreground"),
    "unjudged": _badge("foreground", 0.15),
    "agrees": _badge("foreground", 0.15),
    "disagrees": _badge("warning"),
}
"""The look of each kind; a token is of several, later ones lie over earlier ones."""

BADGES = frozenset({"diverges", "pooled", "cut", "right", "wrong", "soft", "unjudged", "agrees", "disagrees"})
"""The kinds that are words of ours beside the tokens: brackets set them off where there is no ground to do it."""


def depth_of(app: App[object]) -> Depth:
    """What the app can show: nothing where NO_COLOR or the theme's name say so, sixteen where there are no more."""
    if app.no_color or app.theme == NO_COLOUR:
        return Depth.NONE
    return Depth.FULL if app.console.color_system in {"256", "truecolor"} else Depth.SIXTEEN


class TokenPalette:
    """The Rich styles of kinds laid over each other on a widget, each worked out once per theme."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[tuple[str, ...], Style] = {}
        self._depth: Depth | None = None

    def clear(self) -> None:
        """Forget all styles: the theme has changed."""
        self._styles.clear()
        self._depth = None

    @property
    def depth(self) -> Depth:
        """How many colours there are."""
        if self._depth is None:
            self._depth = depth_of(self._widget.app)
        return self._depth

    def __call__(self, *kinds: str) -> Style:
        """The style of kinds laid over the widget's own colours, later ones on top."""
        style = self._styles.get(kinds)
        if style is None:
            _, _, background, foreground = self._widget.colors
            inks = [INKS[kind] for kind in kinds]
            # A terminal's own colours cannot be blended: nothing is known of them.
            depth = Depth.SIXTEEN if background.ansi is not None and self.depth is Depth.FULL else self.depth
            hues = self._widget.app.theme_variables
            style = self._styles[kinds] = mixed(inks, hues, background, foreground, depth)
        return style


def mixed(inks: Iterable[Ink], hues: Mapping[str, str], background: Color, foreground: Color, depth: Depth) -> Style:
    """One Rich style of inks laid over each other, with hues looked up by name.

    In sixteen colours a hue is taken as it is, since half tones would round to anything; in none there is only what
    the terminal writes with.
    """
    ground, text, fade, faintest = background, foreground, 1.0, _FAINTEST
    attributes = Style()
    for ink in inks:
        attributes += Style.parse(ink.always)
        if depth is not Depth.FULL:
            attributes += Style.parse(ink.plain)
        if depth is Depth.FULL and ink.ground:
            ground = ground.blend(_hue(ink.ground, hues, background, foreground), ink.tint, alpha=1.0)
        # A word on a ground of some hue: without grounds, the word takes the hue.
        hue = ink.ground if depth is Depth.SIXTEEN and ink.hue == "background" else ink.hue
        if hue and depth is not Depth.NONE:
            text = _hue(hue, hues, background, foreground)
        fade *= ink.fade
        faintest = min(faintest, ink.fade)
    if depth is Depth.FULL:
        text = ground.blend(text, text.a * max(fade, faintest), alpha=1.0)
    elif fade < 1:
        attributes += Style(dim=True)
    return Style(color=text.rich_color, bgcolor=ground.rich_color) + attributes


_FAINTEST = 0.68
"""However many kinds fade a text together, so much of it is left: it can still be read."""


def _hue(name: str, hues: Mapping[str, str], background: Color, foreground: Color) -> Color:
    if name == "background":
        return background
    return foreground if name == "foreground" else Color.parse(hues[name])
