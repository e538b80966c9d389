"""Sources made of sources: one after the other, and a part of one."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from engine.source.row import Row, Source, fingerprint_of


class Concatenated:
    """Several sources, one after the other. Its columns are those of all."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = list(sources)
        self._starts = [0, *accumulate(len(source) for source in self._sources)]
        self.columns = tuple(dict.fromkeys(name for source in self._sources for name in source.columns))
        self.fingerprint = fingerprint_of(*(source.fingerprint for source in self._sources))

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int) -> Row:
        if not 0 <= index < len(self):
            raise IndexError(index)
        number = bisect_right(self._starts, index) - 1
        return self._sources[number][index - self._starts[number]]

    def rows(self, start: int, stop: int) -> list[Row]:
        """Rows `start` to `stop` (exclusive), fewer at the end."""
        rows: list[Row] = []
        for number, source in enumerate(self._sources):
            first = self._starts[number]
            if first < stop and start < self._starts[number + 1]:
                rows += source.rows(max(start - first, 0), stop - first)
        return rows


class Sliced:
    """Rows `start` to `stop` (exclusive) of a source."""

    def __init__(self, source: Source, start: int, stop: int) -> None:
        self._source = source
        self._start = start
        self._length = max(0, stop - start)
        self.columns = source.columns
        self.fingerprint = fingerprint_of(source.fingerprint, start, stop)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Row:
        if not 0 <= index < self._length:
            raise IndexError(index)
        return self._source[self._start + index]

    def rows(self, start: int, stop: int) -> list[Row]:
        """Rows `start` to `stop` (exclusive), fewer at the end."""
        return self._source.rows(self._start + start, self._start + min(stop, self._length))


def concatenated(sources: Sequence[Source]) -> Source:
    """`sources` one after the other; the only one as it is."""
    return sources[0] if len(sources) == 1 else Concatenated(sources)
