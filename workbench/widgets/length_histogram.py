"""A histogram of lengths with the line at which sequences are cut; the line can be moved to see what it would keep."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from engine.inspector.check_messages import Lengths
from workbench.length_budget import budget_at
from workbench.widgets.component_palette import Palette

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_TEXT_LINES = 3
NARROW = 56
"""Columns below which only the most telling numbers are written."""


class LengthHistogram(Widget, can_focus=True):
    """Title, bars, axis, and what the cut keeps. `cut` is in tokens, 0 where there is none."""

    BINDING_GROUP_TITLE = "Length histogram"
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"lengths--{name}" for name in ("title", "faded", "bar", "chosen", "rejected", "over", "line", "text")
    }
    DEFAULT_CSS = """
    LengthHistogram {
        height: 1fr;
        width: 1fr;
        min-height: 5;
        padding: 0 1;
        & > .lengths--title { color: $foreground; text-style: bold; }
        &:focus > .lengths--title { color: $primary; text-style: bold underline; }
        & > .lengths--faded { color: $quiet; }
        & > .lengths--text { color: $foreground; }
        & > .lengths--bar { color: $primary; }
        & > .lengths--chosen { color: $chosen; }
        & > .lengths--rejected { color: $rejected; }
        & > .lengths--over { color: $cut; }
        & > .lengths--line { color: $cut; text-style: bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "Cut lower", tooltip="What a smaller sequence_len would keep", id="lengths.lower",
                key_display="←"),
        Binding("right,l", "move(1)", "Cut higher", tooltip="What a larger sequence_len would keep",
                id="lengths.higher", key_display="→"),
        Binding("backspace,delete", "reset", "As preset", tooltip="Back to the preset's sequence_len",
                id="lengths.reset"),
    ]  # fmt: skip

    cut: reactive[int] = reactive(0)

    @dataclass
    class Moved(Message):
        """The cut was moved."""

        cut: int

    def __init__(self, name: str, lengths: Lengths) -> None:
        super().__init__(name=name)
        self.lengths = lengths
        self.set_reactive(LengthHistogram.cut, lengths.limit)
        self._palette = Palette(self)

    def action_move(self, by: int) -> None:
        """Move the cut to the next edge of the histogram."""
        lengths = self.lengths
        if not lengths.limit:
            return
        edges = [*lengths.edges[1:-1], lengths.maximum]
        at = bisect_right(edges, self.cut) if by > 0 else bisect_left(edges, self.cut) - 1
        if 0 <= at < len(edges):
            self.post_message(self.Moved(edges[at]))

    def action_reset(self) -> None:
        """Put the cut back where the preset has it."""
        if self.lengths.limit:
            self.post_message(self.Moved(self.lengths.limit))

    def on_click(self, event: events.Click) -> None:
        """Put the cut where the pointer is."""
        at = event.get_content_offset(self)
        if at is not None and self.lengths.limit:
            edges, bounds = self.lengths.edges, self._bounds()
            which = min(max(bisect_right(bounds, at.x) - 1, 0), len(edges) - 2)
            self.post_message(self.Moved(edges[which + 1]))

    def notify_style_update(self) -> None:
        """The theme changed: all colours are worked out again."""
        super().notify_style_update()
        self._palette.clear()

    def render_line(self, y: int) -> Strip:
        """Paint one line."""
        width, height = self.size.width, self.size.height
        bars = max(height - _TEXT_LINES, 1)
        if y == 0:
            segments = self._title()
        elif y <= bars:
            segments = self._bars(bars - y, bars)
        elif y == bars + 1:
            segments = [Segment(self._axis(width), self._palette("lengths--faded"))]
        else:
            segments = self._budget() if y == bars + 2 else []
        return Strip(segments).extend_cell_length(width, self._palette()).crop(0, width)

    def _title(self) -> list[Segment]:
        lengths = self.lengths
        facts = f"median {lengths.median:,}  95 % ≤ {lengths.p95:,}  longest {lengths.maximum:,}"
        unit = "steps" if self.name == "steps" else "tokens"
        total = f"  {lengths.tokens:,} {unit}"
        name = {"steps": "steps a row", "step": "tokens a step"}.get(self.name or "", f"{self.name} tokens")
        if self.size.width < NARROW:
            name, total = name.removesuffix(" tokens"), ""
            facts = f"95 % ≤ {lengths.p95:,}  longest {lengths.maximum:,}"
        return [
            Segment(f"{name}  ", self._palette("lengths--title")),
            Segment(facts + total, self._palette("lengths--faded")),
        ]

    def _bounds(self) -> list[int]:
        """The cell at which each bin begins, and where the last one ends."""
        bins = max(len(self.lengths.counts), 1)
        width = max(self.size.width, bins)
        return [which * width // bins for which in range(bins + 1)]

    def _bars(self, level: int, bars: int) -> list[Segment]:
        highest = max(self.lengths.counts, default=0) or 1
        bounds, edges = self._bounds(), self.lengths.edges
        colour = self.name if self.name in ("chosen", "rejected") else "bar"
        segments = []
        for which, count in enumerate(self.lengths.counts):
            cells = bounds[which + 1] - bounds[which]
            # A bin with anything in it is never drawn as empty.
            eighths = max(round(count / highest * bars * 8), 1) if count else 0
            block = _EIGHTHS[min(max(eighths - level * 8, 0), 8)]
            over = bool(self.cut) and edges[which] > self.cut
            line = bool(self.cut) and edges[which] <= self.cut < edges[which + 1]
            style = self._palette("lengths--over" if over else f"lengths--{colour}")
            segments.append(Segment(block * (cells - line), style))
            if line:
                segments.append(Segment("│", self._palette("lengths--line")))
        return segments

    def _axis(self, width: int) -> str:
        edges, bounds = self.lengths.edges, self._bounds()
        axis = [" "] * width
        free = 0
        for which in range(len(edges) - 1):
            label = f"{edges[which]:,}"
            at = bounds[which]
            if at >= free and at + len(label) <= width:
                axis[at : at + len(label)] = label
                free = at + len(label) + 4
        return "".join(axis)

    def _budget(self) -> list[Segment]:
        if not self.cut:
            return []
        budget = budget_at(self.lengths, self.cut)
        preset = self.lengths.limit
        narrow = self.size.width < NARROW
        name = "" if narrow else " sequence_len" if self.cut == preset else f" instead of {preset:,}"
        return [
            Segment(f"│ {self.cut:,}", self._palette("lengths--line")),
            Segment(f"{name}: ", self._palette("lengths--faded")),
            Segment(f"≈{percent(budget.whole)} whole, ", self._palette("lengths--text")),
            Segment(f"≈{percent(budget.tokens)} {'' if narrow else 'of '}tokens", self._palette("lengths--text")),
        ]


def percent(share: float) -> str:
    """A share in per cent, one decimal, never rounded up to all or down to nothing."""
    value = share * 100
    if 0 < value < 0.1:
        return "<0.1 %"
    if 99.9 < value < 100:
        return ">99.9 %"
    return f"{value:.1f} %" if value % 1 else f"{value:.0f} %"
