"""A histogram of lengths with the line at which sequences are cut; the line can be moved to see what it would keep."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from engine.inspector.check_messages import LengthBudget, Lengths
from workbench.length_budget import caption, stop_beside, stop_near
from workbench.widgets.component_palette import Palette

_EIGHTHS = " ▁▂▃▄▅▆▇█"
NARROW, WORDY = 64, 88
"""Columns below which only the most telling numbers are written above, and below the bars."""
NAMES = {
    "longer": "longer side of each pair",
    "sequence": "sequence",
    "steps": "steps a row",
    "step": "tokens a step",
}


class LengthHistogram(Widget):
    """Title, bars, axis. `cut` is in tokens, 0 where there is none.

    With a `budget` of `rows` samples the cut can be moved, and a line below says what training would keep.
    """

    BINDING_GROUP_TITLE = "Length histogram"
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"lengths--{name}" for name in ("title", "faded", "bar", "chosen", "rejected", "over", "line", "text")
    }
    DEFAULT_CSS = """
    LengthHistogram {
        height: 1fr;
        width: 1fr;
        min-height: 4;
        padding: 0 1;
        & > .lengths--title { color: $foreground; text-style: bold; }
        &:focus > .lengths--title { color: $primary; text-style: bold reverse; }
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
        Binding("home", "move(-1000)", "Lowest", tooltip="The least that was counted", show=False, id="lengths.lowest"),
        Binding("end", "move(1000)", "Keep all", tooltip="The length of the longest", show=False, id="lengths.highest"),
        Binding("backspace,delete", "reset", "As preset", tooltip="Back to the preset's sequence_len",
                id="lengths.reset"),
        Binding("w,enter", "take", "Write to preset", tooltip="Make this the preset's sequence_len, unsaved",
                id="lengths.take", key_display="w"),
    ]  # fmt: skip

    cut: reactive[int] = reactive(0)

    @dataclass
    class Moved(Message):
        """The cut was moved."""

        cut: int

    @dataclass
    class Taken(Message):
        """The cut shall be the preset's `sequence_len`."""

        cut: int

    def __init__(self, name: str, lengths: Lengths, budget: LengthBudget | None = None, rows: int = 0) -> None:
        super().__init__(name=name)
        self.lengths = lengths
        self.can_focus = budget is not None
        self._budget = budget
        self._rows = rows
        self.set_reactive(LengthHistogram.cut, lengths.limit)
        self._palette = Palette(self)

    def action_move(self, by: int) -> None:
        """Move the cut by some of the lengths that were counted."""
        if self._budget is not None and (stop := stop_beside(self._budget, self.cut, by)) != self.cut:
            self.post_message(self.Moved(stop))

    def action_reset(self) -> None:
        """Put the cut back where the preset has it."""
        self.post_message(self.Moved(self.lengths.limit))

    def action_take(self) -> None:
        """Ask for the cut to be written into the preset."""
        if self._budget is not None:
            self.post_message(self.Taken(self.cut))

    def on_click(self, event: events.Click) -> None:
        """Put the cut where the pointer is."""
        at = event.get_content_offset(self)
        if at is not None and self._budget is not None:
            edges, bounds = self.lengths.edges, self._bounds()
            which = min(max(bisect_right(bounds, at.x) - 1, 0), len(edges) - 2)
            inside = (at.x - bounds[which] + 0.5) / (bounds[which + 1] - bounds[which])
            length = edges[which] + inside * (edges[which + 1] - edges[which])
            self.post_message(self.Moved(stop_near(self._budget, length)))

    def notify_style_update(self) -> None:
        """The theme changed: all colours are worked out again."""
        super().notify_style_update()
        self._palette.clear()

    def render_line(self, y: int) -> Strip:
        """Paint one line."""
        width, height = self.size.width, self.size.height
        bars = max(height - 2 - bool(self._budget), 1)
        if y == 0:
            segments = self._title()
        elif y <= bars:
            segments = self._bars(bars - y, bars)
        elif y == bars + 1:
            segments = [Segment(self._axis(width), self._palette("lengths--faded"))]
        else:
            segments = self._caption() if y == bars + 2 else []
        return Strip(segments).extend_cell_length(width, self._palette()).crop(0, width)

    def _title(self) -> list[Segment]:
        lengths, width = self.lengths, self.size.width
        unit = "steps" if self.name == "steps" else "tokens"
        name = NAMES.get(self.name or "", self.name or "")
        if width < NARROW:
            name = name.removesuffix(" of each pair")
        least = f"95 % ≤ {lengths.p95:,}  longest {lengths.maximum:,}"
        more = f"median {lengths.median:,}  {least} {unit}"
        offers = (f"{more}  {lengths.tokens:,} in all", more, least)
        facts = next((offer for offer in offers if len(name) + 2 + len(offer) <= width), least)
        return [
            Segment(f"{name}  ", self._palette("lengths--title")),
            Segment(facts, self._palette("lengths--faded")),
        ]

    def _bounds(self) -> list[int]:
        """The cell at which each bin begins, and where the last one ends."""
        bins = max(len(self.lengths.counts), 1)
        width = max(self.size.width, bins)
        return [which * width // bins for which in range(bins + 1)]

    def _line_at(self) -> int:
        """The cell of the cut line, -1 where there is none in sight: what is left of it fits."""
        edges, bounds = self.lengths.edges, self._bounds()
        if not self.cut or not edges[0] <= self.cut < edges[-1]:
            return -1
        which = bisect_right(edges, self.cut) - 1
        part = (self.cut - edges[which]) / (edges[which + 1] - edges[which])
        return bounds[which] + int(part * (bounds[which + 1] - bounds[which]))

    def _bars(self, level: int, bars: int) -> list[Segment]:
        highest = max(self.lengths.counts, default=0) or 1
        bounds, line = self._bounds(), self._line_at()
        under = self._palette(f"lengths--{self.name if self.name in ('chosen', 'rejected') else 'bar'}")
        beyond = self._palette("lengths--over")
        all_beyond = bool(self.cut) and self.cut < self.lengths.edges[0]
        segments = []
        for which, count in enumerate(self.lengths.counts):
            first, after = bounds[which], bounds[which + 1]
            # A bin with anything in it is never drawn as empty.
            eighths = max(round(count / highest * bars * 8), 1) if count else 0
            block = _EIGHTHS[min(max(eighths - level * 8, 0), 8)]
            if first <= line < after:
                segments.append(Segment(block * (line - first), under))
                segments.append(Segment("│", self._palette("lengths--line")))
                segments.append(Segment(block * (after - line - 1), beyond))
            else:
                over = all_beyond or (line >= 0 and first > line)
                segments.append(Segment(block * (after - first), beyond if over else under))
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

    def _caption(self) -> list[Segment]:
        if self._budget is None or not self.cut:
            return []
        preset, wide = self._budget.limit, self.size.width >= WORDY
        name = " sequence_len: " if self.cut == preset else f" instead of {preset:,}: "
        return [
            Segment(f"│ {self.cut:,}", self._palette("lengths--line")),
            Segment(name, self._palette("lengths--faded")),
            Segment(caption(self._budget, self.cut, self._rows, wide=wide), self._palette("lengths--text")),
        ]
