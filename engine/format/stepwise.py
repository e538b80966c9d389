"""Stepwise-supervised rows: a prompt, the steps of a solution, and a label for each of them."""

import math
from collections.abc import Mapping
from typing import Any

from engine.finding import Finding
from engine.finding_codes import finding
from engine.format.fields import items, kind_of, messages, note_empty_prompt, required, text, texts
from engine.format.format import Format, RowRefused
from engine.format.preference import message_keys, message_roles
from engine.preset.schema import DatasetConfig
from engine.sample import Conversation, Message, Sample, Steps


def field_names(config: DatasetConfig) -> dict[str, str]:
    """The columns of this layout by their customary names, as the data set's field mapping has them."""
    names = ("prompt", "completions", "labels")
    return {name: config.column(name) for name in names}


def stepwise(config: DatasetConfig, reason: str, name: str = "stepwise_supervised") -> Format:
    """`stepwise_supervised`: prompt and steps as plain text, each step followed by the separator."""
    fields = field_names(config)

    def read(row: Mapping[str, Any], findings: list[Finding]) -> tuple[Sample, ...]:
        prompt = text(row, fields["prompt"])
        note_empty_prompt(prompt, fields["prompt"], findings)
        steps, labels = _judged_steps(row, fields)
        return (with_places(prompt, steps, labels, fields["prompt"], fields["completions"]),)

    return Format(name, reason, "steps", tuple(fields.values()), False, read)


def stepwise_chat(config: DatasetConfig, reason: str, name: str = "stepwise_supervised.chat_template") -> Format:
    """`stepwise_supervised.chat_template`: the steps make up the assistant's turn, rendered by the chat template.

    The prompt is text (the user's turn, after an optional system turn) or a list of messages.
    """
    fields, keys, roles = field_names(config), message_keys(config), message_roles(config)
    system_field = config.column("system")
    drop_system = config.drop_system_message

    def read(row: Mapping[str, Any], findings: list[Finding]) -> tuple[Sample, ...]:
        asked = required(row, fields["prompt"])
        head: list[Message] = []
        head_fields: list[str] = []
        system = text(row, system_field) if row.get(system_field) is not None else None
        if system == "":
            findings.append(finding("empty-system", f"`{system_field}` is empty: no system turn"))
        elif system is not None:
            head.append({"role": "system", "content": system})
            head_fields.append(system_field)
        if isinstance(asked, list | tuple):
            turns = messages(asked, fields["prompt"], keys, roles)
            head.extend(turns)
            content = keys.get("content", "content")
            head_fields.extend(f"{fields['prompt']}.{i}.{content}" for i in range(len(turns)))
        else:
            prompt = text(row, fields["prompt"])
            note_empty_prompt(prompt, fields["prompt"], findings)
            head.append({"role": "user", "content": prompt})
            head_fields.append(fields["prompt"])
        if drop_system and len(head) > 1 and head[0]["role"] == "system":
            findings.append(finding("system-dropped", "the system message is left out"))
            head, head_fields = head[1:], head_fields[1:]
        steps, labels = _judged_steps(row, fields)
        conversation = Conversation(tuple(head), len(head), fields=tuple(head_fields))
        step_fields = tuple(f"{fields['completions']}.{i}" for i in range(len(steps)))
        return (Steps(conversation, steps, labels, "", step_fields, (0,) * len(steps)),)

    return Format(name, reason, "steps", (*fields.values(), system_field), True, read)


def with_places(
    prompt: str, steps: tuple[str, ...], labels: tuple[float | None, ...], prompt_field: str, steps_field: str
) -> Steps:
    """Steps whose texts are the entries of one column, from their beginning."""
    places = tuple(f"{steps_field}.{i}" for i in range(len(steps)))
    return Steps(prompt, steps, labels, prompt_field, places, (0,) * len(steps))


def _judged_steps(
    row: Mapping[str, Any], fields: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[float | None, ...]]:
    steps = texts(row, fields["completions"])
    given = items(row, fields["labels"])
    if len(steps) != len(given):
        raise RowRefused(
            "label-count",
            f"`{fields['completions']}` has {len(steps)} steps and `{fields['labels']}` {len(given)} labels",
        )
    return steps, tuple(label(value, f"{fields['labels']}.{i}") for i, value in enumerate(given))


def label(value: Any, where: str) -> float | None:
    """A step's label: 0.0 or 1.0, a probability between, or None for a step that was not judged."""
    if value is None:
        return None
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float) and 0 <= value <= 1 and math.isfinite(value):
        return float(value)
    number = isinstance(value, int | float) and abs(value) < 1e15
    short = isinstance(value, str) and len(value) <= 20
    shown = ascii(value) if number else f"the text {value!a}" if short else kind_of(value)
    raise RowRefused("label-value", f"`{where}` is {shown}: a label is 0, 1, true, false, a probability, or null")
