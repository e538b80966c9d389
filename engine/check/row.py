"""What can be said of one row by looking at its sample's text. Formats and encoders attach the rest."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from transformers import PreTrainedTokenizerBase

from engine.check.hidden import hidden
from engine.check.suspect import suspect
from engine.check.texts import (
    answer_text,
    asks,
    content_text,
    has_calls,
    is_assistant,
    messages_of,
    prompt_text,
    texts_of,
)
from engine.encode.encoding import EncodedRow
from engine.finding import Finding
from engine.finding_codes import finding
from engine.sample import Conversation, Pair, PlainText, Sample, Side, Steps, TokenIds
from engine.source.row import Row

if TYPE_CHECKING:
    from engine.encode.encoder import Encoder

PROMPT_COLUMNS = ("prompt", "question", "instruction", "query", "input", "problem")
"""Columns whose name says that they hold a prompt."""

_LOOSE_PROMPT_COLUMNS = (
    *PROMPT_COLUMNS,
    "user",
    "user_input",
    "post",
    "task",
    "context",
    "history",
    "message",
    "messages",
    "conversation",
)

# Scripts that put no space between words: prompt and answer may touch.
_UNSPACED = re.compile("[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")

_ASKED = re.compile(r"\A(?:Human|User|Question|Q|Prompt|Instruction): *\n?", re.IGNORECASE)


def row_findings(encoder: "Encoder", row: Row, encoded: EncodedRow) -> tuple[Finding, ...]:
    """The findings of one sample that its format and encoder have not attached already (to `encoded`)."""
    return further_findings(encoder, row, encoder.sample(row, encoded.id.item), encoded)


def further_findings(encoder: "Encoder", row: Row, sample: Sample | None, encoded: EncodedRow) -> tuple[Finding, ...]:
    """As `row_findings`, where the row's sample is at hand already; None if none could be made of it."""
    known = {found.code for found in encoded.findings}
    if encoded.refusal:
        known.add(encoded.refusal.reason)
    if sample is None:
        found = _row_text(row, None) if isinstance(row, dict) else iter(())
    else:
        special = special_pattern(encoder.tokenizer)
        found = sample_findings(row, sample, encoder.format.reads, special, encoder.step_separator)
    return tuple(entry for entry in found if entry.code not in known)


def sample_findings(
    row: Row, sample: Sample, reads: Sequence[str], special: "re.Pattern[str] | None", separator: str
) -> Iterator[Finding]:
    """What a sample's text shows.

    `reads` are the row's columns that its format reads, `special` is the tokenizer's `special_pattern`, `separator`
    what the encoder writes after each step.
    """
    if isinstance(row, dict):
        yield from _row_text({column: row[column] for column in reads if column in row}, special)
        yield from _prompt_columns(row, sample, reads)
    if isinstance(sample, Pair):
        yield from _glued(sample)
        yield from _prompt_repeated(sample)
        yield from _context_differs(sample)
        yield from _ends_on_user(sample)
        yield from _empty_answer(sample, row)
    else:
        yield from _steps(sample, separator)


def _row_text(columns: dict[str, Any], special: "re.Pattern[str] | None") -> Iterator[Finding]:
    """What the row's own text shows: that of its columns, before any format or template has added to it."""
    suspicious = hides = spelled = False
    for where, text in _strings(columns):
        if not suspicious and (why := suspect(text)):
            suspicious = True
            yield finding("encoding-suspect", f"`{where}`: {why}")
        if not hides and (what := hidden(text)):
            hides = True
            yield finding("invisible-text", f"`{where}`: {what}")
        if special and not spelled and (match := special.search(text)):
            spelled = True
            yield finding("special-in-text", f"`{where}` spells {match[0]} at character {match.start()}")


