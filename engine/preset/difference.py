"""How two presets differ: in what they mean, and in how they are written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from engine.preset.schema import Preset
from engine.preset.show import flat_values

CONTEXT = 2
"""Lines shown around a change."""

_WORD = re.compile(r"\w+|\s+|.")

Span = tuple[int, int]
"""Start and end (exclusive) of characters."""


@dataclass(frozen=True, slots=True)
class ValueDifference:
    """A dotted key whose values differ; a value is None where it is null, or where the other has more entries."""

    key: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class LineDifference:
    """A line of the comparison: taken away, added, alike, or (`…`) a number of alike lines that are left out.

    `number` is the line's, from 1: in the text before for `-`, else in the text after. `changed` are the characters
    that the line's counterpart does not have.
    """

    mark: Literal["-", "+", " ", "…"]
    number: int
    text: str
    changed: tuple[Span, ...] = ()


def value_differences(before: Preset, after: Preset) -> tuple[ValueDifference, ...]:
    """The keys whose values differ once defaults are filled in, in the schema's order."""
    old, new = flat_values(before), flat_values(after)
    return tuple(
        ValueDifference(key, old.get(key), new.get(key))
        for key in dict.fromkeys((*old, *new))
        if old.get(key) != new.get(key)
    )


def line_differences(before: str, after: str, context: int = CONTEXT) -> tuple[LineDifference, ...]:
    """The lines taken away and added, with `context` lines around; nothing where the texts are the same."""
    old, new = before.splitlines(), after.splitlines()
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    if all(tag == "equal" for tag, *_ in blocks):
        return ()
    lines: list[LineDifference] = []
    for at, (tag, old_start, old_end, new_start, new_end) in enumerate(blocks):
        if tag == "equal":
            lines += _alike(new, new_start, new_end, context if at else 0, context if at < len(blocks) - 1 else 0)
        else:
            lines += _changed(old[old_start:old_end], new[new_start:new_end], old_start, new_start)
    return tuple(lines)


def _alike(new: list[str], start: int, end: int, head: int, tail: int) -> Iterator[LineDifference]:
    left_out = end - start - head - tail
    shown = range(start, end) if left_out <= 1 else [*range(start, start + head), *range(end - tail, end)]
    for index in shown:
        if left_out > 1 and index == end - tail:
            yield LineDifference("…", 0, f"{left_out} lines alike")
        yield LineDifference(" ", index + 1, new[index])
    if left_out > 1 and not tail:
        yield LineDifference("…", 0, f"{left_out} lines alike")


def _changed(old: list[str], new: list[str], old_start: int, new_start: int) -> Iterator[LineDifference]:
    pairs = [_words(a, b) for a, b in zip(old, new, strict=True)] if len(old) == len(new) else []
    for index, line in enumerate(old):
        yield LineDifference("-", old_start + index + 1, line, pairs[index][0] if pairs else ())
    for index, line in enumerate(new):
        yield LineDifference("+", new_start + index + 1, line, pairs[index][1] if pairs else ())


def _words(old: str, new: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """The characters of each that the other does not have, word by word; none where hardly anything is alike."""
    before, after = _WORD.findall(old), _WORD.findall(new)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < 0.3:
        return (), ()
    blocks = [block for block in matcher.get_opcodes() if block[0] != "equal"]
    return (
        tuple(_span(before, start, end) for _, start, end, _, _ in blocks if end > start),
        tuple(_span(after, start, end) for _, _, _, start, end in blocks if end > start),
    )


def _span(words: list[str], start: int, end: int) -> Span:
    begin = sum(map(len, words[:start]))
    return begin, begin + sum(map(len, words[start:end]))
