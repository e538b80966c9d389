"""Which rows of a split are walked, as a person asks for others and as more of them are read."""

import asyncio
from dataclasses import replace
from pathlib import Path

from workbench.row_listing import Listing, Order, RowFilter
from workbench.row_reader import RowReader
from workbench.row_values import read_run_values


class RowLister:
    """Keeps the listing of a split's rows.

    While rows are still being read, `at_top` follows the first of the list, until the person moves; `stay_at` is a row
    to be kept in view, and waited for.
    """

    def __init__(self, reader: RowReader, listing: Listing, model_kind: str) -> None:
        self.reader = reader
        self.model_kind = model_kind
        self.reading = False
        self.listing = listing
        self.at_top = False
        self.stay_at: int | None = None

    def ask(self, rows: RowFilter, order: Order, stay_at: int | None = None) -> bool:
        """Ask for the rows that a filter admits, in an order; False: it takes a run that says something of rows."""
        values = self.reader.values
        if order.of_a_run and (values is None or not values.rows):
            return False
        self.at_top, self.stay_at = stay_at is None, stay_at
        self.listing = replace(self.listing, filter=rows, order=order, run=values.name if values else "", row_set=None)
        return True

    @property
    def run(self) -> Path | None:
        """The folder of the run that rows are ordered by."""
        ordered = self.listing.order.of_a_run and self.reader.values is not None
        return self.reader.values.folder if ordered and self.reader.values else None

    def has_values_of(self, run: Path) -> bool:
        """Whether the values in hand are that run's."""
        return self.reader.values is not None and self.reader.values.folder == run

    async def take_values(self, run: Path) -> None:
        """Read what a run made of the rows."""
        self.reader.values = await asyncio.to_thread(read_run_values, run, run.name)

    async def list_again(self) -> Listing | None:
        """The listing with the rows known so far, and a note where more may come; None: there is nothing to list."""
        asked, table = self.listing, self.reader.table
        if asked.row_set is not None or not asked.narrowed:
            return None
        partial = self.reader.needs_table(asked.filter, asked.order) and not table.complete
        rows = await self.reader.rows(asked.filter, asked.order)
        if (self.listing.filter, self.listing.order) != (asked.filter, asked.order):
            return None
        if partial and self.stay_at is not None and self.stay_at not in rows:
            return None
        return replace(self.listing, rows=rows, note=f"· {table.read:,} rows read" if partial else "")

    def place_for(self, row: int) -> int:
        """The place in the list at which to be, coming from a row of the split."""
        place = self.listing.place_of(row)
        return 0 if place is None or self.at_top else place
