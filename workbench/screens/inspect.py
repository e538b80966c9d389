"""Inspect: the data as the model will be fed it, row by row and token by token."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import ContentSwitcher, Input
from textual.worker import Worker

from engine.inspector.messages import Description, Failure, PresetText, Rows, RowView, Split, preview_object
from workbench.row_search import Query
from workbench.row_summary import ALL, Fate, Order, RowFilter, ordered
from workbench.row_window import AHEAD, BEHIND, FetchError, RowWindow, Samples
from workbench.screen_text import visible
from workbench.screens.base import WorkbenchScreen
from workbench.screens.choose import Choose
from workbench.screens.dialog import AskText
from workbench.session import RowSet, Selection, Session
from workbench.widgets.notice import Notice
from workbench.widgets.pair_view import PairView
from workbench.widgets.raw_view import RawView
from workbench.widgets.row_header import RowHeader
from workbench.widgets.row_list import RowList
from workbench.widgets.source_line import SourceLine
from workbench.widgets.steps_view import StepsView
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
        self.row: RowView | None = None
        self._preset: PresetText | None = None
        self._description: Description | None = None
        self._window: RowWindow | None = None
        self._rows: Sequence[int] = range(0)
        self._place = 0
        self._item = 0
        self._filter = ALL
        self._order = Order.SOURCE
        self._row_set: RowSet | None = None
        self._view = View.TOKENS
        self._whitespace = False
        self._query: Query | None = None
        self._note = ""
        self._chosen: Selection | None = None
        self._listed: Split = "train"

    # -- composition

    def compose_body(self) -> ComposeResult:
        """Source and views; counts and findings; the list beside the tokens; the token under the cursor."""
        yield SourceLine(id="source")
        yield RowHeader(id="header")
        with Horizontal(id="panes"):
            yield RowList(id="rows")
            with Vertical(), ContentSwitcher(initial="notice", id="content"):
                yield Notice(id="notice")
                yield PairView(id="pair")
                yield StepsView(id="steps")
                yield RawView(id="raw")
        yield TokenInspector(id="token")
        yield Input(placeholder="text, or #1234 for a token id", id="search", compact=True)

    def on_mount(self) -> None:
        """Take up the views of last time, and follow the preset, the row in view and the rows sent here."""
        kept = self.workbench.state.of("inspect")
        if kept.get("view") in set(View):
            self._view = View(kept["view"])
        self._whitespace = kept.get("whitespace") is True
        self._apply_view()
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
        elif self._row_set is not self.workbench.row_set:
            self._on_row_set(self.workbench.row_set)
        else:
            self._on_selection(self.workbench.selection)

    def _on_row_set(self, row_set: RowSet | None) -> None:
        if self.is_current and self._window is not None and row_set is not self._row_set:
            self._start(self._open(self.workbench.selection), "load")

    def _on_selection(self, selection: Selection) -> None:
        # Only what another screen chose is news; our own choice may still be on its way.
        if not self.is_current or self._window is None or selection == self._chosen:
            return
        self._chosen = selection
        if selection.split != self._listed:
            self._start(self._open(selection), "load")
        elif selection.row in self._rows:
            self._go(self._rows.index(selection.row))

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
        self._show_sample(None)
        self.query_one(RowHeader).show(None, "")
        self.query_one(Notice).say(what, where, advice, wrong=wrong)
        self.query_one(ContentSwitcher).current = "notice"
        if self.focused is None or not self.focused.display:
            self.set_focus(None)

    # -- opening

    def action_reload(self) -> None:
        """Open the preset's data."""
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
        self._row_set = self.workbench.row_set
        split = self._row_set.split if self._row_set else selection.split
        if split == "eval" and not description.eval_rows:
            self.notify("This preset sets no rows aside for evaluation.", markup=False)
            split = "train"
        row = selection.row if split == selection.split else 0
        try:
            await self._list_rows(split)
            if self._row_set and not self._rows and split == "train" and description.eval_rows:
                # A finding may be about rows that are set aside.
                split, row = "eval", 0
                await self._list_rows(split)
        except FetchError as error:
            self._fail(error.failure)
            return
        self._choose(Selection(split, row))
        if self._rows:
            self._go(self._rows.index(row) if row in self._rows else 0)
        else:
            self._say(*_nothing(split, self._row_set))

    async def _list_rows(self, split: Split) -> None:
        """Begin with a split's rows: all, or those sent here."""
        preset, description, inspector = self._preset, self._description, self.workbench.inspector
        assert preset is not None and description is not None

        async def fetch(start: int, stop: int) -> Rows | Failure:
            return await inspector.rows(preset, split, start, stop)

        total = description.eval_rows if split == "eval" else description.train_rows
        self._window = window = RowWindow(fetch, total)
        self._listed = split
        self._filter, self._order, self._note = ALL, Order.SOURCE, ""
        if total is None:
            await window.get(0)
        if self._row_set is None:
            self._rows = range(window.total or 0)
        else:
            found = [await window.find(place) for place in self._row_set.rows]
            self._rows = [index for index in found if index is not None]
        self._refresh_list()

    def _fail(self, failure: Failure) -> None:
        if not failure.cancelled:
            self._say(failure.what, failure.where, f"{failure.advice}\nctrl+r tries again.".strip(), wrong=True)

    # -- walking

    def action_step(self, by: int) -> None:
        """Go to the next or previous sample; a row that gives several is walked through one by one."""
        samples = self._window.ready(self._rows[self._place]) if self._window and self._rows else None
        if abs(by) == 1 and samples and 0 <= self._item + by < len(samples):
            self._item += by
            self._show_samples(samples)
        elif self._rows:
            place = self._place + by
            if place != min(max(place, 0), len(self._rows) - 1):
                self._tell("This is the last row." if by > 0 else "This is the first row.")
            self._go(min(max(place, 0), len(self._rows) - 1), last=by == -1)

    def action_walk_to(self, place: int) -> None:
        """Go to a place in the list; negative ones count from its end."""
        if self._rows:
            self._go(place if place >= 0 else len(self._rows) + place)

    def action_random(self) -> None:
        """Go to a row drawn at random."""
        if self._rows:
            self._go(random.randrange(len(self._rows)))

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
        if row not in self._rows:
            self._show_all()
        self._go(self._rows.index(row))

    def _go(self, place: int, *, last: bool = False) -> None:
        """Show the row at a place of the list, at once if it is held, else when it has come."""
        window = self._window
        if window is None or not 0 <= place < len(self._rows):
            return
        self._place = place
        self.query_one(RowList).cursor = place
        samples = window.ready(self._rows[place])
        if samples is None:
            self._start(self._fetch_row(place, last), "row")
        else:
            self.workers.cancel_group(self, "row")
            self._arrived(place, samples, last)

    async def _fetch_row(self, place: int, last: bool) -> None:
        assert self._window is not None
        self.workers.cancel_group(self, "ahead")
        waiting = self.set_timer(PATIENCE, lambda: self._header(None, "reading …"))
        try:
            samples = await self._window.get(self._rows[place])
        except FetchError as error:
            self._fail(error.failure)
            return
        finally:
            waiting.stop()
        self._arrived(place, samples, last)

    def _arrived(self, place: int, samples: Samples, last: bool) -> None:
        self._item = len(samples) - 1 if last else 0
        self._show_samples(samples)
        self._choose(Selection(self._listed, self._rows[place]))
        self._start(self._prefetch(place), "ahead")

    async def _prefetch(self, place: int) -> None:
        window = self._window
        assert window is not None
        ahead = min(AHEAD, window.chunk)
        near = [*range(place, place + ahead + 1), *range(place - min(BEHIND, ahead), place)]
        try:
            await window.prefetch([self._rows[at] for at in near if 0 <= at < len(self._rows)])
        except FetchError:
            return  # said when the row itself is asked for

    def _show_samples(self, samples: Samples) -> None:
        self._item = min(self._item, len(samples) - 1)
        self._show_sample(samples[self._item])
        several = f" · sample {self._item + 1} of {len(samples)}" if len(samples) > 1 else ""
        self._header(samples[self._item], several)

    def _header(self, row: RowView | None, more: str = "") -> None:
        assert self._window is not None
        index = self._rows[self._place] if self._place < len(self._rows) else 0
        place = f"row {index:,} of {self._window.total or 0:,} {self._listed}"
        if row is not None and (row.row != index or row.dataset):
            place += f" · data set {row.dataset}, row {row.row:,}"
        if why := self._why():
            place += f" · {self._place + 1} of {len(self._rows):,} {why}"
        self.query_one(RowHeader).show(row, f"{place}{more}" if row is not None else f"{place} · {more}")

    def _why(self) -> str:
        return " ".join(
            part
            for part in (
                visible(self._row_set.why) if self._row_set else "",
                str(self._filter),
                "" if self._order is Order.SOURCE else self._order.value,
                self._note,
            )
            if part
        )

    def _show_sample(self, row: RowView | None) -> None:
        self.row = row
        if row is None:
            self.query_one(TokenInspector).show("", None, 0)
            return
        switcher = self.query_one(ContentSwitcher)
        had_focus = self.focused is None or isinstance(self.focused, TokenView | RawView)
        if self._view is View.RAW:
            self.query_one(RawView).show(row, self._whitespace)
        else:
            loaded = self.workbench.session.loaded
            limit = loaded.preset.sequence_len if loaded is not None and not row.kept else 0
            self._sample_view(row).show(row, limit)
        before, switcher.current = switcher.current, "raw" if self._view is View.RAW else row.model_kind
        if (had_focus and before != switcher.current) or self.focused is None:
            self._focus_tokens()

    def _sample_view(self, row: RowView) -> PairView | StepsView:
        return self.query_one(PairView) if row.model_kind == "pair" else self.query_one(StepsView)

    def _focus_tokens(self) -> None:
        if self.row is None:
            return
        if self._view is View.RAW:
            self.query_one(RawView).focus()
        else:
            next(iter(self._sample_view(self.row).token_views())).focus()

    def on_token_view_moved(self, event: TokenView.Moved) -> None:
        """Say everything about the token under the cursor that moves."""
        if self.row is None:
            return
        views = list(self._sample_view(self.row).token_views())
        view = self.focused if isinstance(self.focused, TokenView) and self.focused in views else views[0]
        side = self._sample_view(self.row).side_of(view)
        self.query_one(TokenInspector).show(side, view.sequence, view.cursor)

    # -- views

    def action_cycle_view(self, by: int) -> None:
        """The next or previous way to look at the row."""
        views = list(View)
        self.action_view(views[(views.index(self._view) + by) % len(views)])

    def action_view(self, view: str) -> None:
        """Look at the row as text, tokens, ids, labels or raw."""
        self._view = View(view)
        self._apply_view()

    def action_whitespace(self) -> None:
        """Draw white space, or stop."""
        self._whitespace = not self._whitespace
        self._apply_view()

    def action_zoom(self) -> None:
        """Only the tokens, or everything again."""
        self.toggle_class("-zoomed")

    def _apply_view(self) -> None:
        self.query_one(SourceLine).mark(self._view, self._whitespace)
        for widget in (self.query_one(PairView), self.query_one(StepsView)):
            widget.set_view(self._view, self._whitespace)
        kept = self.workbench.state.of("inspect")
        kept["view"], kept["whitespace"] = self._view.value, self._whitespace
        self.workbench.remember()
        self._show_sample(self.row)

    # -- split, filter, order

    def action_split(self) -> None:
        """Go to the other split."""
        if self._window is not None:
            if self.workbench.row_set is not None:
                self.workbench.row_set = None
            other: Split = "train" if self._listed == "eval" else "eval"
            self._start(self._open(Selection(other, 0)), "load")

    def action_filter(self) -> None:
        """Ask which rows to walk."""
        if self._window is None:
            return
        seen = Counter(code for row in self._window.summaries.values() for code in {*row.codes, row.reason or ""})
        del seen[""]
        filters = [RowFilter(fate) for fate in Fate] + [RowFilter(code=code) for code, _ in seen.most_common()]
        labels = [Content(fate.value.capitalize()) for fate in Fate]
        labels += [Content.assemble(code, (f"  seen {seen[code]:,} times so far", "$quiet")) for code in seen]
        current = filters.index(self._filter) if self._filter in filters else 0

        def chosen(answer: int | None) -> None:
            if answer is not None:
                self._relist(filters[answer], self._order)

        self.app.push_screen(Choose("Which rows", labels, current), chosen)

    def action_sort(self) -> None:
        """Ask for an order."""
        if self._window is None:
            return
        orders = [
            order for order in Order if "than" not in order.value or (self._description and
            self._description.model_kind == "pair")
        ]  # fmt: skip

        def chosen(answer: int | None) -> None:
            if answer is not None:
                self._relist(self._filter, orders[answer])

        labels = [Content(order.value.capitalize()) for order in orders]
        self.app.push_screen(Choose("In which order", labels, orders.index(self._order)), chosen)

    def action_back(self) -> None:
        """Stop what is under way; with nothing under way, walk all rows again."""
        search = self.query_one("#search", Input)
        if search.has_class("-open"):
            search.remove_class("-open")
            self._focus_tokens()
        elif self._busy("scan", "search"):
            self.workers.cancel_group(self, "scan")
            self.workers.cancel_group(self, "search")
            self._note = "so far" if self._filter is not ALL or self._order is not Order.SOURCE else ""
            self._tell("Stopped.")
            self._refresh_place()
        elif self._row_set is not None or self._filter is not ALL or self._order is not Order.SOURCE:
            self._show_all()
        elif self.has_class("-zoomed"):
            self.remove_class("-zoomed")

    def _show_all(self) -> None:
        assert self._window is not None
        row = self._rows[self._place] if self._rows else 0
        self.workers.cancel_group(self, "scan")
        self._row_set = None
        self._filter, self._order, self._note = ALL, Order.SOURCE, ""
        if self.workbench.row_set is not None:
            self.workbench.row_set = None
        self._rows = range(self._window.total or 0)
        self._refresh_list()
        self._go(row)

    def _relist(self, rows: RowFilter, order: Order) -> None:
        if rows == ALL and order is Order.SOURCE:
            self._show_all()
        else:
            self._start(self._scan(rows, order), "scan")

    async def _scan(self, rows: RowFilter, order: Order) -> None:
        """Read every row once, listing those that the filter admits as they are found."""
        window = self._window
        assert window is not None
        everything = range(window.total or 0)
        known = window.summaries
        step = 64
        shown: list[int] = []
        try:
            for start in range(0, len(everything), step):
                part = everything[start : start + step]
                await window.summarise(part)
                if start and start % (step * 8) and len(everything) > step * 8:
                    continue
                found = ordered(
                    (known[i] for i in everything[: start + step] if i in known and rows.admits(known[i])), order
                )
                if found != shown:
                    self._list_found(rows, order, found, f"· {start + len(part):,} rows read")
                    shown = found
        except FetchError as error:
            self._fail(error.failure)
            return
        found = ordered((known[i] for i in everything if i in known and rows.admits(known[i])), order)
        if found:
            self._list_found(rows, order, found, "")
        else:
            self._tell(f"No row is {rows}." if not rows.code else f"No row has the finding {rows.code}.")

    def _list_found(self, rows: RowFilter, order: Order, found: list[int], note: str) -> None:
        here = self._rows[self._place] if self._place < len(self._rows) else -1
        began = self._filter == rows and self._order is order
        self._filter, self._order, self._note = rows, order, note
        self._rows = found
        self._refresh_list()
        if began and here in found:
            self._place = found.index(here)
            self.query_one(RowList).cursor = self._place
            self._refresh_place()
        else:
            self._go(0)

    def _refresh_list(self) -> None:
        window = self._window
        if window is not None:
            listed = self.query_one(RowList)
            listed.show(self._rows, window.summaries, f"{len(self._rows):,} rows: tokens, margin, findings")
            listed.call_after_refresh(listed.ask)

    def _refresh_place(self) -> None:
        if self.row is not None:
            self._header(self.row)

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
        self._focus_tokens()
        if event.value:
            self._query = Query(event.value)
            self.action_search_next()

    async def _search(self, query: Query) -> None:
        window, row = self._window, self.row
        assert window is not None and row is not None
        self._show_tokens()
        views = list(self._sample_view(row).token_views())
        focused = self.focused if isinstance(self.focused, TokenView) else views[0]
        begin = views.index(focused) if focused in views else 0
        for number, view in enumerate(views[begin:]):
            after = view.cursor if number == 0 and view.match != (0, 0) else -1
            if view.sequence is not None and (found := query.find(view.sequence, after)):
                view.focus()
                view.go_to(*found)
                return
        rows = self._rows
        for offset in range(1, len(rows) + 1):
            place = (self._place + offset) % len(rows)
            if offset % 16 == 0:
                self._header(None, f"searching for “{visible(query.text)}”: row {rows[place]:,}   esc stops")
            if await self._find_in_row(query, place, offset, len(rows)):
                return
        self._tell(f"“{visible(query.text)}” is nowhere in these rows.")
        self._refresh_place()

    async def _find_in_row(self, query: Query, place: int, offset: int, total: int) -> bool:
        window = self._window
        assert window is not None
        index = self._rows[place]
        samples = window.ready(index)
        if samples is None:
            chunk = [self._rows[(place + i) % len(self._rows)] for i in range(min(window.chunk, total - offset + 1))]
            try:
                await window.prefetch(chunk)
                samples = await window.get(index)
            except FetchError as error:
                self._fail(error.failure)
                return True
        for item, sample in enumerate(samples):
            for side, sequence in enumerate(sample.sequences):
                if found := query.find(sequence):
                    self._go(place)
                    self._item = item
                    self._show_samples(samples)
                    view = list(self._sample_view(sample).token_views())[side]
                    view.focus()
                    self.call_after_refresh(view.go_to, *found)
                    return True
        return False

    def _show_tokens(self) -> None:
        if self._view is View.RAW:
            self.action_view(View.TOKENS)

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

    def _busy(self, *groups: str) -> bool:
        return any(worker.group in groups and worker.is_running for worker in self.workers if worker.node is self)


def _nothing(split: str, row_set: RowSet | None) -> tuple[str, str, str]:
    if row_set is not None:
        return f"None of these rows is in the {split} split.", row_set.why, "Press esc to see all rows."
    return f"There are no {split} rows.", "", "Press 2 and look at `datasets` and `val_set_size`."
