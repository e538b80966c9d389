"""One line that says what the looks of the tokens above it mean: each word stands in the look that it explains."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from engine.encode.encoding import MASKED, TokenSequence
from workbench.widgets.token_layout import cells_of
from workbench.widgets.token_marks import CUT, OWN, SHARED, UNJUDGED, label_badge, step_labels
from workbench.widgets.token_palette import TokenPalette

LOST = f"{CUT} cut: never seen"


class Entry(NamedTuple):
    """A look (the kinds laid over each other), and what it means."""

    kinds: tuple[str, ...]
    text: str


class TokenLegend(Widget):
    """Shows entries, as many as there is room for."""

    DEFAULT_CSS = "TokenLegend { height: 1; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[Entry, ...] = ()
        self._palette = TokenPalette(self)

    def show(self, entries: Sequence[Entry]) -> None:
        """Show these entries."""
        self._entries = tuple(entries)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Paint the line."""
        width, used = self.size.width, 0
        segments: list[Segment] = []
        for kinds, text in self._entries:
            if used + cells_of(text) > width:
                break
            segments += [Segment(text, self._palette(*kinds)), Segment("   ", self._palette())]
            used += cells_of(text) + 3
        return Strip(segments).adjust_cell_length(width, self._palette()).crop(0, width)

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self._palette.clear()


def pair_legend(sides: Sequence[TokenSequence], shared: int, words: tuple[int, int] | None) -> list[Entry]:
    """What is to be seen of a pair. `words` counts those on one side only (None: not known yet)."""
    if len(sides) != 2:
        return []
    entries = []
    if shared:
        entries.append(Entry(("template", "shared"), f"{SHARED} same on both sides"))
    if any(_is_cut(side) for side in sides):
        entries.append(Entry(("answer", "lost"), LOST))
    for side, count in zip(("chosen", "rejected"), words or (), strict=False):
        if count:
            entries.append(Entry(("answer", f"own-{side}"), f"{OWN} {_words(count)} of {side} only"))
    if any(any(side.special) for side in sides):
        entries.append(Entry(("template", "special"), "special token"))
    return entries


def steps_legend(sequence: TokenSequence) -> list[Entry]:
    """What is to be seen of a stepwise sample."""
    labels = set(step_labels(sequence).values())
    entries = [Entry(("step", "masked"), "faint: no loss")]
    for label, meaning in ((1, "right step"), (0, "wrong step")):
        if label in labels:
            badge = label_badge(label)
            entries.append(Entry((badge.kind,), f" {badge.text} {meaning} "))
    if any(0 < label < 1 for label in labels):
        entries.append(Entry(("soft",), f" {label_badge(0.5).text[0]} in between "))
    if MASKED in labels:
        entries.append(Entry(("unjudged",), f" {UNJUDGED} not judged "))
    if _is_cut(sequence):
        entries.append(Entry(("step", "lost"), LOST))
    if any(sequence.special):
        entries.append(Entry(("template", "special"), "special token"))
    return entries


def _is_cut(sequence: TokenSequence) -> bool:
    return sequence.kept_end - sequence.kept_start < len(sequence.ids)


def _words(count: int) -> str:
    return f"{count:,} word{'' if count == 1 else 's'}"
