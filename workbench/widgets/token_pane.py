"""A titled pane with one token sequence in it, scrolled."""

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from engine.encode.encoding import TokenSequence
from workbench.widgets.token_view import TokenView


class TokenPane(VerticalScroll, can_focus=False):
    """A rule with a title, and below it the tokens; the focus is on the tokens."""

    DEFAULT_CSS = """
    TokenPane {
        height: 1fr;
        width: 1fr;
        border-top: solid $foreground 25%;
        border-title-color: $foreground 80%;
        border-title-style: bold;
        padding: 0 1;
        scrollbar-size-vertical: 1;
        &:focus-within { border-top: solid $primary; }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.tokens = TokenView()

    def compose(self) -> ComposeResult:
        """The tokens, alone."""
        yield self.tokens

    def show(
        self,
        sequence: TokenSequence | None,
        title: Content,
        *,
        shared_prefix: int = 0,
        diverges: bool = False,
        limit: int = 0,
    ) -> None:
        """Show a sequence under a title, from its top, or from where it differs if that is out of sight."""
        self.border_title = title
        self.tokens.show(sequence, shared_prefix=shared_prefix, diverges=diverges, limit=limit)
        self.scroll_to(y=0, animate=False, immediate=True)
        if diverges:
            self.call_after_refresh(self._reveal, sequence, shared_prefix)

    def _reveal(self, sequence: TokenSequence | None, token: int) -> None:
        if self.tokens.sequence is sequence and sequence is not None and self.size.height > 0:
            line = self.tokens.line_of(min(token, len(sequence.ids) - 1))
            if line > self.size.height * 2 // 3:
                self.scroll_to(y=max(line - self.size.height // 3, 0), animate=False, immediate=True)
