"""Reading all rows of a split to list those that a filter admits, or to put them in an order."""

from collections.abc import AsyncIterator

from workbench.row_listing import Order, RowFilter, ordered
from workbench.row_window import RowWindow

STEP = 64
"""Rows read between two looks at what has been found."""
STEPS_TO_A_LIST = 8
"""In a long scan the list is made anew only after so many steps: ordering it costs more the longer it is."""


async def scan(window: RowWindow, rows: RowFilter, order: Order) -> AsyncIterator[tuple[int, list[int]]]:
    """(rows read, positions found so far in order), whenever more have been found. Raises FetchError."""
    total, known = window.total or 0, window.summaries
    listed: list[int] = []
    for start in range(0, total, STEP):
        stop = min(start + STEP, total)
        await window.summarise(range(start, stop))
        if start and start // STEP % STEPS_TO_A_LIST and stop < total:
            continue
        found = ordered((known[i] for i in range(stop) if i in known and rows.admits(known[i])), order)
        if found != listed:
            listed = found
            yield stop, found
