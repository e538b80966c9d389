"""Which characters of a rendered text came from where: the row's own texts, found again in what was made of them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from engine.encode.conversation import BLANK_LINE, MERGED, text_parts
from engine.encode.encoding import Part
from engine.encode.setup import Setup
from engine.encode.steps import Turn
from engine.sample import Conversation, Message, PlainText, Steps
from engine.template.render import TemplateError

ROLES: Mapping[str, Part] = {
    "system": Part.SYSTEM,
    "developer": Part.SYSTEM,
    "user": Part.USER,
    "assistant": Part.ASSISTANT,
    "tool": Part.TOOL,
    "ipython": Part.TOOL,
    "function": Part.TOOL,
}

_TAGS = re.compile(r"</?think>|</?tool_call>|</?tool_response>")


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start:end` of the text: their part, step, and the character `field_start` of `field` they are."""

    start: int
    end: int
    part: Part
    field: str = ""
    field_start: int = 0
    step: int = -1


@dataclass(frozen=True, slots=True)
class Passage:
    """A text of the row that a template is given, and should have written out."""

    text: str
    part: Part
    field: str
    field_start: int = 0


def spans_of_conversation(setup: Setup, side: Conversation, text: str) -> list[Span]:
    """The spans of a rendered conversation (`side` settled), in order; what is in none of them the template wrote.

    The conversation is rendered once more with marks for contents: where the text is what stands between the marks and
    the contents (stripped or not), each is where it must be. Where a template does more with a content, it is looked
    for after the one before it, whole, stripped, or in the pieces between `<think>` tags; what is not found stays the
    template's.
    """
    passages = list(_passages(side))
    found = _between_marks(setup, side, text, passages)
    if found is None:
        found = _one_after_the_other(text, passages)
    return sorted(found, key=lambda span: span.start)


def spans_of_plain(side: PlainText) -> list[Span]:
    """The spans of prompt and answer in plain text; an EOS after it is the template's."""
    if side.marks:
        last = len(side.marks) - 1
        return [
            Span(start, end, Part.ANSWER if i == last else ROLES.get(role, Part.PROMPT), field)
            for i, (start, end, role, field) in enumerate(side.marks)
        ]
    border = len(side.prompt)
    prompt = Span(0, border, Part.PROMPT, side.prompt_field)
    answer = Span(border, border + len(side.answer), Part.ANSWER, side.answer_field)
    return [span for span in (prompt, answer) if span.end > span.start]


def spans_of_turn(sample: Steps, turn: Turn) -> list[Span]:
    """The spans of the steps, and of the separator after each, in a rendered conversation."""
    spans: list[Span] = []
    for i, (step, start, end) in enumerate(zip(sample.steps, turn.starts, turn.ends, strict=True)):
        inside = turn.text[start:end]
        skipped = len(step) - len(step.lstrip()) if not inside.startswith(step) else 0
        length = min(len(step) - skipped, end - start)
        field = sample.step_fields[i] if i < len(sample.step_fields) else ""
        offset = (sample.step_offsets[i] if i < len(sample.step_offsets) else 0) + skipped
        spans.append(Span(start, start + length, Part.STEP, field, offset, i))
        if start + length < end:
            spans.append(Span(start + length, end, Part.SEPARATOR, step=i))
    return spans


def _passages(side: Conversation) -> Iterator[Passage]:
    for number, message in enumerate(side.messages):
        role = str(message.get("role"))
        part = ROLES.get(role, Part.TEMPLATE)
        if number >= side.answer_start and part is Part.ASSISTANT:
            part = Part.ANSWER
        field = side.fields[number] if number < len(side.fields) else ""
        for key in ("reasoning_content", "thinking", "reasoning"):
            reasoning = message.get(key)
            if isinstance(reasoning, str) and reasoning:
                where = f"{field.rpartition('.')[0]}.{key}" if "." in field else ""
                yield Passage(reasoning, part, where)
                break
        yield from _content(message, part, field)


def _content(message: Message, part: Part, field: str) -> Iterator[Passage]:
    content = message.get("content")
    system_field, _, rest = field.partition(MERGED)
    length, merged, own = rest.partition(MERGED)
    if isinstance(content, str) and merged:
        yield Passage(content[: int(length)], Part.SYSTEM, system_field)
        yield Passage(content[int(length) + len(BLANK_LINE) :], part, own)
    elif isinstance(content, str):
        yield Passage(content, part, field)
    elif isinstance(content, Sequence):
        for position, text in text_parts(content):
            if merged and position == 0:
                yield Passage(text.removesuffix(BLANK_LINE), Part.SYSTEM, system_field)
            else:
                where = own or field
                yield Passage(text, part, f"{where}.{position - bool(merged)}.text" if where else "")


