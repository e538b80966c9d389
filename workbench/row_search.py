"""Finding text, or a token id, in token sequences and through rows."""

import asyncio
import re
from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from engine.encode.encoding import TokenSequence
from engine.inspector.messages import RowView
from workbench.row_listing import Listing, Order
from workbench.row_window import Samples
from workbench.screen_text import visible

if TYPE_CHECKING:
    from workbench.row_reader import RowReader

TOLD_EVERY = 0.15
"""Seconds between two words about how far a search is."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: a text, upper and lower case alike, or with "#" the token of that id."""

    text: str

    def find(self, sequence: TokenSequence, after: int = -1) -> tuple[int, int] | None:
        """The tokens (start, stop) of the first occurrence that begins after token `after`; None: there is none."""
        if re.fullmatch(r"#\d+", self.text):
            return self._find_id(sequence, int(self.text[1:]), after + 1)
        begin = sequence.ends[after] if 0 <= after < len(sequence.ends) else 0
        match = re.compile(re.escape(self.text), re.IGNORECASE).search(sequence.text, begin)
        if match is None:
            return None
        start = bisect_right(sequence.ends, match.start())
        return start, max(bisect_left(sequence.starts, match.end()), start + 1)

    @staticmethod
    def _find_id(sequence: TokenSequence, wanted: int, begin: int) -> tuple[int, int] | None:
        try:
            at = sequence.ids.index(wanted, begin)
        except ValueError:
            return None
        return at, at + 1


@dataclass(slots=True)
class Found:
    """The rows in which a query was found, by position, as far as they have been searched."""

    query: Query
    rows: set[int] = field(default_factory=set)
    complete: bool = False

    def next_place(self, listed: Sequence[int], place: int) -> int | None:
        """The first place of a list after `place` where it was found, from the start again after the last."""
        around = chain(range(place + 1, len(listed)), range(min(place + 1, len(listed))))
        return next((at for at in around if listed[at] in self.rows), None)

    @property
    def words(self) -> str:
        """What was found where, for the screen."""
        count = len(self.rows)
        so_far = "" if self.complete else " so far"
        return f"“{visible(self.query.text)}” in {count:,} row{'' if count == 1 else 's'}{so_far}"


@dataclass(frozen=True, slots=True)
class Hit:
    """Where it was found: the row's place in the list, its samples, and where in its tokens, see `in_samples`."""

    place: int
    samples: Samples
    at: tuple[int, int, tuple[int, int]] | None


async def search_on(reader: "RowReader", found: Found, listing: Listing, place: int) -> AsyncGenerator[Hit | str, None]:
    """The next row of a listing after `place` where it is found; else words that say how far the search is.

    All rows are searched, though the first that is listed ends the wait, so that they can be counted. The row at
    `place` comes last. Raises FetchError.
    """

    async def hit(at: int) -> Hit:
        samples = await reader.window.get(listing.rows[at])
        return Hit(at, samples, in_samples(found.query, samples))

    there, clock, told = False, asyncio.get_running_loop().time, 0.0
    if not found.complete:
        in_order = listing.order is Order.SOURCE and listing.row_set is None
        members = listing.rows if isinstance(listing.rows, range) else frozenset(listing.rows)
        begin = (listing.at(place) or 0) + 1
        async with aclosing(reader.search(found, begin)) as chunks:
            async for chunk in chunks:
                first = next((row for row in chunk.rows if row in members), None) if in_order and not there else None
                if first is not None:
                    there = True
                    yield await hit(listing.rows.index(first))
                elif clock() - told > TOLD_EVERY:
                    told = clock()
                    what = f"searching for “{visible(found.query.text)}”"
                    yield f"{what}: {chunk.searched:,} of {chunk.total:,} rows"
    if not there and (at := found.next_place(listing.rows, place)) is not None:
        yield await hit(at)


def in_samples(query: Query, samples: Sequence[RowView]) -> tuple[int, int, tuple[int, int]] | None:
    """Where a query is first found in a row's tokens: sample, sequence, tokens start to stop; None: it is not."""
    for item, sample in enumerate(samples):
        for side, sequence in enumerate(sample.sequences):
            if found := query.find(sequence):
                return item, side, found
    return None
