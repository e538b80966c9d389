"""The rows of a listing, walked one by one: the list, the row in view with what is to be known of it, its tokens."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.worker import Worker

from engine.inspector.messages import Failure, RowView
from workbench.row_lister import RowLister
from workbench.row_listing import Listing, Order
from workbench.row_reader import RowReader
from workbench.row_table import RowSummary
from workbench.row_values import RowValue, value_of, value_words
from workbench.row_window import AHEAD, BEHIND, FetchError, Samples
from workbench.screen_text import visible
from workbench.widgets.row_header import RowHeader
from workbench.widgets.row_list import Facts, RowList
from workbench.widgets.run_marks import saw_other_steps
from workbench.widgets.sample_views import SampleViews
from workbench.widgets.token_inspector import TokenInspector
from workbench.widgets.token_layout import View
from workbench.widgets.token_view import TokenView

if TYPE_CHECKING:
    from workbench.app import WorkbenchApp

PATIENCE = 0.15
"""Seconds that a row may take before the screen says that it is being read."""


class RowWalk(Vertical):
    """Walks the rows that a lister lists. Rows that come next are fetched ahead of being asked for."""

    DEFAULT_CSS = """
    RowWalk {
        height: 1fr;
        & > #panes { height: 1fr; }
    }
    """

    @dataclass
    class Came(Message):
        """The row at a position of the split is in view."""

        row: int

    @dataclass
    class Failed(Message):
        """Rows cannot be read."""

        failure: Failure

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lister: RowLister | None = None
        self.at_row = 0
        self.place = 0
        self._item = 0

    def compose(self) -> ComposeResult:
        """Counts and findings; the list beside the tokens; the token under the cursor."""
        yield RowHeader(id="header")
        with Horizontal(id="panes"):
            yield RowList(id="rows")
            with Vertical():
                yield SampleViews()
        yield TokenInspector(id="token")

    @property
    def row(self) -> RowView | None:
        """The sample in view."""
        return self.views.row

    @property
    def views(self) -> SampleViews:
        """The sample's views."""
        return self.query_one(SampleViews)

    @property
    def reader(self) -> RowReader | None:
        """What the rows are read through."""
        return self.lister.reader if self.lister else None

    @property
    def listing(self) -> Listing:
        """The rows that are walked."""
        return self.lister.listing if self.lister else Listing()

    def say(self, what: str, where: str = "", advice: str = "", *, wrong: bool = False) -> None:
        """Show a notice and no row."""
        self.views.say(what, where, advice, wrong=wrong)
        self.query_one(RowHeader).show(None, "")
        self.query_one(TokenInspector).show("", None, 0)
        focused = self.screen.focused
        if focused is None or not focused.display:
            self.screen.set_focus(None)

    def stop(self) -> None:
        """Give up what is being fetched."""
        self._stop("row", "ahead", "list")

    # -- walking

    def step(self, by: int) -> None:
        """Go to the next or previous sample; a row that gives several is walked through one by one."""
        rows = self.listing.rows
        samples = self.reader.window.ready(rows[self.place]) if self.reader and rows else None
        self._moved()
        if abs(by) == 1 and samples and 0 <= self._item + by < len(samples):
            self._item += by
            self.show_samples(samples)
        elif rows:
            place = self.place + by
            if place != min(max(place, 0), len(rows) - 1):
                self._tell("This is the last row." if by > 0 else "This is the first row.")
            self.go(min(max(place, 0), len(rows) - 1), last=by == -1)

    def walk_to(self, place: int) -> None:
        """Go to a place in the list; negative ones count from its end."""
        self._moved()
        self.go(place if place >= 0 else len(self.listing.rows) + place)

    def _moved(self) -> None:
        if self.lister is not None:
            self.lister.stay_at = None
            self.lister.at_top = False

    def go_anywhere(self) -> None:
        """Go to a row drawn at random."""
        if self.listing.rows:
            self.walk_to(random.randrange(len(self.listing.rows)))

    def go(self, place: int, *, last: bool = False) -> None:
        """Show the row at a place of the list, at once if it is held, else when it has come."""
        reader, row = self.reader, self.listing.at(place)
        if reader is None or row is None:
            return
        self.place = place
        self.query_one(RowList).cursor = place
        samples = reader.window.ready(row)
        if samples is None:
            self._start(partial(self._fetch_row, row, last), "row")
        else:
            self._stop("row")
            self._arrived(row, samples, last)

    async def _fetch_row(self, row: int, last: bool) -> None:
        assert self.reader is not None
        self._stop("ahead")
        reading = True
        # A timer that is stopped may have called already, and be heard after the row is shown.
        waiting = self.set_timer(PATIENCE, lambda: self.head(None, "reading …") if reading else None)
        try:
            samples = await self.reader.window.get(row)
        except FetchError as error:
            self.post_message(self.Failed(error.failure))
            return
        finally:
            waiting.stop()
            reading = False
        self._arrived(row, samples, last)

    def _arrived(self, row: int, samples: Samples, last: bool) -> None:
        self._item = len(samples) - 1 if last else self._first_item(samples)
        self.show_samples(samples)
        self.at_row = row
        self.post_message(self.Came(row))
        self._start(partial(self._prefetch, self.place), "ahead")

    def _first_item(self, samples: Samples) -> int:
        row_set = self.listing.row_set
        return dict(row_set.items).get((samples[0].dataset, samples[0].row), 0) if row_set else 0

    async def _prefetch(self, place: int) -> None:
        assert self.reader is not None
        window = self.reader.window
        ahead = min(AHEAD, window.chunk)
        near = [*range(place, place + ahead + 1), *range(place - min(BEHIND, ahead), place)]
        try:
            await window.prefetch([row for at in near if (row := self.listing.at(at)) is not None])
        except FetchError:
            return  # said when the row itself is asked for

    def show_item(self, samples: Samples, item: int) -> None:
        """Show one of the samples of the row in view."""
        if item != self._item:
            self._item = item
            self.show_samples(samples)

    def stand_at(self, place: int) -> None:
        """The row in view now stands at this place of the list."""
        self.place = place
        self.query_one(RowList).cursor = place
        self.refresh_header()

    def show_samples(self, samples: Samples) -> None:
        """Show the sample of a row that is come to."""
        self._item = min(self._item, len(samples) - 1)
        row = samples[self._item]
        self._view(row)
        if self.views.view is View.RAW:
            self.query_one(TokenInspector).show("", None, 0)
        self.head(row, f" · sample {self._item + 1:,} of {len(samples):,}" if len(samples) > 1 else "")

    def _view(self, row: RowView) -> None:
        loaded = cast("WorkbenchApp", self.app).session.loaded
        limit = loaded.preset.sequence_len if loaded is not None and not row.kept else 0
        self.views.show(row, limit, self._value_of(row))

    def _value_of(self, row: RowView) -> RowValue | None:
        values = self.reader.values if self.reader else None
        return values.samples.get((row.dataset, row.row, row.item)) if values else None

    # -- what is said of a row

    def head(self, row: RowView | None, more: str = "") -> None:
        """Say where in the list one is, and what is to be known of a row; without a row, `more` in its stead."""
        assert self.reader is not None
        listing, reader = self.listing, self.reader
        index = listing.at(self.place) or 0
        place = f"row {index:,} of {reader.total:,} {listing.split}"
        if row is not None and (row.row != index or row.dataset):
            place += f" · data set {row.dataset}, row {row.row:,}"
        if why := listing.why:
            place += f" · {self.place + 1:,} of {len(listing.rows):,} {why}"
        if reader.found is not None:
            place += f" · {reader.found.words}"
        header = self.query_one(RowHeader)
        if row is None:
            header.show(None, f"{place} · {more}")
            return
        here = (row.dataset, row.row)
        value, facts = self._value_of(row), list[tuple[str, str]]()
        if value is not None and reader.values is not None:
            other = ", of other steps than these" if saw_other_steps(row, value) else ""
            facts = [*value_words(value), (f"in run {visible(reader.values.name)}{other}", "")]
        header.show(row, f"{place}{more}", facts, marked=here in reader.marks)

    def refresh_header(self) -> None:
        """Say anew what is to be known of the row in view."""
        if self.row is not None and self.reader is not None:
            self.head(self.row)

    def show_values(self) -> None:
        """Say beside the row in view what the run whose values have come made of it."""
        if self.row is not None:
            self._view(self.row)
            self.refresh_header()

    def on_token_view_moved(self, event: TokenView.Moved) -> None:
        """Say everything about the token under the cursor that moves."""
        if under := self.views.under_cursor():
            side, view = under
            self.query_one(TokenInspector).show(side, view.sequence, view.cursor, self.row)

    # -- the list

    def walk_through(self, lister: RowLister) -> None:
        """Walk the rows that another lister lists."""
        self.lister = lister
        self.show(lister.listing)

    def show(self, listing: Listing) -> None:
        """Walk other rows; the row in view stays until one goes on."""
        if self.lister is not None and self.reader is not None:
            self.lister.listing = listing
            listed = self.query_one(RowList)
            measured = "margin" if self.lister.model_kind == "pair" else "labels"
            if listing.order.of_a_run:
                measured = {Order.LOSS: "loss", Order.MARGIN: "margin"}.get(listing.order, "times forgotten")
                measured += f" in {visible(listing.run)}"
            title = f"{len(listing.rows):,} rows: tokens, {measured}, findings"
            listed.show(listing.rows, self.reader.table.get, self._facts, title)
            listed.call_after_refresh(listed.ask)

    def _facts(self, row: RowSummary) -> Facts:
        reader, order = self.reader, self.listing.order
        assert reader is not None
        marked = row.place in reader.marks
        if not order.of_a_run or reader.values is None:
            return Facts(marked)
        value = reader.values.rows.get(row.place)
        return Facts(marked, f"{value_of(value, order):.3g}" if value else "-")

    def on_row_list_wanted(self, event: RowList.Wanted) -> None:
        """Read the rows that the list shows, unless all are being read."""
        self._start(partial(self._summarise, event.indexes), "list")

    async def _summarise(self, indexes: tuple[int, ...]) -> None:
        # While the list is scrolled nothing is asked for; it is when it rests.
        await asyncio.sleep(0.1)
        if self.lister is None or self.lister.reading or self.reader is None:
            return
        try:
            await self.reader.read_some(indexes)
        except FetchError:
            return  # said when the row itself is asked for
        self.query_one(RowList).refresh()

    def on_row_list_picked(self, event: RowList.Picked) -> None:
        """Go to the row that was clicked."""
        self.walk_to(event.place)

    def _tell(self, what: str) -> None:
        self.notify(what, markup=False, timeout=3)

    def _start(self, work: Callable[[], Coroutine[Any, Any, None]], group: str) -> Worker[None]:
        # Not a coroutine: one that another takes the place of before it has begun would be lost, with a warning.
        return self.run_worker(work, group=group, exclusive=True, exit_on_error=False)

    def _stop(self, *groups: str) -> None:
        for group in groups:
            self.workers.cancel_group(self, group)
