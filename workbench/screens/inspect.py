"""Inspect: the data as the model will be fed it, row by row and token by token."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.worker import Worker

from engine.inspector.messages import Failure, PresetText, RowView, preview_object
from engine.sample import Split
from workbench.row_choices import ask_filter, ask_order, export_marked
from workbench.row_lister import RowLister
from workbench.row_listing import Listing, Order, RowFilter
from workbench.row_memory import forget_listing, recall_listing, remember_listing
from workbench.row_opening import OpenedPreset, nothing_listed, open_rows
from workbench.row_reader import RowReader
from workbench.row_values import RunOfRows
from workbench.row_window import FetchError
from workbench.screen_text import visible
from workbench.screens.base import WorkbenchScreen
from workbench.screens.dialog import AskText
from workbench.session import RowSet, Selection, Session
from workbench.widgets.row_list import RowList
from workbench.widgets.row_walk import PATIENCE, RowWalk
from workbench.widgets.sample_views import SampleViews
from workbench.widgets.search_bar import SearchBar
from workbench.widgets.source_line import SourceLine
from workbench.widgets.token_layout import View

READ_AT_ONCE = 20_000
"""Rows of a split up to which all are read in short when it is opened, so that it can say what there is."""
LIST_AFTER = 0.25
"""Seconds between two looks at the rows that are being read, for the list of those that are admitted."""


class InspectScreen(WorkbenchScreen):
    """Walks the rows of a split: all of them, those that a filter admits, or those another screen sent."""

    MODE = "inspect"
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (150, "-list")]  # noqa: RUF012 (Textual's ClassVar)
    CSS = """
    InspectScreen {
        #source { height: 1; }
        RowList { display: none; }
        &.-list RowList { display: block; }
        &.-tiny RowHeader { max-height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        &.-tiny TokenInspector { display: none; }
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
        Binding("f", "filter", "Filter", id="inspect.filter",
                tooltip="What there is among the rows: dropped and why, cut, findings, lengths; and only those"),
        Binding("s", "sort", "Sort", id="inspect.sort",
                tooltip="By length, by difference, by what a run's model made of the rows"),
        Binding("slash", "search", "Search", tooltip="Search the rows for a text, or for #1234, a token id",
                id="inspect.search", key_display="/"),
        Binding("N", "search_next", "Find next", tooltip="The next place where it is found", show=False,
                id="inspect.search-next"),
        Binding("v", "cycle_view(1)", "View", tooltip="Text, tokens, ids, labels, raw row", id="inspect.view"),
        Binding("V", "cycle_view(-1)", "Previous view", show=False, id="inspect.view-back"),
        Binding("w", "whitespace", "Spaces", tooltip="Draw white space", show=False, id="inspect.whitespace"),
        Binding("m", "mark", "Mark", tooltip="Mark the row, or unmark it; f shows the marked ones", id="inspect.mark"),
        Binding("M", "export_marked", "Marked rows", tooltip="Copy the marked rows, or write them to a file",
                show=False, id="inspect.export"),
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
        self._opened: OpenedPreset | None = None
        self._chosen: Selection | None = None

    @property
    def row(self) -> RowView | None:
        """The sample in view."""
        return self._walk.row

    @property
    def _walk(self) -> RowWalk:
        return self.query_one(RowWalk)

    @property
    def _search(self) -> SearchBar:
        return self.query_one(SearchBar)

    # -- composition

    def compose_body(self) -> ComposeResult:
        """Source and views; the rows; what is searched for."""
        yield SourceLine(id="source")
        walk = RowWalk()
        yield walk
        yield SearchBar(walk)

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
            self._leave_raw(preset.path)
            self._preset = preset
            self.action_reload()
        elif self._walk.listing.row_set is not self.workbench.row_set:
            self._on_row_set(self.workbench.row_set)
        else:
            self._on_selection(self.workbench.selection)

    def _leave_raw(self, path: str) -> None:
        """Look at another preset's tokens, not at its raw rows: these say nothing of the preset."""
        kept = self.workbench.state.of("inspect")
        if self._walk.views.view is View.RAW and kept.get("preset") != path:
            self._look(View.TOKENS, self._walk.views.whitespace)
        kept["preset"] = path

    def _on_row_set(self, row_set: RowSet | None) -> None:
        if self.is_current and self._walk.reader is not None and row_set is not self._walk.listing.row_set:
            self._start(partial(self._open, self.workbench.selection), "load")

    def _on_selection(self, selection: Selection) -> None:
        # Only what another screen chose is news; our own choice may still be on its way.
        if not self.is_current or self._walk.reader is None or selection == self._chosen:
            return
        self._chosen = selection
        if selection.split != self._walk.listing.split:
            self._start(partial(self._open, selection), "load")
        elif (place := self._walk.listing.place_of(selection.row)) is not None:
            self._walk.go(place)

    def _choose(self, selection: Selection) -> None:
        self._chosen = selection
        self.workbench.selection = selection

    def _say_no_preset(self, session: Session) -> None:
        if session.path is None:
            self._walk.say("No preset is open.", advice="Press 1 and choose one.")
        elif not session.checked:
            self._walk.say("Reading the preset …")
        else:
            first = session.problems[0] if session.problems else ""
            self._walk.say("The preset has errors.", str(first), "Press 2 to mend it.", wrong=True)

    # -- opening

    def action_reload(self) -> None:
        """Open the preset's data."""
        self._stop_reading()
        self._walk.lister = None
        if self._preset is not None:
            self._start(partial(self._describe, self._preset), "load")

    async def _describe(self, preset: PresetText) -> None:
        self._walk.say("Opening the data and the tokenizer …", preset.path)
        reply = await self.workbench.inspector.describe(preset)
        if isinstance(reply, Failure):
            self._fail(reply)
            return
        self._opened = OpenedPreset(preset, reply)
        self.query_one(SourceLine).show(reply)
        await self._open(self.workbench.selection)

    async def _open(self, selection: Selection) -> None:
        opened, row_set = self._opened, self.workbench.row_set
        assert opened is not None
        self._stop_reading()
        try:
            lister = await open_rows(self.workbench, opened, row_set.split if row_set else selection.split, row_set)
            listing = lister.listing
            self._walk.walk_through(lister)
            if row_set and row_set.run:
                await self._take_values(lister, row_set.run)
        except FetchError as error:
            self._fail(error.failure)
            return
        row = selection.row if listing.split == selection.split else 0
        self._choose(Selection(listing.split, row))
        self._walk.at_row = row
        if not listing.rows:
            self._walk.say(*nothing_listed(listing))
            return
        self._walk.go(listing.place_of(row) or 0)
        if row_set is None:
            self._take_up(listing.split)

    def _take_up(self, split: Split) -> None:
        """List the rows as last time; read them where that is needed, or soon done."""
        assert self._preset is not None and self._walk.reader is not None
        kept = recall_listing(self.workbench.state, self._preset.path, split)
        if kept is not None:
            self._start(partial(self._relist, kept.filter, kept.order, kept.run, stay=True), "ask")
        elif self._walk.reader.total <= READ_AT_ONCE:
            self._read_on()

    def _fail(self, failure: Failure) -> None:
        if not failure.cancelled:
            self._walk.say(failure.what, failure.where, f"{failure.advice}\nctrl+r tries again.".strip(), wrong=True)

    # -- walking

    def action_step(self, by: int) -> None:
        """Go to the next or previous sample; a row that gives several is walked through one by one."""
        self._walk.step(by)

    def action_walk_to(self, place: int) -> None:
        """Go to a place in the list; negative ones count from its end."""
        self._walk.walk_to(place)

    def action_random(self) -> None:
        """Go to a row drawn at random."""
        self._walk.go_anywhere()

    def on_row_walk_came(self, event: RowWalk.Came) -> None:
        """Tell the other screens which row is in view."""
        self._choose(Selection(self._walk.listing.split, event.row))

    def on_row_walk_failed(self, event: RowWalk.Failed) -> None:
        """Say that rows cannot be read."""
        self._fail(event.failure)

    def action_jump(self) -> None:
        """Ask for a row's number."""
        if self._walk.reader is not None:
            self.app.push_screen(AskText("Go to row", f"0 to {max(self._walk.reader.total - 1, 0):,}"), self._jump)

    def _jump(self, answer: str | None) -> None:
        if not answer or self._walk.reader is None:
            return
        try:
            row = int(answer.replace(",", "").replace("_", ""))
        except ValueError:
            self._tell(f"“{visible(answer)}” is not a row's number.")
            return
        total = self._walk.reader.total
        if not 0 <= row < total:
            self._tell(f"There is no row {row:,}: they go from 0 to {total - 1:,}.")
            return
        if row not in self._walk.listing.rows:
            self._show_all()
        self._walk.walk_to(self._walk.listing.rows.index(row))

    # -- views

    def action_cycle_view(self, by: int) -> None:
        """The next or previous way to look at the row."""
        views = self._walk.views.offered
        self._look(views[(views.index(self._walk.views.view) + by) % len(views)], self._walk.views.whitespace)

    def action_view(self, view: str) -> None:
        """Look at the row as text, tokens, ids, labels or raw."""
        self._look(View(view), self._walk.views.whitespace)

    def action_whitespace(self) -> None:
        """Draw white space, or stop."""
        self._look(self._walk.views.view, not self._walk.views.whitespace)

    def on_sample_views_looked(self, event: SampleViews.Looked) -> None:
        """Say which way the row is looked at, of those that there are."""
        self.query_one(SourceLine).mark(event.view, event.whitespace, event.offered)

    def action_zoom(self) -> None:
        """Only the tokens, or everything again."""
        self.toggle_class("-zoomed")

    def _look(self, view: View, whitespace: bool) -> None:
        self._walk.views.set_view(view, whitespace)
        kept = self.workbench.state.of("inspect")
        kept["view"], kept["whitespace"] = view.value, whitespace
        self.workbench.remember()

    # -- split, filter, order

    def action_split(self) -> None:
        """Go to the other split."""
        if self._walk.reader is not None:
            other: Split = "train" if self._walk.listing.split == "eval" else "eval"
            if self.workbench.row_set is not None:
                self.workbench.row_set = None
            self._start(partial(self._open, Selection(other, 0)), "load")

    def action_filter(self) -> None:
        """Say what there is among the rows, and ask which to walk."""
        if self._walk.reader is not None:
            self._read_on()
            self._start(partial(self._filter, self._walk.reader), "ask")

    async def _filter(self, reader: RowReader) -> None:
        answer = await ask_filter(self.workbench, reader, self._walk.listing.filter)
        if answer is not None:
            await self._relist(answer, self._walk.listing.order, None)

    def action_sort(self) -> None:
        """Ask for an order."""
        if self._walk.lister is not None and self._preset is not None:
            self._start(partial(self._sort, self._walk.lister, self._preset.path), "ask")

    async def _sort(self, lister: RowLister, path: str) -> None:
        answer = await ask_order(self.workbench, lister.reader, lister.model_kind, path, lister.listing.order)
        if answer is not None:
            await self._relist(self._walk.listing.filter, *answer)

    async def _relist(self, rows: RowFilter, order: Order, run: RunOfRows | None, *, stay: bool = False) -> None:
        """List what a filter admits, in an order; begin at its top, or `stay` at the row in view."""
        lister = self._walk.lister
        if lister is None or self._preset is None:
            return
        if not rows and order is Order.SOURCE:
            self._show_all()
            return
        if run is not None and not lister.has_values_of(run.folder):
            await self._take_values(lister, run.folder)
        if not lister.ask(rows, order, stay_at=self._walk.at_row if stay else None):
            self._tell("The run says nothing of its rows.")
            return
        if self.workbench.row_set is not None:
            self.workbench.row_set = None
        remember_listing(self.workbench.state, self._preset.path, lister)
        self.workbench.remember()
        if lister.reader.needs_table(rows, order):
            self._read_on()
        await self._list_again(lister)

    async def _take_values(self, lister: RowLister, folder: Path) -> None:
        """Read what a run made of the rows."""
        waiting = self.set_timer(PATIENCE, lambda: self._walk.head(None, f"reading the rows of run {folder.name} …"))
        await lister.take_values(folder)
        waiting.stop()
        self._walk.show_values()

    def _read_on(self) -> None:
        """Read all rows in short, unless that is done or under way."""
        if self._walk.lister is not None and not self._walk.lister.reader.table.complete and not self._reading:
            self._start(partial(self._read, self._walk.lister), "read")

    async def _read(self, lister: RowLister) -> None:
        table, clock, shown = lister.reader.table, asyncio.get_running_loop().time, 0.0
        lister.reading = True
        try:
            async for _ in lister.reader.read():
                if clock() - shown > LIST_AFTER or table.complete:
                    self.query_one(SourceLine).account(table)
                    await self._list_again(lister)
                    shown = clock()
        except FetchError as error:
            self._fail(error.failure)
        finally:
            lister.reading = False

    async def _list_again(self, lister: RowLister) -> None:
        """List the rows known so far that are admitted, and go where one wants to be among them."""
        listing = await lister.list_again()
        if lister is not self._walk.lister:
            return
        if listing is None:
            self.query_one(RowList).refresh()
        elif listing.rows:
            self._walk.show(listing)
            place = lister.place_for(self._walk.at_row)
            if listing.at(place) == self._walk.at_row:
                self._walk.stand_at(place)
            else:
                self._walk.go(place)
        elif listing.note:
            self._walk.head(None, f"none so far {listing.note}   esc stops")
        else:
            self._tell(f"No row is {' and '.join(map(str, listing.filter))}.")
            self._show_all()

    def action_back(self) -> None:
        """Stop what is under way; with nothing under way, walk all rows again."""
        if self._search.is_open:
            self._search.close()
        elif self._search.searching or (self._reading and self._walk.listing.narrowed):
            self._search.stop()
            self._stop("read")
            if self._walk.lister is not None and self._walk.listing.narrowed:
                self._walk.lister.listing = replace(self._walk.listing, note="so far")
            self._tell("Stopped.")
            self._walk.refresh_header()
        elif self._walk.reader is not None and self._walk.reader.found is not None:
            self._walk.reader.found = None
            self._walk.refresh_header()
        elif self._walk.listing.row_set is not None or self._walk.listing.narrowed:
            self._show_all()
        elif self.has_class("-zoomed"):
            self.remove_class("-zoomed")

    def _show_all(self) -> None:
        assert self._walk.reader is not None and self._preset is not None
        row = self._walk.listing.at(self._walk.place) or 0
        forget_listing(self.workbench.state, self._preset.path)
        self.workbench.remember()
        self._walk.show(Listing(self._walk.listing.split, range(self._walk.reader.total)))
        if self.workbench.row_set is not None:
            self.workbench.row_set = None
        self._walk.go(row)

    # -- search

    def action_search(self) -> None:
        """Ask for a text."""
        self._search.open()

    def action_search_next(self) -> None:
        """The next place where the text is found."""
        self._search.go_on()

    # -- marks and copies

    def action_mark(self) -> None:
        """Mark the row in view, or unmark it."""
        reader, row = self._walk.reader, self.row
        if reader is None or row is None:
            return
        try:
            marked = reader.marks.toggle((row.dataset, row.row))
        except OSError as error:
            self.workbench.report("The mark cannot be kept.", str(self.workbench.state_dir), details=str(error))
            return
        count = len(reader.marks.places)
        self._tell(f"{'Marked' if marked else 'Not marked any more'}; {count:,} in all. M copies or writes them.")
        self._walk.refresh_header()
        self.query_one(RowList).refresh()

    def action_export_marked(self) -> None:
        """Copy the marked rows, or write them to a file."""
        if self._walk.reader is not None:
            self._start(partial(self._export, self._walk.reader), "ask")

    async def _export(self, reader: RowReader) -> None:
        try:
            await export_marked(self.workbench, reader)
        except FetchError as error:
            self._fail(error.failure)

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

    def _start(self, work: Callable[[], Coroutine[Any, Any, None]], group: str) -> Worker[None]:
        # Not a coroutine: one that another takes the place of before it has begun would be lost, with a warning.
        return self.run_worker(work, group=group, exclusive=True, exit_on_error=False)

    def _stop(self, group: str) -> None:
        self.workers.cancel_group(self, group)

    def _stop_reading(self) -> None:
        """Give up all that is being done with the rows that are open."""
        self._search.stop()
        self._stop("read")
        self._stop("ask")
        self._walk.stop()

    @property
    def _reading(self) -> bool:
        return any(worker.node is self and worker.group == "read" and worker.is_running for worker in self.workers)
