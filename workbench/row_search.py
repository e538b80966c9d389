"""Finding text, or a token id, in token sequences and through rows."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

from engine.encode.encoding import TokenSequence
from engine.inspector.messages import RowView
from workbench.screen_text import visible


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


def in_samples(query: Query, samples: Sequence[RowView]) -> tuple[int, int, tuple[int, int]] | None:
    """Where a query is first found in a row's tokens: sample, sequence, tokens start to stop; None: it is not."""
    for item, sample in enumerate(samples):
        for side, sequence in enumerate(sample.sequences):
            if found := query.find(sequence):
                return item, side, found
    return None
