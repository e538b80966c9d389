"""Raw PRM800K: a `question`, and in `label` the steps, each with the completions that were tried and their ratings.

A rating of 1 is right, -1 is wrong; 0 (neutral) and null were not decided, and are masked. The completions form a
tree: each completion that was not gone on with ends a sample of its own, after the steps chosen before it, and the
chosen steps together are the last sample.
"""

from collections.abc import Mapping
from typing import Any

from engine.finding import Finding
from engine.format.fields import items, note_empty_prompt, required, text, wrong_type
from engine.format.format import Format, RowRefused
from engine.sample import Sample, Steps

RATINGS: Mapping[int, float | None] = {1: 1.0, 0: None, -1: 0.0}

_Step = tuple[str, float | None, str]


def looks_like(row: Mapping[str, Any]) -> bool:
    """Whether `row` is in this layout."""
    question, label = row.get("question"), row.get("label")
    return isinstance(question, Mapping) and isinstance(label, Mapping) and isinstance(label.get("steps"), list | tuple)


def prm800k(reason: str, name: str = "stepwise_supervised.prm800k") -> Format:
    """Steps from PRM800K's nested records."""

    def read(row: Mapping[str, Any], findings: list[Finding]) -> tuple[Sample, ...]:
        question = _object(required(row, "question"), "question")
        prompt = text(question, "problem")
        note_empty_prompt(prompt, "question.problem", findings)
        steps = items(_object(required(row, "label"), "label"), "steps")
        taken: list[_Step] = []
        traces: list[tuple[_Step, ...]] = []
        for i, entry in enumerate(steps):
            where = f"label.steps.{i}"
            step = _object(entry, where)
            tried = _tried(step, where)
            chosen = _chosen(step, tried, where)
            traces.extend((*taken, other) for place, other in enumerate(tried) if place != chosen)
            gone_on = tried[chosen] if chosen is not None else _human(step, where)
            if gone_on is None:
                break
            taken.append(gone_on)
        else:
            traces.append(tuple(taken))
        samples = [_sample(prompt, trace) for trace in traces if trace]
        if not samples:
            raise RowRefused("no-labels", "`label.steps` holds no completion")
        return tuple(samples)

    return Format(name, reason, "steps", ("question", "label"), False, read)


def _sample(prompt: str, trace: tuple[_Step, ...]) -> Steps:
    texts, labels, fields = zip(*trace, strict=True)
    return Steps(prompt, texts, labels, "question.problem", fields, (0,) * len(texts))


def _object(value: Any, field: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise wrong_type(field, "an object", value)
    return value


def _tried(step: Mapping[str, Any], where: str) -> list[_Step]:
    if step.get("completions") is None:
        return []
    return [
        _completion(_object(entry, f"{where}.completions.{i}"), f"{where}.completions.{i}")
        for i, entry in enumerate(items(step, "completions"))
    ]


def _completion(entry: Mapping[str, Any], where: str) -> _Step:
    content = entry.get("text")
    if not isinstance(content, str):
        raise wrong_type(f"{where}.text", "text", content)
    rating = entry.get("rating")
    if rating is None:
        return content, None, f"{where}.text"
    if isinstance(rating, bool) or not isinstance(rating, int | float) or rating not in RATINGS:
        raise RowRefused("label-value", f"`{where}.rating` is not -1, 0, 1 or null")
    return content, RATINGS[int(rating)], f"{where}.text"


def _chosen(step: Mapping[str, Any], tried: list[_Step], where: str) -> int | None:
    chosen = step.get("chosen_completion")
    if chosen is None:
        return None
    if isinstance(chosen, bool) or not isinstance(chosen, int) or not 0 <= chosen < len(tried):
        raise RowRefused("wrong-type", f"`{where}.chosen_completion` is not the position of a completion")
    return chosen


def _human(step: Mapping[str, Any], where: str) -> _Step | None:
    written = step.get("human_completion")
    if written is None:
        return None
    if isinstance(written, str):
        return written, None, f"{where}.human_completion"
    return _completion(_object(written, f"{where}.human_completion"), f"{where}.human_completion")