def _strings(columns: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each text within the columns, in order, and where it stands, as a dotted path."""
    waiting: list[tuple[str, Any]] = list(reversed(columns.items()))
    while waiting:
        where, value = waiting.pop()
        if isinstance(value, str):
            yield where, value
        elif isinstance(value, dict):
            waiting.extend((f"{where}.{key}", entry) for key, entry in reversed(value.items()))
        elif isinstance(value, list):
            waiting.extend((f"{where}.{place}", value[place]) for place in range(len(value) - 1, -1, -1))


@lru_cache(maxsize=8)
def special_pattern(tokenizer: PreTrainedTokenizerBase) -> "re.Pattern[str] | None":
    """The spellings of the tokenizer's special tokens. Added tokens that are not special (`<think>`) are plain text."""
    spellings = {str(token) for token in tokenizer.all_special_tokens}
    spellings |= {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    spellings.discard("")
    longest_first = sorted(spellings, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if spellings else None


def _prompt_columns(row: dict[str, Any], sample: Sample, reads: Sequence[str]) -> Iterator[Finding]:
    """An empty prompt; or a prompt in a column that the format does not read."""
    if prompt_text(sample) is None:
        return
    asked = asks(sample)
    read = "\n".join(texts_of(sample))
    for column in PROMPT_COLUMNS if asked else _LOOSE_PROMPT_COLUMNS:
        text = "" if column in reads else _question_in(row.get(column))
        if text and text not in read and (not asked or len(text.split()) >= 3):
            yield finding("prompt-ignored", f"the column `{column}` is not read, and holds: {text[:60]!r}")
            return
    if not asked and not _carries_its_prompt(sample):
        where = "nothing stands before the answers" if isinstance(sample, Pair) else "the prompt is empty"
        yield finding("empty-prompt", where)


def _question_in(value: Any) -> str:
    """The text of a column that may hold a prompt: itself, or the last user message of a conversation."""
    if isinstance(value, str):
        return value.strip()
    turns = [turn for turn in value if isinstance(turn, dict)] if isinstance(value, list) else []
    asked = [turn for turn in turns if turn.get("role") in ("user", "human")]
    return content_text(asked[-1]).strip() if asked else ""


def _carries_its_prompt(sample: Sample) -> bool:
    """Whether both answers are whole texts that may hold their prompt, as in layouts without a prompt column."""
    if not isinstance(sample, Pair) or messages_of(sample.chosen):
        return False
    chosen, rejected = answer_text(sample.chosen), answer_text(sample.rejected)
    return bool(chosen and rejected and chosen.split()[:1] == rejected.split()[:1])


def _glued(sample: Pair) -> Iterator[Finding]:
    for name, side in _sides(sample):
        if not isinstance(side, PlainText) or not side.prompt.strip() or not side.answer:
            continue
        last, first = side.prompt[-1], side.answer[0]
        closes = last.isalnum() or last in ".?!:;,)"
        opens = first.isalnum() or first in '(*"\u201c'
        if closes and opens and not _UNSPACED.search(last + first):
            joint = f"{side.prompt[-12:]}{side.answer[:12]}"
            yield finding("glued-text", f"prompt and {name} meet without a space: {joint!r}")
            return


def _prompt_repeated(sample: Pair) -> Iterator[Finding]:
    if all(_repeats(side) for _, side in _sides(sample)):
        yield finding("prompt-repeated", "both answers begin with the prompt again")


def _repeats(side: Side) -> bool:
    if isinstance(side, PlainText):
        return _begins_with(side.answer, side.prompt)
    if not isinstance(side, Conversation) or side.answer_start == 0 or side.answer_start >= len(side.messages):
        return False
    before, answer = side.messages[: side.answer_start], side.messages[side.answer_start :]
    asked = [content_text(message).strip() for message in before if message.get("role") == "user"]
    if not asked or not asked[-1]:
        return False
    if not is_assistant(answer[0]):
        return content_text(answer[0]).strip() in (asked[0], asked[-1])
    return _begins_with(content_text(answer[0]), asked[-1])


def _begins_with(answer: str, prompt: str) -> bool:
    """Whether an answer holds the prompt at its head, the prompt being long enough to be no chance."""
    head = prompt.strip()
    long_enough = len(head) >= 10 or (len(head) >= 4 and not head[-1].isalnum())
    said = _ASKED.sub("", answer.strip(), count=1)
    return long_enough and said.startswith(head) and len(said) > len(head)


def _context_differs(sample: Pair) -> Iterator[Finding]:
    """Where the sides first part, it must be at an answer: after that, a conversation may go its own way."""
    chosen, rejected = messages_of(sample.chosen), messages_of(sample.rejected)
    for place, (one, other) in enumerate(zip(chosen, rejected, strict=False), start=1):
        if one.get("role") == other.get("role") and content_text(one) == content_text(other):
            continue
        last_of_both = place == len(chosen) == len(rejected)
        if not last_of_both and not (is_assistant(one) and is_assistant(other)):
            roles = f"{one.get('role')} in chosen, {other.get('role')} in rejected"
            yield finding("context-differs", f"message {place} ({roles}) is not the same on both sides")
        return


def _ends_on_user(sample: Pair) -> Iterator[Finding]:
    for name, side in _sides(sample):
        messages = messages_of(side)
        if messages and not is_assistant(messages[-1]):
            yield finding("ends-on-user", f"the last message of {name} is from {messages[-1].get('role')!r}")
            return


def _empty_answer(sample: Pair, row: Row) -> Iterator[Finding]:
    for name, side in _sides(sample):
        if _is_silent(side) or _is_blank_column(side, row):
            yield finding("empty-answer", f"{name} has no text")
            return


def _is_blank_column(side: Side, row: Row) -> bool:
    """Whether the column of an answer is blank where its format adds text of its own to it (`bradley_terry.llama3`)."""
    if not isinstance(side, PlainText) or not isinstance(row, dict):
        return False
    text = row.get(side.answer_field)
    return isinstance(text, str) and not text.strip()


def _is_silent(side: Side) -> bool:
    if isinstance(side, TokenIds):
        return not side.ids
    if isinstance(side, PlainText) and not side.answer.strip():
        return True
    messages = messages_of(side)
    if not messages or not is_assistant(messages[-1]):
        return False
    return not content_text(messages[-1]).strip() and not has_calls(messages[-1])


def _sides(sample: Pair) -> tuple[tuple[str, Side], tuple[str, Side]]:
    return ("chosen", sample.chosen), ("rejected", sample.rejected)


def _steps(sample: Steps, separator: str) -> Iterator[Finding]:
    for number, step in enumerate(sample.steps, start=1):
        if not step.strip():
            yield finding("empty-step", f"step {number} has no text")
            break
    mark = separator if separator.strip(" ") else ""
    doubled = next((n for n, step in enumerate(sample.steps, start=1) if mark and step.endswith(mark)), None)
    if doubled:
        yield finding("separator-doubled", f"step {doubled} already ends in the separator {separator!r}")
    inside = next((n for n, step in enumerate(sample.steps, start=1) if mark and mark in _stripped(step, mark)), None)
    if inside:
        yield finding("separator-in-step", f"step {inside} holds the separator {separator!r}")
    judged = [label for label in sample.labels if label is not None]
    if len(judged) >= 2 and len(set(judged)) == 1:
        yield finding("one-class", f"all {len(judged)} labels are {judged[0]:g}")


def _stripped(step: str, mark: str) -> str:
    while step.endswith(mark):
        step = step.removesuffix(mark)
    return step
