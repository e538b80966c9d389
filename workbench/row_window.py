"""The rows of one split as the screen walks them: fetched when needed, kept while near."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby

from engine.inspector.messages import Failure, Rows, RowView

Samples = tuple[RowView, ...]
Fetch = Callable[[int, int], Awaitable[Rows | Failure]]

KEPT_TOKENS = 1_000_000
"""Tokens held for instant display; the rows not seen for longest go first."""
AHEAD, BEHIND = 6, 2
"""Rows held ready after and before the one in view."""
CHUNK_TOKENS = 30_000
"""Tokens asked for at once: an answer that long is read in a few milliseconds."""
CHUNK_ROWS = 64


class FetchError(Exception):
    """The inspector could not give rows; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.what)
        self.failure = failure


class RowWindow:
    """Rows of a split by position. `total` is their number, None until it is known.

    `fetch(start, stop)` gives the samples of positions start to stop in source order, several for one row possibly.
    """

    def __init__(self, fetch: Fetch, total: int | None) -> None:
        self.total = total
        self._fetch = fetch
        self._held: OrderedDict[int, Samples] = OrderedDict()
        self._held_tokens = 0
        self._seen_tokens = self._seen_rows = 0

    def ready(self, index: int) -> Samples | None:
        """The samples of a row if they are held, without waiting."""
        samples = self._held.get(index)
        if samples is not None:
            self._held.move_to_end(index)
        return samples

    async def get(self, index: int) -> Samples:
        """The samples of a row. Raises FetchError."""
        samples = self.ready(index)
        if samples is None:
            await self._load(index, index + 1)
            samples = self.ready(index)
        if samples is None:
            raise FetchError(Failure(f"Row {index:,} is not there.", advice="The data may have changed: reload it."))
        return samples

    async def prefetch(self, indexes: Sequence[int]) -> None:
        """Hold rows ready that will be wanted next. Raises FetchError."""
        for start, stop in runs([index for index in indexes if index not in self._held]):
            for at in range(start, stop, self.chunk):
                await self._load(at, min(at + self.chunk, stop))

    @property
    def chunk(self) -> int:
        """Rows to ask for at once, from the lengths seen so far."""
        if not self._seen_rows:
            return 8
        return max(1, min(CHUNK_ROWS, int(CHUNK_TOKENS * self._seen_rows / max(self._seen_tokens, 1))))

    async def _load(self, start: int, stop: int) -> None:
        reply = await self._fetch(start, stop)
        if isinstance(reply, Failure):
            raise FetchError(reply)
        if reply.total is not None:
            self.total = reply.total
        by_row = groupby(reply.rows, key=lambda sample: (sample.dataset, sample.row))
        loaded = {start + offset: tuple(samples) for offset, (_, samples) in enumerate(by_row)}
        for index, samples in loaded.items():
            tokens = _tokens(samples)
            self._seen_rows += 1
            self._seen_tokens += tokens
            self._held_tokens += tokens - _tokens(self._held.pop(index, ()))
            self._held[index] = samples
        while self._held_tokens > KEPT_TOKENS and len(self._held) > 1:
            _, dropped = self._held.popitem(last=False)
            self._held_tokens -= _tokens(dropped)
        # A long answer has kept the event loop busy; let keys and paint come first.
        await asyncio.sleep(0)


def runs(indexes: Sequence[int]) -> list[tuple[int, int]]:
    """Positions as stretches start to stop (exclusive), in order."""
    stretches: list[tuple[int, int]] = []
    for index in sorted(set(indexes)):
        if stretches and stretches[-1][1] == index:
            stretches[-1] = stretches[-1][0], index + 1
        else:
            stretches.append((index, index + 1))
    return stretches


def _tokens(samples: Samples) -> int:
    return sum(len(sequence.ids) for sample in samples for sequence in sample.sequences)
