"""Shortcuts: what tells chosen from rejected without reading them. A model finds such things before anything else."""

import math
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from engine.words import counted, share

MINIMUM_PAIRS = 20
LENGTH_SHARE = 0.65
"""A longer-is-better share from which the length alone is a baseline to be told of; its mirror is 1 minus this."""
CHANCE = 1e-3
"""How likely it may be that a finding on clean data is chance."""

LEXICAL_PURITY = 0.9
LEXICAL_COVERAGE = 0.1
LEXICAL_RATE = 2.0
_LONG = 300
_PRUNE_EVERY = 250

_WORD = re.compile(r"\w+(?:['\u2019]\w+)?|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A shortcut found: the pairs that have it are `count`, the first of them `rows` (data set, row)."""

    code: str
    message: str
    count: int
    rows: tuple[tuple[int, int], ...] = ()


class PairLengths:
    """How often the longer answer is the chosen one. Lengths are tokens before any cut; the prompt cancels out."""

    def __init__(self) -> None:
        self.chosen = array("I")
        self.rejected = array("I")
        self._longer = self._shorter = self._equal = 0

    def add(self, chosen: int, rejected: int) -> None:
        """Take one pair in."""
        self.chosen.append(chosen)
        self.rejected.append(rejected)
        self._longer += chosen > rejected
        self._shorter += chosen < rejected
        self._equal += chosen == rejected

    def statistics(self) -> dict[str, float]:
        """`length_baseline`: the accuracy of always choosing the longer answer; ties count half."""
        pairs = self._longer + self._shorter + self._equal
        return {"length_baseline": (self._longer + self._equal / 2) / pairs} if pairs else {}

    def findings(self) -> Iterator[Shortcut]:
        """A length shortcut, where the baseline is far from half and that is no chance."""
        apart = self._longer + self._shorter
        if apart < MINIMUM_PAIRS:
            return
        baseline = self.statistics()["length_baseline"]
        strong = max(baseline, 1 - baseline) >= LENGTH_SHARE
        if strong and 2 * chance(max(self._longer, self._shorter), apart) < CHANCE:
            side = "longer" if self._longer > self._shorter else "shorter"
            won = max(baseline, 1 - baseline)
            pairs = apart + self._equal
            message = f"choosing the {side} answer is right in {share(won)} of {counted(pairs, 'pair')}"
            yield Shortcut("length-shortcut", message, max(self._longer, self._shorter))


class LexicalShortcut:
    """Words, word pairs, beginnings and endings that stand on one side only, and nearly always on the same.

    For each, the pairs that have it in the chosen answer alone and in the rejected alone are counted; what occurs in
    too few pairs to matter is forgotten on the way (lossy counting), so memory stays bounded.
    """

    def __init__(self) -> None:
        self._pairs = 0
        self._words = [0, 0]
        self._only: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        self._both: Counter[str] = Counter()
        self._rows: dict[str, list[tuple[int, int]]] = {}

    def add(self, chosen: str, rejected: str, place: tuple[int, int]) -> None:
        """Take the two answers of a pair in."""
        self._pairs += 1
        words = [_words(text) for text in (chosen, rejected)]
        for side, said in enumerate(words):
            self._words[side] += len(said)
        of_chosen, of_rejected = _features(words[0], chosen), _features(words[1], rejected)
        self._both.update(of_chosen & of_rejected)
        for counter, only in zip(self._only, (of_chosen - of_rejected, of_rejected - of_chosen), strict=True):
            counter.update(only)
            for feature in only:
                rows = self._rows.setdefault(feature, [])
                if len(rows) < 100:
                    rows.append(place)
        if self._pairs % _PRUNE_EVERY == 0:
            self._prune()

    def _prune(self) -> None:
        chosen, rejected = self._only
        floor = max(2, self._pairs * LEXICAL_COVERAGE / 10)
        for feature in [name for name in self._rows if chosen[name] + rejected[name] < floor]:
            del self._rows[feature]
            for counter in (chosen, rejected, self._both):
                counter.pop(feature, None)
        for feature in [name for name in self._both if name not in self._rows]:
            del self._both[feature]

    def findings(self) -> Iterator[Shortcut]:
        """The strongest shortcut, and how many more there are.

        A feature counts if it parts at least a tenth of the pairs, points the same way in at least 90 % of those,
        beyond chance (Bonferroni-corrected for the features tried; the longer side is expected to have more of any
        word), and is at least twice as frequent among that side's words as among the other's.
        """
        chosen, rejected = self._only
        floor = max(8, LEXICAL_COVERAGE * self._pairs)
        tried = [name for name in self._rows if chosen[name] + rejected[name] >= floor]
        found: list[tuple[float, str, int, int]] = []
        for name in tried:
            apart = chosen[name] + rejected[name]
            more = max(chosen[name], rejected[name])
            side = 0 if more == chosen[name] else 1
            expected = max(0.5, self._words[side] / max(1, sum(self._words)))
            if more / apart < LEXICAL_PURITY or 2 * chance(more, apart, expected) * len(tried) >= CHANCE:
                continue
            if self._rate_ratio(name, side) >= LEXICAL_RATE:
                found.append((2 * more - apart, name, more, apart))
        if not found:
            return
        found.sort(key=lambda entry: (-entry[0], -len(entry[1]), entry[1]))
        _, name, more, apart = found[0]
        winner = "chosen" if chosen[name] > rejected[name] else "rejected"
        others = [repr(entry[1]) for entry in found[1:5]]
        also = f"; also {', '.join(others)}" if others else ""
        message = (
            f"{name!r} stands in one answer only in {apart:,} of {counted(self._pairs, 'pair')}, "
            f"and in {share(more / apart)} of these it is the {winner} one{also}"
        )
        yield Shortcut("lexical-shortcut", message, apart, tuple(self._rows[name]))

    def _rate_ratio(self, name: str, side: int) -> float:
        """How much more often a feature has a place among the words of `side` (0: chosen) than of the other."""
        rates = [
            (only[name] + self._both[name] + 0.5) / max(1, words)
            for only, words in zip(self._only, self._words, strict=True)
        ]
        return rates[side] / rates[1 - side]


def _words(text: str) -> list[str]:
    """The words and punctuation marks of an answer; of a long one those at its beginning and end."""
    words = _WORD.findall(text.lower())
    return words if len(words) <= _LONG else words[: _LONG * 2 // 3] + words[-_LONG // 3 :]


def _features(words: list[str], text: str) -> set[str]:
    """Words, word pairs, how the answer begins and ends (a word, three words, white space)."""
    features = set(words)
    features.update(map(" ".join, pairwise(words)))
    if words:
        features |= {f"{words[0]} …", f"… {words[-1]}"}
    if len(words) >= 3:
        features |= {f"{' '.join(words[:3])} …", f"… {' '.join(words[-3:])}"}
    if text[:1].isspace():
        features.add("white space at the beginning")
    if text[-1:].isspace():
        features.add("white space at the end")
    return features


def chance(more: int, total: int, rate: float = 0.5) -> float:
    """How likely at least `more` of `total` draws hit where each does with probability `rate`: an upper bound.

    The Chernoff-Hoeffding bound exp(-total KL(more / total || rate)) (Hoeffding 1963, theorem 1); 1 where `more` is
    no more than is to be expected.
    """
    share_hit = more / total
    if share_hit <= rate:
        return 1.0
    divergence = share_hit * math.log(share_hit / rate)
    if share_hit < 1:
        divergence += (1 - share_hit) * math.log((1 - share_hit) / (1 - rate))
    return math.exp(-total * divergence)
