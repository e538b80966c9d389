"""A pair: chosen and rejected side by side, or one above the other where the screen is narrow."""

import asyncio
from collections.abc import Iterator

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget

from engine.encode.encoding import NO_TOKEN, TokenSequence
from engine.inspector.messages import RowView
from workbench.row_values import RowValue
from workbench.widgets.raw_view import RawView
from workbench.widgets.refusal import RefusalNote
from workbench.widgets.run_marks import run_marks
from workbench.widgets.token_difference import Difference, difference
from workbench.widgets.token_layout import View, quoted, shown
from workbench.widgets.token_legend import TokenLegend, pair_legend
from workbench.widgets.token_pane import TokenPane
from workbench.widgets.token_view import TokenView

SIDE_BY_SIDE = 100
"""Columns from which the two sides stand beside each other."""
LEGEND_FROM = 18
"""Lines from which there is room to say what the looks mean."""
COMPARED_AT_ONCE = 4_000
"""Tokens beyond the shared prefix that are compared before the first paint; more are, while the screen goes on."""


class PairView(Widget):
    """Shows the two sides of a pair; beside each other they scroll together."""

    DEFAULT_CSS = """
    PairView {
        height: 1fr;
        layout: vertical;
        & > #sides { layout: horizontal; height: 1fr; }
        &.-stacked > #sides { layout: vertical; }
        & > RawView { display: none; }
        & > TokenLegend { display: none; }
        &.-tall > TokenLegend { display: block; }
        &.-bare > #sides, &.-bare > TokenLegend { display: none; }
        &.-bare > RawView { display: block; }
        & #chosen { border-title-color: $chosen; &:focus-within { border-top: solid $chosen; } }
        & #rejected { border-title-color: $rejected; &:focus-within { border-top: solid $rejected; } }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.row: RowView | None = None
        self.chosen = TokenPane("chosen", id="chosen")
        self.rejected = TokenPane("rejected", id="rejected")
        self._note = RefusalNote()
        self._raw = RawView()
        self._legend = TokenLegend()

    def compose(self) -> ComposeResult:
        """The reason of a refused row, then the two sides, or the raw row where there are none."""
        yield self._note
        with Container(id="sides"):
            yield self.chosen
            yield self.rejected
        yield self._legend
        yield self._raw

    def show(self, row: RowView | None, limit: int = 0, value: RowValue | None = None) -> None:
        """Show a pair (None: nothing); tokens beyond `limit` are pointed at where nothing was cut.

        `value` is what a run made of it: by how much each side was ahead stands where the reward is read.
        """
        self.row = row
        self._note.show(row)
        bare = row is not None and not row.sequences
        self.set_class(bare, "-bare")
        self._raw.show(row if bare else None)
        sequences = row.sequences if row and len(row.sequences) == 2 else (None, None)
        shared = _alike(sequences[0], sequences[1], row.shared_prefix) if row else 0
        diverges = None not in sequences and sequences[0] != sequences[1]
        marks = run_marks(row, value) if row and None not in sequences else (None, None)
        sides = ((self.chosen, "✓ chosen"), (self.rejected, "✗ rejected"))
        for (pane, name), sequence, run in zip(sides, sequences, marks, strict=True):
            title = side_title(name, sequence)
            opening = shared if diverges else 0
            pane.show(sequence, title, opening=opening, shared_prefix=shared, diverges=diverges, limit=limit, run=run)
        self._legend.show(pair_legend(row.sequences, shared, None) if row else ())
        self._compare(row, shared)

    @work(group="difference", exclusive=True)
    async def _compare_aside(self, row: RowView, shared: int) -> None:
        chosen, rejected = row.sequences
        found = await asyncio.to_thread(difference, chosen, rejected, shared)
        if self.row is row:
            self._mark(row, shared, found)

    def _compare(self, row: RowView | None, shared: int) -> None:
        self.workers.cancel_group(self, "difference")
        if row is None or len(row.sequences) != 2:
            return
        chosen, rejected = row.sequences
        if len(chosen.ids) + len(rejected.ids) - 2 * shared > COMPARED_AT_ONCE:
            self._compare_aside(row, shared)
        else:
            self._mark(row, shared, difference(chosen, rejected, shared))

    def _mark(self, row: RowView, shared: int, found: Difference) -> None:
        self.chosen.tokens.mark_own(found.chosen)
        self.rejected.tokens.mark_own(found.rejected)
        self._legend.show(pair_legend(row.sequences, shared, (found.chosen_words, found.rejected_words)))

    def set_view(self, view: View, whitespace: bool) -> None:
        """How the tokens are shown, on both sides."""
        for tokens in self.token_views():
            tokens.view = view
            tokens.whitespace = whitespace

    def token_views(self) -> Iterator[TokenView]:
        """The two sides' tokens."""
        yield self.chosen.tokens
        yield self.rejected.tokens

    def side_of(self, tokens: TokenView) -> str:
        """The name of the side that a token view shows."""
        return "chosen" if tokens is self.chosen.tokens else "rejected"

    def on_resize(self, event: events.Resize) -> None:
        """Stand side by side where there is room, both as tall as the longer one: then they scroll as one."""
        stacked = event.size.width < SIDE_BY_SIDE
        self.set_class(stacked, "-stacked")
        self.set_class(event.size.height >= LEGEND_FROM, "-tall")
        self.chosen.tokens.partner = None if stacked else self.rejected.tokens
        self.rejected.tokens.partner = None if stacked else self.chosen.tokens
        if stacked:
            for pane in (self.chosen, self.rejected):
                pane.follow(None)

    def on_token_pane_scrolled(self, event: TokenPane.Scrolled) -> None:
        """Beside each other, the other side follows."""
        event.stop()
        if not self.has_class("-stacked"):
            other = self.rejected if event.pane is self.chosen else self.chosen
            other.follow(event.pane.scroll_y)


def _alike(chosen: TokenSequence | None, rejected: TokenSequence | None, shared: int) -> int:
    """How many tokens both sides begin with, at least `shared`.

    An encoding shares one token less than the shorter side has, so that each side keeps one of its own: where a cut
    has made the sides the same, or one begins with all of the other, the first difference lies further on.
    """
    if chosen is None or rejected is None:
        return shared
    shorter = min(len(chosen.ids), len(rejected.ids))
    while shared < shorter and chosen.ids[shared] == rejected.ids[shared]:
        shared += 1
    return shared


def side_title(name: str, sequence: TokenSequence | None) -> Content:
    """The title of a side: its name, its tokens, and where the reward is read."""
    if sequence is None:
        return Content(f"{name} · no tokens")
    kept = sequence.kept_end - sequence.kept_start
    whole = len(sequence.ids)
    count = f"{whole:,} tokens" + (f", {whole - kept:,} cut" if kept < whole else "")
    title = f"{name} · {count}"
    if 0 <= sequence.pooled < whole:
        title += f" · ▲ reward at {sequence.pooled} {quoted(shown(sequence, sequence.pooled))}"
    elif sequence.pooled == NO_TOKEN:
        title += " · ▲ reward from the mean of all"
    return Content(title)
