"""Finding text, or a token id, in token sequences and through rows."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.encode.encoding import TokenSequence
from workbench.row_window import RowWindow

ROWS_TO_A_WORD = 16
"""Rows searched between two words about how far it has come."""


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


@dataclass(frozen=True, slots=True)
class Hit:
    """Where something was found: the row's position, which of its samples, which sequence, tokens start to stop."""

    row: int
    item: int
    side: int
    tokens: tuple[int, int]


async def search_rows(
    query: Query, window: RowWindow, rows: Sequence[int], place: int, progress: Callable[[int], None]
) -> Hit | None:
    """The first hit in the rows listed after `place`, from the start again after the last, `place` itself at the end.

    `progress` is told the position of the row that is being searched, now and then. Raises FetchError.
    """
    around = [*range(place + 1, len(rows)), *range(min(place + 1, len(rows)))]
    for number, at in enumerate(around, 1):
        if number % ROWS_TO_A_WORD == 0:
            progress(rows[at])
        samples = window.ready(rows[at])
        if samples is None:
            await window.prefetch([rows[i] for i in around[number - 1 : number - 1 + window.chunk]])
            samples = await window.get(rows[at])
        for item, sample in enumerate(samples):
            for side, sequence in enumerate(sample.sequences):
                if found := query.find(sequence):
                    return Hit(rows[at], item, side, found)
    return None
