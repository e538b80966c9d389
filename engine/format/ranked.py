"""Several answers to one prompt, ranked or scored, as pairs.

The rule: every answer is paired with every answer that is worse than it, best first. Answers that are equal give no
pair, and an answer without a score gives none. Pairs have no margin, since the scale of scores is not known.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from engine.finding import Finding
from engine.format.fields import items, messages, note_empty_prompt, required, text, wrong_type
from engine.format.format import Format, RowRefused
from engine.format.preference import message_keys, message_roles
from engine.preset.schema import DatasetConfig
from engine.sample import Conversation, Message, Pair, PlainText, Sample, Side

PROMPTS = ("prompt", "input", "question", "instruction", "query")
ANSWERS = ("answers", "responses", "completions", "candidates", "outputs", "replies")
TEXTS = ("answer", "response", "text", "content", "completion", "output", "generated_text")
SCORES = ("score", "overall_score", "rating", "reward")
RANKS = ("rank", "ranking")
ALREADY_RANKED = ("ranked_answers", "ranked_responses", "ranked_completions", "ranked")

RULE = "each answer is paired with every worse one, best first; equal ones give no pair"


@dataclass(frozen=True, slots=True)
class Ranking:
    """Where a ranked layout keeps what: columns of the prompt and the answers, and how the answers are ordered.

    `measure` is the column of scores or ranks ("" where the order of the list is the ranking); `entry` says it is an
    entry of each answer, whose text is its entry `text_key`. `lower_is_better` holds for ranks.
    """

    prompt: str
    answers: str
    measure: str
    entry: bool
    lower_is_better: bool
    text_key: str = ""
    conversational: bool = False

    def words(self) -> str:
        """The layout in words."""
        where = f"`{self.measure}` of each" if self.entry else f"`{self.measure}`"
        order = f"ordered by {where}" if self.measure else "ranked best first"
        lower = ", 1 the best" if self.lower_is_better else ""
        return f"`{self.answers}` holds several answers to `{self.prompt}`, {order}{lower}: {RULE}"


def find_ranking(rows: Sequence[Mapping[str, Any]], config: DatasetConfig) -> Ranking | None:
    """The ranked layout of `rows`, or None where they are none."""
    for row in rows:
        prompts = [name for name in (config.field_prompt, *PROMPTS) if name and name in row]
        if not prompts:
            continue
        for answers in (*ALREADY_RANKED, *ANSWERS):
            values = row.get(answers)
            if not isinstance(values, list | tuple) or not values:
                continue
            if found := _order(row, prompts[0], answers, values):
                turns = not found.entry and not isinstance(values[0], str)
                return replace(found, conversational=turns or isinstance(row[prompts[0]], list | tuple))
    return None


def ranked_pairs(config: DatasetConfig, ranking: Ranking) -> Format:
    """Pairs from several answers to one prompt."""
    keys, roles = message_keys(config), message_roles(config)

    def read(row: Mapping[str, Any], findings: list[Finding]) -> tuple[Sample, ...]:
        head, asked = _prompt(row, ranking.prompt, keys, roles)
        if asked is not None:
            note_empty_prompt(asked, ranking.prompt, findings)
        answers = items(row, ranking.answers)
        measures = _measures(row, ranking, answers)
        order = sorted(
            (place for place, measure in enumerate(measures) if measure is not None),
            key=lambda place: measures[place] or 0.0,
            reverse=not ranking.lower_is_better,
        )
        asking = _Prompt(head, asked, keys, roles)
        sides = {place: _side(answers[place], place, ranking, asking) for place in order}
        pairs = [Pair(sides[a], sides[b]) for a, b in combinations(order, 2) if measures[a] != measures[b]]
        if not pairs:
            raise RowRefused("no-pair", f"no two of the {len(answers)} answers differ in rank")
        return tuple(pairs)

    reads = (ranking.prompt, ranking.answers, *(() if ranking.entry or not ranking.measure else (ranking.measure,)))
    return Format("bradley_terry", ranking.words(), "pair", reads, ranking.conversational, read)


def _order(row: Mapping[str, Any], prompt: str, answers: str, values: Sequence[Any]) -> Ranking | None:
    first = values[0]
    if isinstance(first, Mapping) and "role" not in first:
        text_key = next((key for key in TEXTS if key in first), None)
        for measures, lower in ((SCORES, False), (RANKS, True)):
            measure = next((key for key in measures if _is_number(first.get(key))), None)
            if text_key and measure:
                return Ranking(prompt, answers, measure, True, lower, text_key)
        return None
    if not isinstance(first, str | list | tuple):
        return None
    for measures, lower in ((SCORES, False), (RANKS, True)):
        for measure in (name for single in measures for name in (f"{single}s", single)):
            given = row.get(measure)
            if isinstance(given, list | tuple) and len(given) == len(values) and any(map(_is_number, given)):
                return Ranking(prompt, answers, measure, False, lower)
    return Ranking(prompt, answers, "", False, False) if answers in ALREADY_RANKED else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _measures(row: Mapping[str, Any], ranking: Ranking, answers: Sequence[Any]) -> list[float | None]:
    if not ranking.measure:
        return [float(len(answers) - place) for place in range(len(answers))]
    if ranking.entry:
        return [
            _measure(_entry(answer, ranking, i).get(ranking.measure), ranking, i) for i, answer in enumerate(answers)
        ]
    given = items(row, ranking.measure)
    if len(given) != len(answers):
        raise RowRefused(
            "label-count",
            f"`{ranking.measure}` has {len(given)} entries for the {len(answers)} of `{ranking.answers}`",
        )
    return [_measure(value, ranking, place) for place, value in enumerate(given)]


def _entry(answer: Any, ranking: Ranking, place: int) -> Mapping[str, Any]:
    if not isinstance(answer, Mapping):
        raise wrong_type(f"{ranking.answers}.{place}", "an object", answer)
    return answer


def _measure(value: Any, ranking: Ranking, place: int) -> float | None:
    if value is None:
        return None
    where = f"{ranking.answers}.{place}.{ranking.measure}" if ranking.entry else f"{ranking.measure}.{place}"
    if not _is_number(value):
        raise wrong_type(where, "a number", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise RowRefused("wrong-type", f"`{where}` is not a finite number")
    return number


def _prompt(
    row: Mapping[str, Any], field: str, keys: Mapping[str, str], roles: Mapping[str, str]
) -> tuple[tuple[Message, ...], str | None]:
    """The prompt as messages, or as text."""
    value = required(row, field)
    if isinstance(value, list | tuple):
        return messages(value, field, keys, roles), None
    return (), text(row, field)


@dataclass(frozen=True, slots=True)
class _Prompt:
    """A row's prompt, as messages or as text (`asked`), and how its messages are written."""

    head: tuple[Message, ...]
    asked: str | None
    keys: Mapping[str, str]
    roles: Mapping[str, str]


def _side(answer: Any, place: int, ranking: Ranking, prompt: _Prompt) -> Side:
    field = f"{ranking.answers}.{place}"
    if ranking.entry:
        field, answer = f"{field}.{ranking.text_key}", _entry(answer, ranking, place).get(ranking.text_key)
    if isinstance(answer, str) and prompt.asked is not None:
        return PlainText(prompt.asked, answer, prompt_field=ranking.prompt, answer_field=field)
    content = prompt.keys.get("content", "content")
    head, head_fields = prompt.head, tuple(f"{ranking.prompt}.{i}.{content}" for i in range(len(prompt.head)))
    if prompt.asked is not None:
        head, head_fields = ({"role": "user", "content": prompt.asked},), (ranking.prompt,)
    if isinstance(answer, str):
        turns: tuple[Message, ...] = ({"role": "assistant", "content": answer},)
        fields: tuple[str, ...] = (field,)
    else:
        turns = messages(answer, field, prompt.keys, prompt.roles)
        fields = tuple(f"{field}.{i}.{content}" for i in range(len(turns)))
    if not turns:
        raise RowRefused("missing-field", f"`{field}` holds no message")
    return Conversation((*head, *turns), len(head), fields=(*head_fields, *fields))
