"""One sample in full, in the view that fits it: a pair, steps, or the raw row; or a notice in its place."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import ContentSwitcher

from engine.inspector.messages import RowView
from workbench.row_search import Query
from workbench.row_values import RowValue
from workbench.widgets.notice import Notice
from workbench.widgets.pair_view import PairView
from workbench.widgets.raw_view import RawView
from workbench.widgets.steps_view import StepsView
from workbench.widgets.token_layout import View
from workbench.widgets.token_view import TokenView


class SampleViews(ContentSwitcher):
    """Shows a sample as text, tokens, ids or labels, or its raw row; keys go to what is shown."""

    @dataclass
    class Looked(Message):
        """The way to look at samples is another, or the ways that there are."""

        view: View
        whitespace: bool
        offered: tuple[View, ...]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, initial="notice")
        self.row: RowView | None = None
        self.view = View.TOKENS
        self.whitespace = False
        self._limit = 0
        self._value: RowValue | None = None
        self._drawn: RowValue | None = None
        self._notice = Notice(id="notice")
        self._pair = PairView(id="pair")
        self._steps = StepsView(id="steps")
        self._raw = RawView(id="raw", alone=True)

    def compose(self) -> ComposeResult:
        """All of them; one is in sight."""
        yield self._notice
        yield self._pair
        yield self._steps
        yield self._raw

    @property
    def offered(self) -> tuple[View, ...]:
        """The ways to look at the sample: a pair has no labels."""
        pair = self.row is not None and self.row.model_kind == "pair"
        return tuple(view for view in View if not (pair and view is View.LABELS))

    def show(self, row: RowView, limit: int = 0, value: RowValue | None = None) -> None:
        """Show a sample; tokens beyond `limit` are pointed at where nothing was cut.

        `value` is what a run made of it.
        """
        self.row, self._limit, self._value = row, limit, value
        if self.view not in self.offered:
            self.view = View.TOKENS
        focused = self.screen.focused
        had_keys = focused is None or isinstance(focused, TokenView | RawView)
        if self.view is View.RAW:
            self._raw.show(row, self.whitespace)
        else:
            self._of(row).set_view(self.view, self.whitespace)
            if self._of(row).row is not row or self._drawn is not value:
                self._of(row).show(row, limit, value)
                self._drawn = value
        before, self.current = self.current, "raw" if self.view is View.RAW else row.model_kind
        if (had_keys and before != self.current) or focused is None:
            self.focus_tokens()
        self.post_message(self.Looked(self.view, self.whitespace, self.offered))

    def say(self, what: str, where: str = "", advice: str = "", *, wrong: bool = False) -> None:
        """Show a notice and no sample."""
        self.row = None
        self._notice.say(what, where, advice, wrong=wrong)
        self.current = "notice"

    def set_view(self, view: View, whitespace: bool) -> None:
        """Look at samples in another way; what is in sight and under the cursor stays."""
        self.view, self.whitespace = view, whitespace
        if self.row is not None:
            self.show(self.row, self._limit, self._value)
        else:
            self.post_message(self.Looked(view, whitespace, self.offered))

    def focus_tokens(self) -> None:
        """Give the keys to the sample."""
        if self.row is None:
            return
        if self.view is View.RAW:
            self._raw.focus()
        else:
            self._token_views()[0].focus()

    def under_cursor(self) -> tuple[str, TokenView] | None:
        """The side that has the keys (the first, where none has) and its tokens; None: there is no sample."""
        if self.row is None:
            return None
        views = self._token_views()
        view = views[self._side_with_keys(views)]
        return self._of(self.row).side_of(view), view

    def find_next(self, query: Query) -> bool:
        """Go to the next place in this sample, from the cursor on, where it is found; False: there is none."""
        views = self._token_views()
        for number, view in enumerate(views[self._side_with_keys(views) :]):
            after = view.cursor if number == 0 and view.match != (0, 0) else -1
            if view.sequence is not None and (found := query.find(view.sequence, after)):
                view.focus()
                view.go_to(*found)
                return True
        return False

    def go_to(self, side: int, tokens: tuple[int, int]) -> None:
        """Go to tokens of the sample that is being shown."""
        view = self._token_views()[side]
        view.focus()
        self.call_after_refresh(view.go_to, *tokens)

    def _of(self, row: RowView) -> PairView | StepsView:
        return self._pair if row.model_kind == "pair" else self._steps

    def _token_views(self) -> Sequence[TokenView]:
        return tuple(self._of(self.row).token_views()) if self.row is not None else ()

    def _side_with_keys(self, views: Sequence[TokenView]) -> int:
        focused = self.screen.focused
        return views.index(focused) if isinstance(focused, TokenView) and focused in views else 0
