"""One split of a preset's data, read through the inspector: rows in full, all rows in short, rows that are found."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from engine.inspector.messages import Failure, PresetText, Rows
from engine.inspector.row_messages import RowsFound, RowSummaries
from engine.sample import Split
from workbench.row_listing import Aspect, Order, RowFilter, listed
from workbench.row_marks import Marks, Place
from workbench.row_search import Found
from workbench.row_table import RowTable
from workbench.row_values import RunValues
from workbench.row_window import FetchError, RowWindow, runs

if TYPE_CHECKING:
    from engine.inspector.client import Inspector


class RowReader:
    """Reads a split of `total` rows. All its methods raise FetchError where the inspector cannot answer.

    `values` are those of the run that rows were last ordered by; `found` is what was last searched for.
    """

    def __init__(self, inspector: "Inspector", preset: PresetText, split: Split, total: int, marks: Marks) -> None:
        self.split = split
        self.total = total
        self.marks = marks
        self.window = RowWindow(self._fetch, total)
        self.table = RowTable(total)
        self.values: RunValues | None = None
        self.found: Found | None = None
        self._inspector = inspector
        self._preset = preset

    async def _fetch(self, start: int, stop: int) -> Rows | Failure:
        return await self._inspector.rows(self._preset, self.split, start, stop)

    # -- all rows in short

    async def read(self) -> AsyncIterator[int]:
        """Read the table to its end; how many rows are known, whenever more are.

        From its beginning, though some rows are known: only all rows have a digest, and are kept on disk. A reading
        that was stopped beyond its half goes on from there.
        """
        known = self.table.unknown_from
        async with aclosing(self._summaries(known if known > self.total // 2 else 0, None)) as chunks:
            async for _ in chunks:
                yield self.table.read

    async def read_some(self, indexes: Sequence[int]) -> None:
        """Know these rows."""
        for start, stop in runs([index for index in indexes if not self.table.known[index]]):
            async for _ in self._summaries(start, stop):
                pass

    async def _summaries(self, start: int, stop: int | None) -> AsyncGenerator[None, None]:
        async with aclosing(self._inspector.summarise(self._preset, self.split, start, stop)) as replies:  # type: ignore[type-var]
            async for reply in replies:
                if isinstance(reply, Failure):
                    raise FetchError(reply)
                if isinstance(reply, RowSummaries):
                    self.table.add(reply)
                    yield
                    # A chunk may follow on the heels of another; keys and paint come in between.
                    await asyncio.sleep(0)
                elif stop is None:
                    self.table.digest = reply.digest or self.table.digest

    # -- which rows, in which order

    @staticmethod
    def needs_table(conditions: RowFilter, order: Order) -> bool:
        """Whether all rows must be read to list those asked for."""
        only_marked = all(condition.aspect is Aspect.MARKED for condition in conditions)
        return order is not Order.SOURCE or not only_marked

    async def rows(self, conditions: RowFilter, order: Order) -> Sequence[int]:
        """The positions of the rows that meet all conditions, in an order, as far as they are known."""
        if not conditions and order is Order.SOURCE:
            return range(self.total)
        asked = any(condition.aspect is Aspect.MARKED for condition in conditions)
        marked = await self.marked() if asked else []
        if not self.needs_table(conditions, order):
            return marked
        return await asyncio.to_thread(self._listed, conditions, order, marked)

    def _listed(self, conditions: RowFilter, order: Order, marked: Sequence[int]) -> list[int]:
        values: npt.NDArray[np.float64] | None = None
        if order.of_a_run and self.values is not None:
            values = self.values.column(self.table, order)
        return listed(self.table, conditions, order, marked, values)

    async def positions(self, places: Sequence[Place]) -> list[int]:
        """Where rows stand that are given as (data set, row), without those that this split has not got."""
        reply = await self._inspector.locate(self._preset, self.split, tuple(places))
        if isinstance(reply, Failure):
            raise FetchError(reply)
        return [position for position in reply.positions if position is not None]

    async def marked(self) -> list[int]:
        """The positions of the marked rows, in source order."""
        return sorted(await self.positions(sorted(self.marks.places)))

    async def raw_rows(self, positions: Sequence[int]) -> list[str]:
        """The JSON text of rows."""
        return [(await self.window.get(position))[0].raw for position in positions]

    # -- search

    async def search(self, found: Found, start: int) -> AsyncGenerator[RowsFound, None]:
        """Search all rows, those from `start` on first, and gather them in `found`."""
        text = found.query.text
        async with aclosing(self._inspector.search(self._preset, self.split, text, start)) as replies:  # type: ignore[type-var]
            async for reply in replies:
                if isinstance(reply, Failure):
                    raise FetchError(reply)
                if isinstance(reply, RowsFound):
                    found.rows.update(reply.rows)
                    yield reply
        found.complete = True
