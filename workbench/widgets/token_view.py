"""One token sequence, painted: every token can be seen, pointed at and walked to."""

from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from engine.encode.encoding import MASKED, TokenSequence
from workbench.widgets.token_layout import GAP, Fragment, Layout, View
from workbench.widgets.token_marks import Marks, marks_of
from workbench.widgets.token_palette import Palette

FIRST_LINES = 300
"""Lines laid out before the first paint: more than any screen has."""
MORE_LINES = 400
"""Lines laid out at a time afterwards, a few milliseconds' work, until the sequence is complete."""


class TokenView(Widget, can_focus=True):
    """Paints a token sequence at its full height; put it in a VerticalScroll.

    Only the lines in sight are painted, and a very long sequence is laid out piece by piece while the screen goes on.
    """

    BINDING_GROUP_TITLE = "Tokens"
    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"tokens--{name}"
        for name in (
            *("template", "system", "user", "assistant", "tool", "prompt", "answer", "step", "separator"),
            *("shade", "special", "shared", "masked", "lost", "carrier", "newline", "gap", "under", "gutter"),
            *("cursor", "cursor-blurred", "hover", "match", "blank"),
            *("diverges", "pooled", "cut", "right", "wrong", "soft", "unjudged"),
        )
    }
    DEFAULT_CSS = """
    TokenView {
        height: auto;
        width: 1fr;
        & > .tokens--template { color: $foreground; text-opacity: 55%; }
        & > .tokens--system { color: $secondary; }
        & > .tokens--user { color: $chosen 75%; }
        & > .tokens--prompt { color: $chosen 75%; }
        & > .tokens--tool { color: $warning; }
        & > .tokens--assistant { color: $foreground; }
        & > .tokens--answer { color: $foreground; }
        & > .tokens--step { color: $foreground; }
        & > .tokens--separator { color: $special; }
        & > .tokens--shade { background: $foreground 9%; }
        & > .tokens--special { color: $special; text-style: italic; }
        & > .tokens--shared { text-opacity: 72%; }
        & > .tokens--masked { text-opacity: 70%; }
        & > .tokens--lost { color: $cut; text-opacity: 70%; text-style: strike; }
        & > .tokens--carrier { text-style: bold underline; }
        & > .tokens--newline { text-opacity: 45%; }
        & > .tokens--gap { text-opacity: 40%; text-style: italic; }
        & > .tokens--under { color: $foreground; text-opacity: 60%; }
        & > .tokens--blank { color: $foreground; }
        & > .tokens--gutter { color: $foreground; text-opacity: 45%; }
        & > .tokens--hover { background: $primary 30%; }
        & > .tokens--match { background: $warning; color: $background; text-style: bold; }
        & > .tokens--cursor { background: $foreground; color: $background; text-style: bold; }
        & > .tokens--cursor-blurred { background: $foreground 35%; }
        & > .tokens--diverges { background: $special; color: $background; text-style: bold; }
        & > .tokens--pooled { background: $pooled; color: $background; text-style: bold; }
        & > .tokens--cut { background: $cut; color: $background; text-style: bold; }
        & > .tokens--right { background: $positive; color: $background; text-style: bold; }
        & > .tokens--wrong { background: $negative; color: $background; text-style: bold; }
        & > .tokens--soft { background: $foreground; color: $background; text-style: bold; }
        & > .tokens--unjudged { background: $foreground 12%; color: $foreground; text-opacity: 70%; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "Previous token", show=False, id="token.previous"),
        Binding("right,l", "move(1)", "Next token", show=False, id="token.next"),
        Binding("up", "move_line(-1)", "Line up", show=False, id="token.up"),
        Binding("down", "move_line(1)", "Line down", show=False, id="token.down"),
        Binding("pageup", "move_page(-1)", "Page up", show=False, id="token.page-up"),
        Binding("pagedown,space", "move_page(1)", "Page down", show=False, id="token.page-down"),
        Binding("home", "move_to(0)", "First token", show=False, id="token.first"),
        Binding("end", "move_to(-1)", "Last token", show=False, id="token.last"),
        Binding("full_stop", "landmark(1)", "Next mark", show=False, id="token.next-mark"),
        Binding("comma", "landmark(-1)", "Previous mark", show=False, id="token.previous-mark"),
    ]

    view: reactive[View] = reactive(View.TOKENS, layout=True)
    whitespace: reactive[bool] = reactive(False, layout=True)
    cursor: reactive[int] = reactive(0)
    hover: reactive[int] = reactive(GAP)
    match: reactive[tuple[int, int]] = reactive((0, 0))

    @dataclass
    class Moved(Message):
        """The cursor stands on another token, or the sequence is another."""

        view: "TokenView"

        @property
        def control(self) -> "TokenView":
            """The view whose cursor moved."""
            return self.view

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.sequence: TokenSequence | None = None
        self._marks: Marks | None = None
        self._shared = 0
        self._carriers: frozenset[int] = frozenset()
        self._layout: Layout | None = None
        self._laid_out_for: tuple[object, ...] = ()
        self._extending = False
        self._palette = Palette(self)

    def show(
        self, sequence: TokenSequence | None, *, shared_prefix: int = 0, diverges: bool = False, limit: int = 0
    ) -> None:
        """Show a sequence (None: nothing). The first `shared_prefix` tokens are those of the other side too.

        With `diverges` the token after them is marked, and with `limit` the first token beyond it. The cursor goes to
        where the reward is read, to the first label, or to the start.
        """
        self.sequence = sequence
        self._shared = shared_prefix
        self._marks = marks_of(sequence, shared_prefix if diverges else -1, limit) if sequence else None
        self._carriers = frozenset(
            [i for i, label in enumerate(sequence.labels) if label != MASKED] if sequence else []
        )
        self._laid_out_for = ()
        self.match = (0, 0)
        self.hover = GAP
        self.set_reactive(TokenView.cursor, self._first_cursor())
        self.refresh(layout=True)
        self.post_message(self.Moved(self))

    @property
    def landmarks(self) -> tuple[int, ...]:
        """The tokens that carry a mark, in order."""
        return self._marks.landmarks if self._marks else ()

    def line_of(self, token: int) -> int:
        """The line on which a token begins."""
        return self._layout.reach(token) if self._layout else 0

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """All there is."""
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The lines laid out so far."""
        return max(len(self._laid_out(width).lines), 1) if self.sequence else 1

    def render_line(self, y: int) -> Strip:
        """Paint one line."""
        width = self.size.width
        base = self._palette()
        if self.sequence is None:
            return Strip.blank(width, base)
        layout = self._laid_out(width)
        if y >= len(layout.lines):
            return Strip.blank(width, base)
        line = layout.lines[y]
        segments: list[Segment] = []
        if layout.gutter:
            mark = line.gutter.rjust(layout.gutter - 2)
            segments.append(Segment(f"{mark}│ " if mark.strip() else f"{mark}┆ ", self._palette("tokens--gutter")))
        used = layout.gutter
        for fragment in line.fragments:
            segments.append(Segment(fragment.text, self._style(fragment)))
            used += fragment.cells
        if used < width:
            segments.append(Segment(" " * (width - used), base))
        return Strip(segments, max(used, width)).crop(0, width)

    def notify_style_update(self) -> None:
        """The theme changed: all colours are worked out again."""
        super().notify_style_update()
        self._palette.clear()

    # -- moving

    def action_move(self, by: int) -> None:
        """Walk by tokens."""
        self._go(self.cursor + by)

    def action_move_to(self, token: int) -> None:
        """Go to a token; negative ones count from the end."""
        if self.sequence:
            self._go(token if token >= 0 else len(self.sequence.ids) + token)

    def action_move_line(self, by: int) -> None:
        """Go to the token above or below; beyond the ends the pane scrolls."""
        self._go_lines(by)

    def action_move_page(self, by: int) -> None:
        """Go a page up or down."""
        pane = self.parent
        self._go_lines(by * max(pane.size.height - 1, 1) if isinstance(pane, Widget) else by)

    def action_landmark(self, direction: int) -> None:
        """Go to the next or previous mark: divergence, label, cut, pooled token."""
        if direction > 0:
            ahead = [token for token in self.landmarks if token > self.cursor] or list(self.landmarks[:1])
        else:
            ahead = [token for token in self.landmarks if token < self.cursor][::-1] or list(self.landmarks[-1:])
        if ahead:
            self._go(ahead[0])

    def go_to(self, start: int, stop: int) -> None:
        """Put the cursor on a found stretch of tokens and highlight it."""
        self.match = (start, stop)
        self._go(start)
        self.scroll_to_token(start)

    def scroll_to_token(self, token: int, context: int = 2) -> None:
        """Bring a token into sight, with some lines of context."""
        pane = self.parent
        if isinstance(pane, VerticalScroll) and self._layout is not None:
            line = self.line_of(token)
            self._refit()
            top = max(line - context, 0)
            pane.scroll_to_region(Region(0, top, 1, line + context + 1 - top), animate=False, force=True)

    def _go(self, token: int) -> None:
        if self.sequence and self.sequence.ids:
            self.cursor = min(max(token, 0), len(self.sequence.ids) - 1)

    def _go_lines(self, by: int) -> None:
        layout = self._layout
        if layout is None or not layout.lines:
            return
        line = layout.reach(self.cursor)
        column = layout.column_of(self.cursor, line)
        target = line
        while 0 <= target + by < len(layout.lines) or abs(by) > 1:
            target = min(max(target + by, 0), len(layout.lines) - 1)
            token = layout.token_at(target, column)
            if token not in (GAP, self.cursor):
                self._go(token)
                return
            if target in (0, len(layout.lines) - 1):
                return
            by = 1 if by > 0 else -1

    def watch_cursor(self, before: int, now: int) -> None:
        """Repaint the lines concerned, keep the cursor in sight, and tell."""
        if self._layout is None:
            return
        self._repaint(before)
        self._repaint(now)
        self.scroll_to_token(now, context=1)
        self.post_message(self.Moved(self))

    def watch_hover(self, before: int, now: int) -> None:
        """Repaint the lines concerned."""
        if self._layout is not None:
            self._repaint(before)
            self._repaint(now)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Light the token under the pointer."""
        self.hover = self._layout.token_at(event.y, event.x) if self._layout else GAP

    def on_leave(self) -> None:
        """No token is pointed at."""
        self.hover = GAP

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the token under the pointer."""
        if self._layout and (token := self._layout.token_at(event.y, event.x)) != GAP:
            self._go(token)

    def on_focus(self) -> None:
        """The cursor that moves is here now."""
        self._repaint(self.cursor)
        self.post_message(self.Moved(self))

    def on_blur(self) -> None:
        """The cursor rests."""
        self._repaint(self.cursor)

    # -- layout

    def _laid_out(self, width: int) -> Layout:
        wanted = (id(self.sequence), self.view, width, self.whitespace)
        if self._layout is None or self._laid_out_for != wanted:
            assert self.sequence is not None and self._marks is not None
            view = View.TOKENS if self.view is View.RAW else self.view
            self._layout = Layout(self.sequence, self._marks, view, width, self.whitespace)
            self._laid_out_for = wanted
            self._layout.extend(FIRST_LINES)
        if not self._layout.complete and not self._extending:
            self._extending = True
            self.set_timer(0.005, self._extend)
        return self._layout

    def _extend(self) -> None:
        self._extending = False
        if self._layout is not None and not self._layout.complete:
            self._layout.extend(MORE_LINES)
            self._refit()

    def _refit(self) -> None:
        if self._layout is not None and len(self._layout.lines) != self.size.height:
            self.refresh(layout=True)

    def _repaint(self, token: int) -> None:
        layout, sequence = self._layout, self.sequence
        if layout is None or sequence is None or not 0 <= token < len(layout.token_lines):
            return
        first = layout.token_lines[token]
        last = layout.token_lines[token + 1] if token + 1 < len(layout.token_lines) else first
        # In the views of two lines a token's id or label stands on the line below it.
        self.refresh(Region(0, max(first - 1, 0), self.size.width, last - max(first - 1, 0) + 2))

    def _first_cursor(self) -> int:
        if self.sequence is None:
            return 0
        if self.sequence.pooled >= 0:
            return min(self.sequence.pooled, max(len(self.sequence.ids) - 1, 0))
        return min(self._carriers, default=0)

    # -- style

    def _style(self, fragment: Fragment) -> Style:
        token, sequence = fragment.token, self.sequence
        assert sequence is not None
        if token == GAP:
            return self._palette("tokens--gap")
        if fragment.kind not in ("token", "under", "newline"):
            return self._palette(f"tokens--{fragment.kind}")
        carrier = token in self._carriers or token == sequence.pooled
        cursor = self._is_cursor(token)
        chosen = (
            (sequence.parts[token].value, True),
            ("special", sequence.special[token]),
            ("shade", token % 2 == 1 and self.view is not View.TEXT),
            ("shared", token < self._shared and not cursor),
            ("masked", bool(self._carriers) and not carrier and not cursor),
            ("lost", not sequence.kept_start <= token < sequence.kept_end),
            ("carrier", carrier and fragment.kind == "token"),
            ("newline", fragment.kind == "newline" and not cursor),
            ("under", fragment.kind == "under"),
            ("hover", token == self.hover),
            ("match", self.match[0] <= token < self.match[1]),
            ("cursor", cursor and self.has_focus),
            ("cursor-blurred", cursor and not self.has_focus),
        )
        return self._palette(*[f"tokens--{name}" for name, applies in chosen if applies])

    def _is_cursor(self, token: int) -> bool:
        if token == self.cursor:
            return True
        sequence = self.sequence
        # A character of several tokens is drawn once: the cursor shows on it whichever of them it stands on.
        return (
            sequence is not None
            and self.view is View.TEXT
            and sequence.starts[token] < sequence.ends[token]
            and sequence.starts[token] == sequence.starts[self.cursor]
            and sequence.ends[token] == sequence.ends[self.cursor]
        )
