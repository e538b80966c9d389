"""A titled pane with one token sequence in it, scrolled."""

from collections.abc import Mapping
from typing import NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message

from engine.encode.encoding import TokenSequence
from workbench.widgets.token_layout import GAP
from workbench.widgets.token_marks import Badge
from workbench.widgets.token_view import TokenView


class Anchor(NamedTuple):
    """What is to stay in sight when lines move: a token, and how many lines below the top it stands.

    `below` is None for a token that only has to be in sight, with `context` lines around it.
    """

    token: int
    below: int | None = None
    context: int = 0


class TokenPane(VerticalScroll, can_focus=False):
    """A rule with a title, and below it the tokens; the focus is on the tokens.

    Heights and lines settle after a sequence has come, piece by piece when it is long, and change with every resize and
    every view. So the pane remembers what should be in sight, and goes there again whenever lines have moved: at first
    where the sides part (or the first label), later where its reader has gone.
    """

    DEFAULT_CSS = """
    TokenPane {
        height: 1fr;
        width: 1fr;
        border-top: solid $foreground 25%;
        border-title-color: $foreground 80%;
        border-title-style: bold;
        padding: 0 1;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        &:focus-within { border-top: solid $primary; }
    }
    """

    class Scrolled(Message):
        """A pane stands where its reader wants it to."""

        def __init__(self, pane: "TokenPane") -> None:
            super().__init__()
            self.pane = pane

    def __init__(self, side: str = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.tokens = TokenView(side)
        self._opening = 0
        self._kept: Anchor | None = None
        self._followed: float | None = None
        self._settling = False
        self._settled_for: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """The tokens, alone."""
        yield self.tokens

    def show(
        self,
        sequence: TokenSequence | None,
        title: Content,
        *,
        opening: int = 0,
        shared_prefix: int = 0,
        diverges: bool = False,
        limit: int = 0,
        run: Mapping[int, Badge] | None = None,
    ) -> None:
        """Show a sequence under a title, from its top, or from the token `opening` if that would be out of sight."""
        self.border_title = title
        self.tokens.show(sequence, shared_prefix=shared_prefix, diverges=diverges, limit=limit, run=run)
        self._opening = min(opening, len(sequence.ids) - 1) if sequence else 0
        self._kept = self._followed = None
        self.settle()

    def settle(self) -> None:
        """Scroll to what should be in sight, as far as its line is known by now."""
        token = self._kept.token if self._kept else self._opening
        height = self.size.height
        line = self.tokens.line_of(token) if self.tokens.sequence and height else None
        if self._followed is not None:
            self._place(self._followed)
        elif line is None:
            return
        elif self._kept is None:
            self._place(0 if line < height // 2 else line - max(height // 4, 1))
        else:
            self._place(self._top_for(self._kept, line, height))
            self.post_message(self.Scrolled(self))

    def follow(self, y: float | None) -> None:
        """Stand where the other pane stands, from now on; None: no longer, but here."""
        if y is not None:
            self._followed = y
            self._place(y)
        elif self._followed is not None:
            self._hold()

    def _top_for(self, kept: Anchor, line: int, height: int) -> int:
        if kept.below is not None:
            return line - min(kept.below, height - 1)
        context = min(kept.context, (height - 1) // 2)
        last = min(max(self.tokens.end_of(kept.token), line + context), line + height - 1 - context)
        top = max(min(max(round(self.scroll_y), last + 1 - height), line - context), 0)
        if self._is_settled:
            self._kept = Anchor(kept.token, line - top)
        return top

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Where a reader scrolls to is where the pane is to stand; that lines have moved under it is not scrolling."""
        super().watch_scroll_y(old_value, new_value)
        if not self._settling and self._is_settled:
            self._hold()
            self.post_message(self.Scrolled(self))

    def on_resize(self, event: events.Resize) -> None:
        """Heights have changed."""
        self.settle()

    def on_token_view_laid_out(self, event: TokenView.LaidOut) -> None:
        """Lines have come or moved."""
        event.stop()
        self.settle()

    def on_token_view_sought(self, event: TokenView.Sought) -> None:
        """The cursor has gone to another token."""
        event.stop()
        self._followed = None
        self._kept = Anchor(self.tokens.cursor, context=event.context)
        self.settle()

    @property
    def _is_settled(self) -> bool:
        return self._settled_for == self._geometry()

    def _geometry(self) -> tuple[object, ...]:
        return self.tokens.laid_out_for, self.tokens.lines, self.size, self.virtual_size, self.container_size

    def _place(self, y: float) -> None:
        self._settling = True
        self.scroll_to(y=max(y, 0), animate=False, immediate=True, force=True)
        self._settling = False
        self._settled_for = self._geometry()

    def _hold(self) -> None:
        token = self.tokens.token_on(round(self.scroll_y))
        self._followed = None
        self._kept = Anchor(token, 0) if token != GAP else None
