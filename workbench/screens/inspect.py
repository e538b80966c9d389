"""Inspect: the data as the model will be fed it, row by row and token by token."""

import asyncio
import json
import random
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input
from textual.worker import Worker

from engine.inspector.messages import Description, Failure, PresetText, Rows, RowView, preview_object
from engine.sample import Split
from workbench.row_listing import ALL, Fate, Listing, Order, RowFilter, orders_for, seen_codes
from workbench.row_scan import scan
from workbench.row_search import Query, search_rows
from workbench.row_window import AHEAD, BEHIND, FetchError, RowWindow, Samples
from workbench.screen_text import visible
from workbench.screens.base import WorkbenchScreen
from workbench.screens.choose import Choose
from workbench.screens.dialog import AskText
from workbench.session import RowSet, Selection, Session
from workbench.widgets.row_header import RowHeader
from workbench.widgets.row_list import RowList
from workbench.widgets.sample_views import SampleViews
from workbench.widgets.source_line import SourceLine
from workbench.widgets.token_inspector import TokenInspector
from workbench.widgets.token_layout import View
from workbench.widgets.token_view import TokenView

PATIENCE = 0.15
"""Seconds that a row may take before the screen says that it is being read."""


class InspectScreen(WorkbenchScreen):
    """Walks the rows of a split: all of them, those that a filter admits, or those another screen sent."""

    MODE = "inspect"
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (150, "-list")]  # noqa: RUF012 (Textual's ClassVar)
    CSS = """
    InspectScreen {
        #source { height: 1; }
        #panes { height: 1fr; }
        RowList { display: none; }
        &.-list RowList { display: block; }
        #search { display: none; height: 1; border: none; padding: 0 1; background: $surface-lighten-1; }
        #search.-open { display: block; }
        &.-zoomed {
            TabBar, Footer, #source, RowHeader, RowList, TokenInspector { display: none; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,j,ctrl+down", "step(1)", "Next", tooltip="The next row", id="inspect.next", key_display="n"),
        Binding("p,k,ctrl+up", "step(-1)", "Prev", tooltip="The previous row", id="inspect.previous",
                key_display="p"),
        Binding("g", "jump", "Go to", tooltip="Go to a row by number", id="inspect.jump"),
        Binding("r", "random", "Random", tooltip="A row drawn at random", show=False, id="inspect.random"),
        Binding("v", "cycle_view(1)", "View", tooltip="Text, tokens, ids, labels, raw row", id="inspect.view"),
        Binding("V", "cycle_view(-1)", "Previous view", show=False, id="inspect.view-back"),
        Binding("w", "whitespace", "Spaces", tooltip="Draw white space", show=False, id="inspect.whitespace"),
        Binding("slash", "search", "Search", tooltip="Search the rows for a text, or for #1234, a token id",
                id="inspect.search", key_display="/"),
        Binding("N", "search_next", "Find next", tooltip="The next place where it is found", show=False,
                id="inspect.search-next"),
        Binding("f", "filter", "Filter", tooltip="Only kept, dropped or cut rows, or those with a finding",
                id="inspect.filter"),
        Binding("s", "sort", "Sort", tooltip="Order the rows by length or by difference", id="inspect.sort"),
        Binding("e", "split", "Train/eval", tooltip="The other split", show=False, id="inspect.split"),
        Binding("y", "copy('row')", "Copy", tooltip="Copy the row as JSON", show=False, id="inspect.copy"),
        Binding("Y", "copy('encoding')", "Copy encoding", tooltip="Copy ids, labels and findings as JSON", show=False,
                id="inspect.copy-encoding"),
        Binding("z", "zoom", "Zoom", tooltip="Only the tokens", show=False, id="inspect.zoom"),
        Binding("ctrl+r", "reload", "Reload", tooltip="Open the data again", show=False, id="inspect.reload"),
        Binding("escape", "back", "Back", tooltip="Stop searching, then show all rows again", show=False,
                id="inspect.back"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._preset: PresetText | None = None
        self._description: Description | None = None
        self._window: RowWindow | None = None
        self._listing = Listing()
        self._place = 0
        self._item = 0
        self._query: Query | None = None
        self._chosen: Selection | None = None

    @property
    def row(self) -> RowView | None:
        """The sample in view."""
        return self._views.row

    @property
    def _views(self) -> SampleViews:
        return self.query_one(SampleViews)

    # -- composition

    def compose_body(self) -> ComposeResult:
        """Source and views; counts and findings; the list beside the tokens; the token under the cursor."""
        yield SourceLine(id="source")
        yield RowHeader(id="header")
        with Horizontal(id="panes"):
            yield RowList(id="rows")
            with Vertical():
                yield SampleViews()
        yield TokenInspector(id="token")
        yield Input(placeholder="text, or #1234 for a token id", id="search", compact=True)

    def on_mount(self) -> None:
        """Take up the views of last time, and follow the preset, the row in view and the rows sent here."""
        kept = self.workbench.state.of("inspect")
        self._look(
            View(kept["view"]) if kept.get("view") in set(View) else View.TOKENS,
            whitespace=kept.get("whitespace") is True,
        )
        self.watch(self.app, "session", self._on_session)
        self.watch(self.app, "row_set", self._on_row_set, init=False)
        self.watch(self.app, "selection", self._on_selection, init=False)

    def on_screen_resume(self) -> None:
        """Catch up with what happened while another screen was in front."""
        self._on_session(self.workbench.session)

    # -- what is shown

    def _on_session(self, session: Session) -> None:
        if not self.is_current:
            return
        preset = session.preset_text
        if preset is None:
            self._preset = None
            self._say_no_preset(session)
        elif preset != self._preset:
            self._preset = preset
            self.action_reload()
        elif self._listing.row_set is not self.workbench.row_set:
            self._on_row_set(self.workbench.row_set)
        else:
            self._on_selection(self.workbench.selection)

    def _on_row_set(self, row_set: RowSet | None) -> None:
        if self.is_current and self._window is not None and row_set is not self._listing.row_set:
            self._start(self._open(self.workbench.selection), "load")

    def _on_selection(self, selection: Selection) -> None:
        # Only what another screen chose is news; our own choice may still be on its way.
        if not self.is_current or self._window is None or selection == self._chosen:
            return
        self._chosen = selection
        if selection.split != self._listing.split:
            self._start(self._open(selection), "load")
        elif (place := self._listing.place_of(selection.row)) is not None:
            self._go(place)

    def _choose(self, selection: Selection) -> None:
        self._chosen = selection
        self.workbench.selection = selection

    def _say_no_preset(self, session: Session) -> None:
        if session.path is None:
            self._say("No preset is open.", advice="Press 1 and choose one.")
        elif not session.checked:
            self._say("Reading the preset …")
        else:
            first = session.problems[0] if session.problems else ""
            self._say("The preset has errors.", str(first), "Press 2 to mend it.", wrong=True)

    def _say(self, what: str, where: str = "", advice: str = "", *, wrong: bool = False) -> None:
        self._views.say(what, where, advice, wrong=wrong)
        self.query_one(RowHeader).show(None, "")
        self.query_one(TokenInspector).show("", None, 0)
        if self.focused is None or not self.focused.display:
            self.set_focus(None)

    # -- opening

    def action_reload(self) -> None:
        """Open the preset's data."""
        self._stop("row", "ahead", "scan", "search")
        self._window = None
        if self._preset is not None:
            self._start(self._describe(self._preset), "load")

    async def _describe(self, preset: PresetText) -> None:
        self._say("Opening the data and the tokenizer …", preset.path)
        reply = await self.workbench.inspector.describe(preset)
        if isinstance(reply, Failure):
            self._fail(reply)
            return
        self._description = reply
        self.query_one(SourceLine).show(reply)
        await self._open(self.workbench.selection)

    async def _open(self, selection: Selection) -> None:
        preset, description = self._preset, self._description
        assert preset is not None and description is not None
        row_set = self.workbench.row_set
        split = row_set.split if row_set else selection.split
        if split == "eval" and not description.eval_rows:
            self.notify("This preset sets no rows aside for evaluation.", markup=False)
            split = "train"
        row = selection.row if split == selection.split else 0
        try:
            await self._list_rows(split, row_set)
            if row_set and not self._listing.rows and split == "train" and description.eval_rows:
                # A finding may be about rows that are set aside.
                split, row = "eval", 0
                await self._list_rows(split, row_set)
        except FetchError as error:
            self._fail(error.failure)
            return
        self._choose(Selection(split, row))
        if self._listing.rows:
            self._go(self._listing.place_of(row) or 0)
        else:
            self._say(*_nothing(split, row_set))

    async def _list_rows(self, split: Split, row_set: RowSet | None) -> None:
        """Begin with a split's rows: all, or those sent here."""
        preset, description, inspector = self._preset, self._description, self.workbench.inspector
        assert preset is not None and description is not None

        async def fetch(start: int, stop: int) -> Rows | Failure:
            return await inspector.rows(preset, split, start, stop)

        self._stop("row", "ahead", "scan", "search")
        total = description.eval_rows if split == "eval" else description.train_rows
        self._window = window = RowWindow(fetch, total)
        self._listing = listing = Listing(split, row_set=row_set)
        if total is None:
            await window.get(0)
        if row_set is None:
            self._list(replace(listing, rows=range(window.total or 0)))
        else:
            found = [await window.find(place) for place in row_set.rows]
            self._list(replace(listing, rows=[index for index in found if index is not None]))

    def _fail(self, failure: Failure) -> None:
        if not failure.cancelled:
            self._say(failure.what, failure.where, f"{failure.advice}\nctrl+r tries again.".strip(), wrong=True)

    # -- walking

    def action_step(self, by: int) -> None:
        """Go to the next or previous sample; a row that gives several is walked through one by one."""
        rows = self._listing.rows
        samples = self._window.ready(rows[self._place]) if self._window and rows else None
        if abs(by) == 1 and samples and 0 <= self._item + by < len(samples):
            self._item += by
            self._show_samples(samples)
        elif rows:
            place = self._place + by
            if place != min(max(place, 0), len(rows) - 1):
                self._tell("This is the last row." if by > 0 else "This is the first row.")
            self._go(min(max(place, 0), len(rows) - 1), last=by == -1)

    def action_walk_to(self, place: int) -> None:
        """Go to a place in the list; negative ones count from its end."""
        self._go(place if place >= 0 else len(self._listing.rows) + place)

    def action_random(self) -> None:
        """Go to a row drawn at random."""
        if self._listing.rows:
            self._go(random.randrange(len(self._listing.rows)))

    def action_jump(self) -> None:
        """Ask for a row's number."""
        if self._window is None:
            return
        total = self._window.total or 0
        self.app.push_screen(AskText("Go to row", f"0 to {max(total - 1, 0):,}"), self._jump)

    def _jump(self, answer: str | None) -> None:
        if not answer or self._window is None:
            return
        try:
            row = int(answer.replace(",", "").replace("_", ""))
        except ValueError:
            self._tell(f"“{visible(answer)}” is not a row's number.")
            return
        total = self._window.total or 0
        if not 0 <= row < total:
            self._tell(f"There is no row {row:,}: they go from 0 to {total - 1:,}.")
            return
        if row not in self._listing.rows:
            self._show_all()
        self._go(self._listing.rows.index(row))

    def _go(self, place: int, *, last: bool = False) -> None:
        """Show the row at a place of the list, at once if it is held, else when it has come."""
        window, row = self._window, self._listing.at(place)
        if window is None or row is None:
            return
        self._place = place
        self.query_one(RowList).cursor = place
        samples = window.ready(row)
        if samples is None:
            self._start(self._fetch_row(place, last), "row")
        else:
            self._stop("row")
            self._arrived(place, samples, last)

    async def _fetch_row(self, place: int, last: bool) -> None:
        assert self._window is not None
        self._stop("ahead")
        waiting = self.set_timer(PATIENCE, lambda: self._header(None, "reading …"))
        try:
            samples = await self._window.get(self._listing.rows[place])
        except FetchError as error:
            self._fail(error.failure)
            return
        finally:
            waiting.stop()
        self._arrived(place, samples, last)

    def _arrived(self, place: int, samples: Samples, last: bool) -> None:
        self._item = len(samples) - 1 if last else 0
        self._show_samples(samples)
        self._choose(Selection(self._listing.split, self._listing.rows[place]))
        self._start(self._prefetch(place), "ahead")

    async def _prefetch(self, place: int) -> None:
        window = self._window
        assert window is not None
        ahead = min(AHEAD, window.chunk)
        near = [*range(place, place + ahead + 1), *range(place - min(BEHIND, ahead), place)]
        try:
            await window.prefetch([row for at in near if (row := self._listing.at(at)) is not None])
        except FetchError:
            return  # said when the row itself is asked for

    def _show_samples(self, samples: Samples) -> None:
        self._item = min(self._item, len(samples) - 1)
        row = samples[self._item]
        loaded = self.workbench.session.loaded
        self._views.show(row, loaded.preset.sequence_len if loaded is not None and not row.kept else 0)
        several = f" · sample {self._item + 1} of {len(samples)}" if len(samples) > 1 else ""
        self._header(row, several)

    def _header(self, row: RowView | None, more: str = "") -> None:
        assert self._window is not None
        listing = self._listing
        index = listing.at(self._place) or 0
        place = f"row {index:,} of {self._window.total or 0:,} {listing.split}"
        if row is not None and (row.row != index or row.dataset):
            place += f" · data set {row.dataset}, row {row.row:,}"
        if why := listing.why:
            place += f" · {self._place + 1} of {len(listing.rows):,} {why}"
        self.query_one(RowHeader).show(row, f"{place}{more}" if row is not None else f"{place} · {more}")

    def _refresh_header(self) -> None:
        if self.row is not None:
            self._header(self.row)

    def on_token_view_moved(self, event: TokenView.Moved) -> None:
        """Say everything about the token under the cursor that moves."""
        if under := self._views.under_cursor():
            side, view = under
            self.query_one(TokenInspector).show(side, view.sequence, view.cursor, self.row)

    # -- views

    def action_cycle_view(self, by: int) -> None:
        """The next or previous way to look at the row."""
        views = self._views.offered
        self._look(views[(views.index(self._views.view) + by) % len(views)], self._views.whitespace)

    def action_view(self, view: str) -> None:
        """Look at the row as text, tokens, ids, labels or raw."""
        self._look(View(view), self._views.whitespace)

    def action_whitespace(self) -> None:
        """Draw white space, or stop."""
        self._look(self._views.view, not self._views.whitespace)

    def on_sample_views_looked(self, event: SampleViews.Looked) -> None:
        """Say which way the row is looked at, of those that there are."""
        self.query_one(SourceLine).mark(event.view, event.whitespace, event.offered)

    def action_zoom(self) -> None:
        """Only the tokens, or everything again."""
        self.toggle_class("-zoomed")

    def _look(self, view: View, whitespace: bool) -> None:
        self._views.set_view(view, whitespace)
        kept = self.workbench.state.of("inspect")
        kept["view"], kept["whitespace"] = view.value, whitespace
        self.workbench.remember()

    # -- split, filter, order

    def action_split(self) -> None:
        """Go to the other split."""
        if self._window is not None:
            if self.workbench.row_set is not None:
                self.workbench.row_set = None
            other: Split = "train" if self._listing.split == "eval" else "eval"
            self._start(self._open(Selection(other, 0)), "load")

    def action_filter(self) -> None:
        """Ask which rows to walk."""
        if self._window is None:
            return
        seen = seen_codes(self._window.summaries.values()).most_common()
        offers = [(RowFilter(fate), Content(fate.value.capitalize())) for fate in Fate]
        for code, count in seen:
            label = Content.assemble(code, (f"  seen {count:,} times so far", "$quiet"))
            offers.append((RowFilter(code=code), label))

        def chosen(answer: RowFilter | None) -> None:
            if answer is not None:
                self._relist(answer, self._listing.order)

        self.app.push_screen(Choose("Which rows", offers, self._listing.filter), chosen)

    def action_sort(self) -> None:
        """Ask for an order."""
        if self._window is None or self._description is None:
            return
        offers = [(order, Content(order.value.capitalize())) for order in orders_for(self._description.model_kind)]

        def chosen(answer: Order | None) -> None:
            if answer is not None:
                self._relist(self._listing.filter, answer)

        self.app.push_screen(Choose("In which order", offers, self._listing.order), chosen)

    def action_back(self) -> None:
        """Stop what is under way; with nothing under way, walk all rows again."""
        search = self.query_one("#search", Input)
        if search.has_class("-open"):
            search.remove_class("-open")
            self._views.focus_tokens()
        elif self._busy("scan", "search"):
            self._stop("scan", "search")
            if self._listing.scanned:
                self._listing = replace(self._listing, note="so far")
            self._tell("Stopped.")
            self._refresh_header()
        elif self._listing.row_set is not None or self._listing.scanned:
            self._show_all()
        elif self.has_class("-zoomed"):
            self.remove_class("-zoomed")

    def _show_all(self) -> None:
        assert self._window is not None
        row = self._listing.at(self._place) or 0
        self._stop("scan")
        self._list(Listing(self._listing.split, range(self._window.total or 0)))
        if self.workbench.row_set is not None:
            self.workbench.row_set = None
        self._go(row)

    def _relist(self, rows: RowFilter, order: Order) -> None:
        if rows == ALL and order is Order.SOURCE:
            self._show_all()
        else:
            self._start(self._scan(rows, order), "scan")

    async def _scan(self, rows: RowFilter, order: Order) -> None:
        """List what a filter admits as it is found."""
        assert self._window is not None
        found: list[int] = []
        try:
            async for read, found in scan(self._window, rows, order):
                self._list_found(rows, order, found, f"· {read:,} rows read")
        except FetchError as error:
            self._fail(error.failure)
            return
        if found:
            self._list_found(rows, order, found, "")
        else:
            self._tell(f"No row is {rows}." if not rows.code else f"No row has the finding {rows.code}.")

    def _list_found(self, rows: RowFilter, order: Order, found: list[int], note: str) -> None:
        before, here = self._listing, self._listing.at(self._place)
        self._list(replace(before, rows=found, filter=rows, order=order, note=note))
        if here in found and (before.filter, before.order) == (rows, order):
            self._place = found.index(here)
            self.query_one(RowList).cursor = self._place
            self._refresh_header()
        else:
            self._go(0)

    def _list(self, listing: Listing) -> None:
        self._listing = listing
        if self._window is not None:
            listed = self.query_one(RowList)
            title = f"{len(listing.rows):,} rows: tokens, margin, findings"
            listed.show(listing.rows, self._window.summaries, title)
            listed.call_after_refresh(listed.ask)

    def on_row_list_wanted(self, event: RowList.Wanted) -> None:
        """Read the rows that the list shows."""
        self._start(self._summarise(event.indexes), "list")

    async def _summarise(self, indexes: tuple[int, ...]) -> None:
        # While the list is scrolled nothing is asked for; it is when it rests.
        await asyncio.sleep(0.1)
        window = self._window
        if window is None:
            return
        try:
            for start in range(0, len(indexes), 16):
                await window.summarise(indexes[start : start + 16])
                self.query_one(RowList).refresh()
        except FetchError:
            return  # said when the row itself is asked for

    def on_row_list_picked(self, event: RowList.Picked) -> None:
        """Go to the row that was clicked."""
        self._go(event.place)

    # -- search

    def action_search(self) -> None:
        """Ask for a text."""
        if self._window is not None:
            search = self.query_one("#search", Input)
            search.add_class("-open")
            search.focus()

    def action_search_next(self) -> None:
        """The next place where the text is found."""
        if self._query is not None and self.row is not None:
            self._start(self._search(self._query), "search")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Search, from the cursor on, through all rows listed."""
        event.input.remove_class("-open")
        self._views.focus_tokens()
        if event.value:
            self._query = Query(event.value)
            self.action_search_next()

    async def _search(self, query: Query) -> None:
        window, listing = self._window, self._listing
        assert window is not None
        if self._views.view is View.RAW:
            self.action_view(View.TOKENS)
        if self._views.find_next(query):
            return

        def progress(row: int) -> None:
            self._header(None, f"searching for “{visible(query.text)}”: row {row:,}   esc stops")

        try:
            hit = await search_rows(query, window, listing.rows, self._place, progress)
        except FetchError as error:
            self._fail(error.failure)
            return
        # The list may have changed meanwhile.
        place = self._listing.place_of(hit.row) if hit and window is self._window else None
        if hit is None:
            self._tell(f"“{visible(query.text)}” is nowhere in these rows.")
            self._refresh_header()
        elif place is not None:
            samples = await window.get(hit.row)
            self._go(place)
            self._item = hit.item
            self._show_samples(samples)
            self._views.go_to(hit.side, hit.tokens)

    # -- copying

    def action_copy(self, what: str) -> None:
        """Put the row, or its encoding, on the clipboard as JSON (through the terminal: OSC 52)."""
        if self.row is None:
            return
        text = self.row.raw if what == "row" else json.dumps(preview_object(self.row))
        self.app.copy_to_clipboard(text)
        self._tell(f"Copied the {what} as JSON, {len(text):,} characters.")

    # -- work

    def _tell(self, what: str) -> None:
        self.notify(what, markup=False, timeout=3)

    def _start(self, work: Coroutine[Any, Any, None], group: str) -> Worker[None]:
        return self.run_worker(work, group=group, exclusive=True, exit_on_error=False)

    def _stop(self, *groups: str) -> None:
        for group in groups:
            self.workers.cancel_group(self, group)

    def _busy(self, *groups: str) -> bool:
        return any(worker.group in groups and worker.is_running for worker in self.workers if worker.node is self)


def _nothing(split: str, row_set: RowSet | None) -> tuple[str, str, str]:
    if row_set is not None:
        return f"None of these rows is in the {split} split.", row_set.why, "Press esc to see all rows."
    return f"There are no {split} rows.", "", "Press 2 and look at `datasets` and `val_set_size`."
