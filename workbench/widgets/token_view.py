"""One token sequence, painted: every token can be seen, pointed at and walked to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from engine.encode.encoding import MASKED, TokenSequence
from workbench.widgets.token_layout import GAP, Fragment, Layout, Line, View, line_mark, steps_width
from workbench.widgets.token_marks import Badge, Marks, marks_of
from workbench.widgets.token_palette import BADGES, Depth, TokenPalette

FIRST_LINES = 300
"""Lines laid out before the first paint: more than any screen has."""
MORE_LINES = 400
"""Lines laid out at a time afterwards, a few milliseconds' work, until the sequence is complete."""


class TokenView(Widget, can_focus=True):
    """Paints a token sequence at its full height; put it in a TokenPane, which scrolls it.

    Only the lines in sight are painted, and a very long sequence is laid out piece by piece while the screen goes on.
    `side` names the side of a pair that it shows. A `partner` is the other side beside it, and as tall.
    """

    BINDING_GROUP_TITLE = "Tokens"
    ALLOW_SELECT = False
    DEFAULT_CSS = "TokenView { height: auto; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "Previous token", show=False, id="token.previous"),
        Binding("right,l", "move(1)", "Next token", show=False, id="token.next"),
        Binding("up,k", "move_line(-1)", "Line up", show=False, id="token.up"),
        Binding("down,j", "move_line(1)", "Line down", show=False, id="token.down"),
        Binding("pageup,ctrl+b", "move_page(-1)", "Page up", show=False, id="token.page-up"),
        Binding("pagedown,space,ctrl+f", "move_page(1)", "Page down", show=False, id="token.page-down"),
        Binding("home,circumflex_accent", "move_to(0)", "First token", show=False, id="token.first"),
        Binding("end,dollar_sign", "move_to(-1)", "Last token", show=False, id="token.last"),
        Binding("full_stop", "landmark(1)", "Next mark", show=False, id="token.next-mark"),
        Binding("comma", "landmark(-1)", "Previous mark", show=False, id="token.previous-mark"),
    ]

    view: reactive[View] = reactive(View.TOKENS, repaint=False)
    whitespace: reactive[bool] = reactive(False, repaint=False)
    cursor: reactive[int] = reactive(0, repaint=False)
    hover: reactive[int] = reactive(GAP, repaint=False)
    match: reactive[tuple[int, int]] = reactive((0, 0))

    @dataclass
    class Moved(Message):
        """The cursor stands on another token, or the sequence is another."""

        view: "TokenView"

        @property
        def control(self) -> "TokenView":
            """The view whose cursor moved."""
            return self.view

    @dataclass
    class LaidOut(Message):
        """Lines have come, or stand elsewhere than before."""

        view: "TokenView"

    @dataclass
    class Sought(Message):
        """The cursor has gone to a token that should be in sight, with `context` lines around it."""

        view: "TokenView"
        context: int

    def __init__(self, side: str = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.side = side
        self.sequence: TokenSequence | None = None
        self.partner: TokenView | None = None
        self._marks: Marks | None = None
        self._shared = self._border = 0
        self._own = b""
        self._carriers: frozenset[int] = frozenset()
        self._ruler_width = 0
        self._layout: Layout | None = None
        self.laid_out_for: tuple[object, ...] = ()
        """What the lines were laid out for: another sequence, view or width gives another."""
        self._extending = False
        self._announced = 0
        self._palette = TokenPalette(self)

    def show(
        self,
        sequence: TokenSequence | None,
        *,
        shared_prefix: int = 0,
        diverges: bool = False,
        limit: int = 0,
        run: Mapping[int, Badge] | None = None,
    ) -> None:
        """Show a sequence (None: nothing). The first `shared_prefix` tokens are those of the other side too.

        With `diverges` the token after them is marked, and with `limit` the first token beyond it; `run` has what a run
        made of the sample, by the token that it stands beside. The cursor goes to where the reward is read, to the
        first label, or to the start.
        """
        self.sequence = sequence
        self._shared = self._border = shared_prefix
        if sequence and not self.side:
            self._border = next((at for at, step in enumerate(sequence.steps) if step >= 0), len(sequence.ids))
        self._own = b""
        divergence = shared_prefix if diverges else -1
        self._marks = marks_of(sequence, divergence, limit, run) if sequence else None
        self._carriers = frozenset(
            [i for i, label in enumerate(sequence.labels) if label != MASKED] if sequence else []
        )
        self._ruler_width = (steps_width(sequence) if sequence else 0) + 2
        self.laid_out_for = ()
        self.match = (0, 0)
        self.hover = GAP
        self.set_reactive(TokenView.cursor, self._first_cursor())
        self.refresh(layout=True)
        self.post_message(self.Moved(self))

    def mark_own(self, own: bytes) -> None:
        """Mark the tokens that stand on this side only: a 1 for each of them."""
        self._own = own
        self.refresh()

    @property
    def landmarks(self) -> tuple[int, ...]:
        """The tokens that carry a mark, in order."""
        return self._marks.landmarks if self._marks else ()

    @property
    def lines(self) -> int:
        """The lines laid out so far for the sequence and the view that it shows."""
        current = self.sequence and self.laid_out_for == self._wanted(self.size.width)
        return len(self._layout.lines) if self._layout and current else 0

    def line_of(self, token: int) -> int | None:
        """The line on which a token begins; None while that is not known."""
        layout = self._layout
        if layout is None or self.laid_out_for != self._wanted(self.size.width) or not layout.reached(token):
            return None
        return layout.reach(token)

    def end_of(self, token: int) -> int:
        """The last line that a token, or what is said beside it, stands on, as far as lines are laid out."""
        layout = self._layout
        if layout is None:
            return 0
        following = layout.token_lines[token + 1] if token + 1 < len(layout.token_lines) else len(layout.lines) - 1
        return max(following, 0)

    def token_on(self, line: int) -> int:
        """The first token on a line (GAP: none)."""
        return self._layout.token_at(line, 0) if self._layout else GAP

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """All there is."""
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The lines laid out so far, or the partner's, if these are more."""
        own = len(self._laid_out(width).lines) if self.sequence else 0
        return max(own, self.partner.lines if self.partner else 0, 1)

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
        segments = [self._ruler(line)]
        used = self._ruler_width
        for fragment in line.fragments:
            segments.append(self._segment(fragment))
            used += fragment[2]
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
        """Go to the token above or below."""
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
        self.post_message(self.Sought(self, 2))

    def _go(self, token: int) -> None:
        if self.sequence and self.sequence.ids:
            self.cursor = min(max(token, 0), len(self.sequence.ids) - 1)
            self.post_message(self.Sought(self, 1))

    def _go_lines(self, by: int) -> None:
        layout = self._layout
        if layout is None or not layout.lines or not layout.reached(self.cursor):
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
        """Repaint the lines concerned, and tell."""
        self._repaint(before)
        self._repaint(now)
        self.post_message(self.Moved(self))

    def watch_hover(self, before: int, now: int) -> None:
        """Repaint the lines concerned."""
        self._repaint(before)
        self._repaint(now)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Light the token under the pointer."""
        self.hover = self._token_under(event)

    def on_leave(self) -> None:
        """No token is pointed at."""
        self.hover = GAP

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the token under the pointer."""
        if (token := self._token_under(event)) != GAP:
            self._go(token)

    def on_focus(self) -> None:
        """The cursor that moves is here now."""
        self._repaint(self.cursor)
        self.post_message(self.Moved(self))

    def on_blur(self) -> None:
        """The cursor rests."""
        self._repaint(self.cursor)

    def _token_under(self, event: events.MouseEvent) -> int:
        return self._layout.token_at(event.y, event.x - self._ruler_width) if self._layout and self.sequence else GAP

    # -- layout

    def watch_view(self) -> None:
        """The tokens stand elsewhere now."""
        self.refresh(layout=True)

    def watch_whitespace(self) -> None:
        """The tokens stand elsewhere now."""
        self.refresh(layout=True)

    def on_resize(self) -> None:
        """All that was laid out by now has its place."""
        self.post_message(self.LaidOut(self))

    def _wanted(self, width: int) -> tuple[object, ...]:
        return id(self.sequence), self.view, width, self.whitespace

    def _laid_out(self, width: int) -> Layout:
        if self._layout is None or self.laid_out_for != self._wanted(width):
            assert self.sequence is not None and self._marks is not None
            view = View.TOKENS if self.view is View.RAW else self.view
            self._layout = Layout(self.sequence, self._marks, view, width - self._ruler_width, self.whitespace)
            self.laid_out_for = self._wanted(width)
            self._layout.extend(FIRST_LINES)
            # Where the height stays what it was, no resize tells that lines have moved.
            self.call_after_refresh(self._announce)
        self._extend_later()
        return self._layout

    def _extend(self) -> None:
        self._extending = False
        if self._layout is not None and not self._layout.complete:
            self._layout.extend(MORE_LINES)
            # To stand taller costs a paint: it is done a few times only.
            if self._layout.complete or len(self._layout.lines) >= 4 * self._announced:
                self.refresh(layout=True)
                self._announce()
            else:
                self._extend_later()

    def _extend_later(self) -> None:
        if self._layout is not None and not self._layout.complete and not self._extending:
            self._extending = True
            self.set_timer(0.001, self._extend)

    def _announce(self) -> None:
        self._announced = self.lines
        if self.partner is not None:
            height = max(self.lines, self.partner.lines, 1)
            for view in (self, self.partner):
                if view.size.height != height:
                    view.refresh(layout=True)
        self.post_message(self.LaidOut(self))

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

    def _ruler(self, line: Line) -> Segment:
        assert self.sequence is not None
        kind, sign = line_mark(self.sequence, line, self._border)
        if kind == "own":
            kind = self.side or "shared"
        return Segment(f"{line.gutter:>{self._ruler_width - 2}}{sign} ", self._palette(f"ruler-{kind}"))

    def _segment(self, fragment: Fragment) -> Segment:
        _, text, _, kind = fragment
        if kind not in BADGES:
            return Segment(text, self._style(fragment))
        if self._palette.depth is not Depth.FULL and text.startswith(" ") and text.strip():
            # There is no ground to set our words off from the row's: brackets do.
            words = text.strip()
            text = f"[{words}]".ljust(len(text))
        return Segment(text, self._palette(kind))

    def _style(self, fragment: Fragment) -> Style:
        (token, _, _, kind), sequence = fragment, self.sequence
        assert sequence is not None
        if token == GAP:
            return self._palette("gap")
        if kind not in ("token", "under", "newline"):
            return self._palette(kind)
        carrier = token in self._carriers or token == sequence.pooled
        cursor = self._is_cursor(token)
        kept = sequence.kept_start <= token < sequence.kept_end
        kinds = [sequence.parts[token].value]
        if sequence.special[token]:
            kinds.append("special")
        if token < self._shared:
            if not cursor:
                kinds.append("shared")
        elif self._own and self._own[token] and kept:
            kinds.append(f"own-{self.side}")
        if token % 2 and self.view is not View.TEXT:
            kinds.append("shade")
        if self._carriers and not carrier and not cursor:
            kinds.append("masked")
        if not kept:
            kinds.append("lost")
        if carrier and kind == "token":
            kinds.append("carrier")
        if kind == "under":
            kinds.append("under")
        elif kind == "newline" and not cursor:
            kinds.append("newline")
        if token == self.hover:
            kinds.append("hover")
        if self.match[0] <= token < self.match[1]:
            kinds.append("match")
        if cursor:
            kinds.append("cursor" if self.has_focus else "cursor-blurred")
        return self._palette(*kinds)

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
