"""Finding text, or a token id, in token sequences."""

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from engine.encode.encoding import TokenSequence


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
