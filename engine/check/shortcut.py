"""Shortcuts: what tells chosen from rejected without reading them. A model finds such things before anything else."""

import math
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from engine.check.lengths import share

MINIMUM_PAIRS = 20
LENGTH_SHARE = 0.65
"""A longer-is-better share from which the length alone is a baseline to be told of; its mirror is 1 minus this."""
CHANCE = 1e-3
"""How likely it may be that a finding on clean data is chance."""

LEXICAL_PURITY = 0.9
LEXICAL_COVERAGE = 0.1
LEXICAL_RATE = 4.0
_WORDS = 300
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
        if strong and two_sided_chance(max(self._longer, self._shorter), apart) < CHANCE:
            side = "longer" if self._longer > self._shorter else "shorter"
            won = max(baseline, 1 - baseline)
            pairs = apart + self._equal
            message = f"choosing the {side} answer is right in {share(won)} of {pairs} pairs"
            yield Shortcut("length-shortcut", message, max(self._longer, self._shorter))


class LexicalShortcut:
    """Words, word pairs, openings and endings that stand on one side only, and nearly always on the same.

    For each, the pairs that have it in the chosen answer alone and in the rejected alone are counted; what occurs in
    too few pairs to matter is forgotten on the way (lossy counting), so memory stays bounded.
    """

    def __init__(self) -> None:
        self._pairs = 0
        self._words = [0, 0]
        self._only: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        self._rows: dict[str, list[tuple[int, int]]] = {}

    def add(self, chosen: str, rejected: str, place: tuple[int, int]) -> None:
        """Take the two answers of a pair in."""
        self._pairs += 1
        of_chosen, of_rejected = _features(chosen), _features(rejected)
        self._words[0] += len(of_chosen)
        self._words[1] += len(of_rejected)
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
            chosen.pop(feature, None)
            rejected.pop(feature, None)

    def findings(self) -> Iterator[Shortcut]:
        """The strongest shortcut, and how many more there are.

        A feature counts if it parts at least a tenth of the pairs, points the same way in at least 90 % of those,
        beyond chance (binomial, corrected for the number of features tried), and not merely because one side is
        longer: its frequency among that side's words is several times that among the other's.
        """
        chosen, rejected = self._only
        floor = max(8, LEXICAL_COVERAGE * self._pairs)
        tried = [name for name in self._rows if chosen[name] + rejected[name] >= floor]
        found: list[tuple[float, str, int, int]] = []
        for name in tried:
            apart = chosen[name] + rejected[name]
            more = max(chosen[name], rejected[name])
            if more / apart < LEXICAL_PURITY or two_sided_chance(more, apart) * len(tried) >= CHANCE:
                continue
            if self._rate_ratio(name) >= LEXICAL_RATE:
                found.append((2 * more - apart, name, more, apart))
        if not found:
            return
        found.sort(key=lambda entry: (-entry[0], -len(entry[1]), entry[1]))
        _, name, more, apart = found[0]
        side = "chosen" if chosen[name] > rejected[name] else "rejected"
        others = [repr(entry[1]) for entry in found[1:5]]
        also = f"; also {', '.join(others)}" if others else ""
        message = (
            f"{name!r} stands in one answer only in {apart} of {self._pairs} pairs, "
            f"and in {share(more / apart)} of these it is the {side} one{also}"
        )
        yield Shortcut("lexical-shortcut", message, apart, tuple(self._rows[name]))

    def _rate_ratio(self, name: str) -> float:
        rates = [(counter[name] + 0.5) / max(1, words) for counter, words in zip(self._only, self._words, strict=True)]
        return max(rates) / min(rates)


def _features(text: str) -> set[str]:
    """The words, word pairs, first three and last three words of an answer (of its first and last words, if long)."""
    words = _WORD.findall(text.lower())
    if len(words) > _WORDS:
        words = words[: _WORDS * 2 // 3] + words[-_WORDS // 3 :]
    features = set(words)
    features.update(map(" ".join, pairwise(words)))
    if len(words) >= 3:
        features.add(" ".join(words[:3]) + " …")
        features.add("… " + " ".join(words[-3:]))
    return features


def two_sided_chance(more: int, total: int) -> float:
    """How likely a fair coin shows at least `more` of `total` on either side (an upper bound for large `total`).

    Exact binomial tail up to 1000 tosses; beyond, Hoeffding's inequality, 2 exp(-2 total (more / total - 1/2)^2).
    """
    if total > 1000:
        return min(1.0, 2 * math.exp(-2 * total * (more / total - 0.5) ** 2))
    tail = sum(math.comb(total, k) for k in range(more, total + 1))
    return min(1.0, tail / (1 << (total - 1)))