def _between_marks(setup: Setup, side: Conversation, text: str, passages: Sequence[Passage]) -> list[Span] | None:
    marks = [f"\ue000{number}\ue001" for number in range(len(passages))]
    numbers = iter(marks)
    marked = replace(
        side, messages=tuple(_marked(message, numbers, i, side) for i, message in enumerate(side.messages))
    )
    if next(numbers, None) is not None:
        return None
    try:
        skeleton = setup.rendered(marked)
    except TemplateError:
        return None
    literals: list[str] = []
    for mark in marks:
        literal, found, skeleton = skeleton.partition(mark)
        if not found or mark in skeleton:
            return None
        literals.append(literal)
    return _fit(text, [*literals, skeleton], passages)


def _marked(message: Message, marks: Iterator[str], number: int, side: Conversation) -> dict[str, Any]:
    """`message`, the side's number `number`, with the next mark in place of each of its passages."""
    merged = number < len(side.fields) and MERGED in side.fields[number]
    changed = dict(message)
    for key in ("reasoning_content", "thinking", "reasoning"):
        if isinstance(message.get(key), str) and message[key]:
            changed[key] = next(marks, "")
            break
    content = message.get("content")
    if isinstance(content, str):
        changed["content"] = next(marks, "") + (BLANK_LINE + next(marks, "") if merged else "")
    elif isinstance(content, Sequence):
        texts = dict(text_parts(content))
        changed["content"] = [
            part if i not in texts else next(marks, "") if isinstance(part, str) else {**part, "text": next(marks, "")}
            for i, part in enumerate(content)
        ]
    return changed


def _fit(text: str, literals: Sequence[str], passages: Sequence[Passage]) -> list[Span] | None:
    """Passages between literals, each as it is or stripped, so that together they are `text`; None if they are not."""
    place = len(literals[0])
    if not text.startswith(literals[0]):
        return None
    spans: list[Span] = []
    for passage, literal in zip(passages, literals[1:], strict=True):
        variants = ((skipped, shown, place + len(shown)) for skipped, shown in _variants(passage.text))
        fitting = (v for v in variants if text.startswith(v[1], place) and text.startswith(literal, v[2]))
        skipped, shown, end = next(fitting, (0, "", -1))
        if end < 0:
            return None
        if shown:
            spans.append(Span(place, end, passage.part, passage.field, passage.field_start + skipped))
        place = end + len(literal)
    return spans if place == len(text) else None


def _variants(text: str) -> list[tuple[int, str]]:
    """A text as templates write it, with how many characters are left out before: as it is, or stripped."""
    left = len(text) - len(text.lstrip())
    lines = len(text) - len(text.lstrip("\n"))
    found = [(0, text), (left, text.strip()), (0, text.rstrip()), (left, text.lstrip())]
    found += [(lines, text.strip("\n")), (0, text.rstrip("\n")), (lines, text.lstrip("\n"))]
    return list(dict.fromkeys(found))


def _one_after_the_other(text: str, passages: Sequence[Passage]) -> list[Span]:
    spans: list[Span] = []
    place = 0
    for passage in passages:
        for span in _found(text, passage, place):
            spans.append(span)
            place = span.end
    return spans


def _found(text: str, passage: Passage, place: int) -> Iterator[Span]:
    for skipped, shown in _variants(passage.text):
        if shown and (at := text.find(shown, place)) >= 0:
            yield Span(at, at + len(shown), passage.part, passage.field, passage.field_start + skipped)
            return
    borders = [0, *(place for tag in _TAGS.finditer(passage.text) for place in tag.span()), len(passage.text)]
    if len(borders) == 2:
        return
    for start, end in pairwise(borders):
        piece = passage.text[start:end]
        shown = piece.strip()
        if shown and (at := text.find(shown, place)) >= 0:
            skipped = start + len(piece) - len(piece.lstrip())
            yield Span(at, at + len(shown), passage.part, passage.field, passage.field_start + skipped)
            place = at + len(shown)
