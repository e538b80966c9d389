"""Raw Math-Shepherd: `input` holds question and steps, each step ended by "ки"; `label` is the same text with + or -.

The question ends where "Step 1:" begins. Steps are taken without the marker and the white space around them.
"""

import re
from collections.abc import Mapping
from typing import Any

from engine.finding import Finding
from engine.format.fields import note_empty_prompt, text
from engine.format.format import Format, RowRefused
from engine.preset.schema import DatasetConfig
from engine.sample import Sample, Steps

MARKER = "ки"
_FIRST_STEP = re.compile(r"Step 1\s*:")


def field_names(config: DatasetConfig) -> tuple[str, str]:
    """The columns of the marked text and of its labels."""
    return config.column("input"), config.field_labels or "label"


def looks_like(row: Mapping[str, Any], config: DatasetConfig) -> bool:
    """Whether `row` is in this layout."""
    source, label = (row.get(field) for field in field_names(config))
    return isinstance(source, str) and isinstance(label, str) and MARKER in source and MARKER not in label


def math_shepherd(config: DatasetConfig, reason: str, name: str = "stepwise_supervised.math_shepherd") -> Format:
    """Steps from Math-Shepherd's two columns."""
    source_field, label_field = field_names(config)

    def read(row: Mapping[str, Any], findings: list[Finding]) -> tuple[Sample, ...]:
        source, judged = text(row, source_field), text(row, label_field)
        pieces = source.split(MARKER)
        if len(pieces) == 1:
            raise RowRefused("missing-field", f"`{source_field}` holds no step marker {MARKER!r}")
        first = _FIRST_STEP.search(pieces[0])
        if first is None:
            raise RowRefused("missing-field", f"`{source_field}` has no 'Step 1:' before its first {MARKER!r}")
        prompt = source[: first.start()].rstrip()
        note_empty_prompt(prompt, source_field, findings)
        steps: list[str] = []
        offsets: list[int] = []
        labels: list[float | None] = []
        start, place = first.start(), 0
        for piece in pieces[:-1]:
            end = place + len(piece)
            step = source[start:end]
            steps.append(step.strip())
            offsets.append(start + len(step) - len(step.lstrip()))
            # A mark is one character where the marker is two, so the texts drift apart by one with each step.
            labels.append(_mark(judged, end - len(labels) * (len(MARKER) - 1), label_field, len(labels)))
            start = place = end + len(MARKER)
        if source[start:].strip():
            raise RowRefused("label-count", f"`{source_field}` has a step after its last {MARKER!r}, without a label")
        fields = (source_field,) * len(steps)
        return (Steps(prompt, tuple(steps), tuple(labels), source_field, fields, tuple(offsets)),)

    return Format(name, reason, "steps", (source_field, label_field), False, read)


def _mark(judged: str, place: int, field: str, step: int) -> float:
    mark = judged[place : place + 1]
    if mark not in ("+", "-") or not mark:
        raise RowRefused("label-value", f"`{field}` has no + or - where step {step + 1} ends (character {place})")
    return float(mark == "+")
