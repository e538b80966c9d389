"""A pair: chosen and rejected side by side, or one above the other where the screen is narrow."""

from collections.abc import Iterator

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget

from engine.encode.encoding import TokenSequence
from engine.inspector.messages import RowView
from workbench.screen_text import visible
from workbench.widgets.raw_view import RawView
from workbench.widgets.refusal import RefusalNote
from workbench.widgets.token_layout import NEWLINE, View, shown
from workbench.widgets.token_pane import TokenPane
from workbench.widgets.token_view import TokenView

SIDE_BY_SIDE = 100
"""Columns from which the two sides stand beside each other."""


class PairView(Widget):
    """Shows the two sides of a pair; beside each other they scroll together."""

    DEFAULT_CSS = """
    PairView {
        height: 1fr;
        layout: vertical;
        & > #sides { layout: horizontal; height: 1fr; }
        &.-stacked > #sides { layout: vertical; }
        & > RawView { display: none; }
        &.-bare > #sides { display: none; }
        &.-bare > RawView { display: block; }
        & #chosen { border-title-color: $chosen; &:focus-within { border-top: solid $chosen; } }
        & #rejected { border-title-color: $rejected; &:focus-within { border-top: solid $rejected; } }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.row: RowView | None = None
        self.chosen = TokenPane(id="chosen")
        self.rejected = TokenPane(id="rejected")
        self._note = RefusalNote()
        self._raw = RawView()
        self._following = False

    def compose(self) -> ComposeResult:
        """The reason of a refused row, then the two sides, or the raw row where there are none."""
        yield self._note
        with Container(id="sides"):
            yield self.chosen
            yield self.rejected
        yield self._raw

    def on_mount(self) -> None:
        """The sides follow each other."""
        self.watch(self.chosen, "scroll_y", lambda y: self._follow(self.rejected, y), init=False)
        self.watch(self.rejected, "scroll_y", lambda y: self._follow(self.chosen, y), init=False)

    def show(self, row: RowView | None, limit: int = 0) -> None:
        """Show a pair (None: nothing); tokens beyond `limit` are pointed at where nothing was cut."""
        self.row = row
        self._note.show(row)
        bare = row is not None and not row.sequences
        self.set_class(bare, "-bare")
        self._raw.show(row if bare else None)
        sequences = row.sequences if row and len(row.sequences) == 2 else (None, None)
        shared = _alike(sequences[0], sequences[1], row.shared_prefix) if row else 0
        diverges = None not in sequences and sequences[0] != sequences[1]
        self._following = True
        for pane, name, sequence in zip(
            (self.chosen, self.rejected), ("✓ chosen", "✗ rejected"), sequences, strict=True
        ):
            title = side_title(name, sequence)
            pane.show(sequence, title, shared_prefix=shared, diverges=diverges, limit=limit)
        self._following = False

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
        """Stand side by side where there is room."""
        self.set_class(event.size.width < SIDE_BY_SIDE, "-stacked")

    def _follow(self, other: TokenPane, y: float) -> None:
        if self._following or self.has_class("-stacked"):
            return
        self._following = True
        other.scroll_to(y=y, animate=False, immediate=True)
        self._following = False


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
    count = f"{whole:,} tokens" if kept == whole else f"{kept:,} of {whole:,} tokens"
    title = f"{name} · {count}"
    if 0 <= sequence.pooled < whole:
        title += f" · ▲ reward at {sequence.pooled} {quoted(shown(sequence, sequence.pooled))}"
    return Content(title)


def quoted(text: str, limit: int = 24) -> str:
    """A token's text for a line of words: in angle quotes, made visible, shortened."""
    text = visible((text if len(text) <= limit else f"{text[: limit - 1]}…").replace("\n", NEWLINE))
    return f"‹{text}›"
