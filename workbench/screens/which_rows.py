"""A dialog that says what there is among the rows, and lets one choose: dropped and why, what was cut, findings."""

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from engine.words import share
from workbench.row_listing import PART_WORDS, Aspect, Condition, RowFilter, length_range
from workbench.row_table import GRAVITY, RowTable
from workbench.screen_text import visible
from workbench.screens.dialog import AskText
from workbench.widgets.row_header import SEVERITY_MARK, SEVERITY_STYLE

REFRESH = 0.25
"""Seconds between two looks at rows that are still being read."""
WIDTH = 66


class Offer(NamedTuple):
    """A line of the list: a condition (None: all rows) and its label; or a heading, which cannot be chosen."""

    label: Content
    condition: Condition | None = None
    heading: bool = False


class WhichRows(ModalScreen[RowFilter | None]):
    """Offers the conditions that some row meets, with their counts; answers a filter, or None on Escape.

    Rows may still be read while it is open: the counts grow.
    """

    DEFAULT_CSS = """
    WhichRows {
        align: center middle;
        background: $background 60%;
        & > OptionList {
            width: 72; max-width: 98%; height: auto; max-height: 90%;
            background: $panel; border: round $border; border-title-color: $foreground; padding: 0 1;
            &:focus { border: round $primary; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Cancel"),
        Binding("space", "combine", "And", tooltip="Rows that meet this too"),
        Binding("j", "down", show=False),
        Binding("k", "up", show=False),
    ]

    def __init__(self, table: RowTable, current: RowFilter, marked: int) -> None:
        super().__init__()
        self._table, self._current, self._marked = table, current, marked
        self._offers: list[Offer] = []

    def compose(self) -> ComposeResult:
        """The list."""
        options = OptionList()
        options.border_title = "Which rows"
        yield options

    def on_mount(self) -> None:
        """Begin at what is chosen now, and follow what is read."""
        self._refresh()
        self.set_interval(REFRESH, self._refresh)

    def action_down(self) -> None:
        """One down."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """One up."""
        self.query_one(OptionList).action_cursor_up()

    def action_combine(self) -> None:
        """Add the condition under the cursor to those chosen before, or take it away from them."""
        at = self.query_one(OptionList).highlighted
        if at is not None:
            self._choose(self._offers[at].condition, combine=True)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer with this condition alone."""
        self._choose(self._offers[event.option_index].condition, combine=False)

    def _choose(self, condition: Condition | None, *, combine: bool) -> None:
        if condition is None:
            self.dismiss(())
        elif condition.aspect is Aspect.LENGTH and not condition.value:
            self._ask_length(combine)
        elif not combine:
            self.dismiss((condition,))
        elif condition in self._current:
            self.dismiss(tuple(one for one in self._current if one != condition))
        else:
            self.dismiss((*self._current, condition))

    def _ask_length(self, combine: bool) -> None:
        def answered(text: str | None) -> None:
            if text is not None:
                self._choose(Condition(Aspect.LENGTH, text.strip()), combine=combine)

        what = "Tokens of the longer side, before any cut: 100-200, >512, <20"
        self.app.push_screen(AskText("How long", what, refuses=_no_range), answered)

    def _refresh(self) -> None:
        options, table = self.query_one(OptionList), self._table
        read = "" if table.complete else f"{table.read:,} of {table.total:,} rows read · "
        options.border_subtitle = f"{read}enter only these · space these too · esc"
        offers = list(self._lines())
        if offers == self._offers:
            return
        at = options.highlighted
        wanted = self._offers[at].condition if at is not None else self._current[0] if self._current else None
        self._offers = offers
        options.clear_options()
        options.add_options([Option(offer.label, disabled=offer.heading) for offer in offers])
        places = (n for n, offer in enumerate(offers) if offer.condition == wanted and not offer.heading)
        options.highlighted = next(places, 0)

    def _lines(self) -> Iterator[Offer]:
        table = self._table
        kept = int(table.kept.sum())
        dropped = table.read - kept
        yield Offer(self._label("All rows", table.total))
        yield self._offer(Condition(Aspect.KEPT), "Kept", kept)
        yield self._offer(Condition(Aspect.DROPPED), "Dropped", dropped)
        for reason, count in table.reasons().most_common():
            if count:
                yield self._offer(Condition(Aspect.REASON, reason), f"  because {reason}", count)
        parts = list(table.parts())
        if parts:
            yield self._offer(Condition(Aspect.CUT), "Cut to sequence_len", int((table.column("cut") > 0).sum()))
            for part, count in parts:
                yield self._offer(Condition(Aspect.PART, part), f"  lost {PART_WORDS[part]}", count)
        findings = table.findings()
        if findings:
            yield Offer(Content.styled("with a finding", "$quiet"), heading=True)
        for code in sorted(findings, key=lambda code: (GRAVITY.index(table.severities[code]), -findings[code])):
            severity = table.severities[code]
            mark = Content.styled(f"{SEVERITY_MARK[severity]} ", SEVERITY_STYLE[severity])
            yield self._offer(Condition(Aspect.FINDING, code), code, findings[code], mark)
        yield Offer(Content.styled("others", "$quiet"), heading=True)
        yield self._offer(Condition(Aspect.MARKED), "Marked by you", self._marked)
        lengths = next((one for one in self._current if one.aspect is Aspect.LENGTH), None)
        if lengths:
            yield self._offer(lengths, str(lengths), None)
        yield Offer(Content("  Of some length …"), Condition(Aspect.LENGTH))

    def _offer(self, condition: Condition, what: str, count: int | None, mark: Content | None = None) -> Offer:
        return Offer(self._label(what, count, mark, chosen=condition in self._current), condition)

    def _label(self, what: str, count: int | None, mark: Content | None = None, *, chosen: bool = False) -> Content:
        tick = Content.styled("✓ ", "bold $success") if chosen else Content("  ")
        name = Content.assemble(tick, mark or "", visible(what))
        if count is None:
            return name
        part = count / max(self._table.read, 1) if count < self._table.total else 1
        number = f"{count:>9,}  {share(part) if count else '':>6}"
        gap = max(WIDTH - name.cell_length - len(number), 1)
        return Content.assemble(name, " " * gap, (number, "" if count else "$quiet"))


def _no_range(text: str) -> str:
    return "" if length_range(text) else "That is no range of lengths; 100-200, >512 and <20 are."
