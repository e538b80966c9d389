"""The line in which to type what is searched for through the rows, and the search."""

from contextlib import aclosing

from textual import work
from textual.widgets import Input

from workbench.row_reader import RowReader
from workbench.row_search import Found, Hit, Query, search_on
from workbench.row_window import FetchError
from workbench.screen_text import visible
from workbench.widgets.row_walk import RowWalk
from workbench.widgets.text_input import TextInput
from workbench.widgets.token_layout import View


class SearchBar(TextInput):
    """Searches the rows that a walk lists, from the cursor on; posts RowWalk.Failed where rows cannot be read."""

    DEFAULT_CSS = """
    SearchBar {
        display: none; height: 1; border: none; padding: 0 1; background: $surface-lighten-1;
        &.-open { display: block; }
    }
    """

    def __init__(self, walk: RowWalk) -> None:
        super().__init__(placeholder="text, or #1234 for a token id", id="search", compact=True)
        self._walk = walk

    @property
    def is_open(self) -> bool:
        """Whether something is being typed."""
        return self.has_class("-open")

    @property
    def searching(self) -> bool:
        """Whether a search is under way."""
        return any(worker.node is self and worker.is_running for worker in self.workers)

    def open(self) -> None:
        """Ask for a text."""
        if self._walk.reader is not None:
            self.add_class("-open")
            self.focus()

    def close(self) -> None:
        """Back to the tokens."""
        self.remove_class("-open")
        self._walk.views.focus_tokens()

    def stop(self) -> None:
        """Give up the search that is under way."""
        self.workers.cancel_node(self)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Search for what was typed."""
        event.stop()
        self.close()
        if event.value and self._walk.reader is not None:
            self._walk.reader.found = Found(Query(event.value))
            self.go_on()

    def go_on(self) -> None:
        """To the next place where it is found."""
        reader = self._walk.reader
        if reader is not None and reader.found is not None and self._walk.row is not None:
            self._search(reader, reader.found)

    @work(group="search", exclusive=True, exit_on_error=False)
    async def _search(self, reader: RowReader, found: Found) -> None:
        """Go to the next place: in this row, then in the rows listed after it."""
        walk = self._walk
        if walk.views.view is not View.RAW and walk.views.find_next(found.query):
            walk.refresh_header()
            return
        there = False
        try:
            async with aclosing(search_on(reader, found, walk.listing, walk.place)) as seen_so_far:
                async for seen in seen_so_far:
                    if isinstance(seen, Hit):
                        there = True
                        self._go_to(seen)
                    elif there:
                        walk.refresh_header()
                    else:
                        walk.head(None, f"{seen}   esc stops")
        except FetchError as error:
            self.post_message(RowWalk.Failed(error.failure))
            return
        if not there:
            elsewhere = f" It is in {len(found.rows):,} rows that are not listed." if found.rows else ""
            self._tell(f"“{visible(found.query.text)}” is nowhere in these rows.{elsewhere}")
            reader.found = None
        walk.refresh_header()

    def _go_to(self, hit: Hit) -> None:
        """Show the tokens in which it was found; its row, where it is only in the raw row."""
        walk = self._walk
        walk.walk_to(hit.place)
        if hit.at is None:
            self._tell("It is in the raw row, and not among its tokens: v shows the raw row.")
            return
        item, side, tokens = hit.at
        if walk.views.view is View.RAW:
            walk.views.set_view(View.TOKENS, walk.views.whitespace)
        walk.show_item(hit.samples, item)
        walk.views.go_to(side, tokens)

    def _tell(self, what: str) -> None:
        self.notify(what, markup=False, timeout=3)
