"""Which tokens of two sides stand on one side only: a difference of words, beyond the prefix that both share."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import NamedTuple

from engine.encode.encoding import TokenSequence

_WORD = re.compile(r"[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]|\w+|[^\w\s]")
"""A word: letters and digits, one sign, or one character of a script that sets no spaces."""
_COMPARED_AT_ONCE = 2_500
"""Pairs of words that are compared one with every other where no rare word guides."""


class Match(NamedTuple):
    """`size` words that are the same: from `left` in one list, from `right` in the other."""

    left: int
    right: int
    size: int


class Difference(NamedTuple):
    """For each side, by token, whether it holds a word of this side only; and how many such words there are."""

    chosen: bytes
    rejected: bytes
    chosen_words: int
    rejected_words: int


def difference(chosen: TokenSequence, rejected: TokenSequence, shared: int) -> Difference:
    """What differs beyond the first `shared` tokens, which are those of both sides.

    Words that happen to be the same between two longer stretches that differ count as different: two answers that
    have nothing but such words in common are not riddled with them.
    """
    chosen_places, rejected_places = _words(chosen, shared), _words(rejected, shared)
    left = [chosen.text[start:stop] for start, stop in chosen_places]
    right = [rejected.text[start:stop] for start, stop in rejected_places]
    matches = meaningful(matching(left, right), left, right)
    same_left = {place for match in matches for place in range(match.left, match.left + match.size)}
    same_right = {place for match in matches for place in range(match.right, match.right + match.size)}
    return Difference(
        _flags(chosen, chosen_places, same_left, shared),
        _flags(rejected, rejected_places, same_right, shared),
        len(left) - len(same_left),
        len(right) - len(same_right),
    )


def _words(side: TokenSequence, shared: int) -> list[tuple[int, int]]:
    """Where the words are from the first token beyond the shared ones on; a word that it stands in counts whole."""
    if shared >= len(side.ids):
        return []
    start = side.starts[shared]
    while start and not side.text[start - 1].isspace() and side.text[start - 1].isalnum():
        start -= 1
    return [match.span() for match in _WORD.finditer(side.text, start)]


def _flags(side: TokenSequence, words: Sequence[tuple[int, int]], same: set[int], shared: int) -> bytes:
    """1 for each token that touches a word that is not the same."""
    flags = bytearray(len(side.ids))
    token = shared
    for number, (start, stop) in enumerate(words):
        while token < len(flags) and side.ends[token] <= start:
            token += 1
        if number in same:
            continue
        at = token
        while at < len(flags) and side.starts[at] < stop:
            flags[at] |= side.ends[at] > start
            at += 1
    return bytes(flags)


def meaningful(matches: Sequence[Match], left: Sequence[str], right: Sequence[str]) -> list[Match]:
    """The matches that say more than chance: shorter ones between two longer stretches that differ go.

    The rule is the semantic clean-up of diff-match-patch, in one pass (https://neil.fraser.name/writing/diff/).
    """
    kept: list[Match] = []
    before_left = before_right = 0
    borders = [*matches, Match(len(left), len(right), 0)]
    for match, following in pairwise(borders):
        size = _letters(left, match.left, match.left + match.size)
        gap = max(_letters(left, before_left, match.left), _letters(right, before_right, match.right))
        after = max(
            _letters(left, match.left + match.size, following.left),
            _letters(right, match.right + match.size, following.right),
        )
        if size <= gap and size <= after:
            continue
        kept.append(match)
        before_left, before_right = match.left + match.size, match.right + match.size
    return kept


def _letters(words: Sequence[str], start: int, stop: int) -> int:
    return sum(map(len, words[start:stop]))


def matching(left: Sequence[str], right: Sequence[str]) -> list[Match]:
    """Stretches of the same words in the same order: a patience diff, whose cost grows with the length, not its square.

    Words that each side has once guide it; between them only short stretches are compared word by word.
    """
    found: list[Match] = []
    todo = [(0, len(left), 0, len(right))]
    while todo:
        low, high, other_low, other_high = todo.pop()
        head = 0
        shortest = min(high - low, other_high - other_low)
        while head < shortest and left[low + head] == right[other_low + head]:
            head += 1
        if head:
            found.append(Match(low, other_low, head))
            low, other_low = low + head, other_low + head
        tail = 0
        shortest = min(high - low, other_high - other_low)
        while tail < shortest and left[high - tail - 1] == right[other_high - tail - 1]:
            tail += 1
        if tail:
            high, other_high = high - tail, other_high - tail
            found.append(Match(high, other_high, tail))
        if low == high or other_low == other_high:
            continue
        guides = _guides(left[low:high], right[other_low:other_high])
        if guides:
            borders = [(low, other_low), *((low + a, other_low + b) for a, b in guides), (high, other_high)]
            todo += [(a, c, b, d) for (a, b), (c, d) in pairwise(borders)]
        elif (high - low) * (other_high - other_low) <= _COMPARED_AT_ONCE:
            blocks = SequenceMatcher(None, left[low:high], right[other_low:other_high], autojunk=False)
            found += [Match(low + a, other_low + b, size) for a, b, size in blocks.get_matching_blocks() if size]
    return _joined(sorted(found))


def _joined(matches: Sequence[Match]) -> list[Match]:
    joined: list[Match] = []
    for match in matches:
        last = joined[-1] if joined else None
        if last and (last.left + last.size, last.right + last.size) == (match.left, match.right):
            joined[-1] = last._replace(size=last.size + match.size)
        else:
            joined.append(match)
    return joined


def _guides(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, int]]:
    """The longest series, in the order of both, of words that each has once."""
    counts, other_counts = Counter(left), Counter(right)
    places = {word: at for at, word in enumerate(right) if other_counts[word] == 1 and counts[word] == 1}
    pairs = [(at, places[word]) for at, word in enumerate(left) if word in places]
    # Patience sorting: the last pair of the best series of each length, and what came before each pair.
    tops: list[int] = []
    piles: list[int] = []
    before: list[int] = []
    for number, (_, place) in enumerate(pairs):
        pile = bisect_left(tops, place)
        before.append(piles[pile - 1] if pile else -1)
        tops[pile : pile + 1] = [place]
        piles[pile : pile + 1] = [number]
    series: list[tuple[int, int]] = []
    at = piles[-1] if piles else -1
    while at >= 0:
        series.append(pairs[at])
        at = before[at]
    return series[::-1]
