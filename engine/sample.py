"""A sample: what a format makes of a row, still text, before any tokenizer has seen it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Split = Literal["train", "eval"]
"""Which of a preset's rows: those that train, or those set aside to evaluate."""

Message = Mapping[str, Any]
"""A chat message as a chat template receives it: `role`, `content`, and whatever else the row holds."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One side of a pair as chat messages, rendered by a chat template.

    `messages[answer_start:]` is what differs between the two sides: the answer that the reward judges. `fields` has
    for each message the column (or dotted path) of the row that its content came from, "" where unknown.
    """

    messages: tuple[Message, ...]
    answer_start: int
    tools: tuple[Any, ...] | None = None
    template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlainText:
    """One side of a pair as text: the prompt directly followed by the answer.

    `append_eos`: EOS is added where the answer does not end in it. `add_special_tokens`: the tokenizer adds its own
    (BOS). `*_field` is the column that the text came from, "" where unknown. `marks` say more where a format wrote
    the text itself: (start, end, role, column) of each passage of the joined text that came from the row.
    """

    prompt: str
    answer: str
    append_eos: bool = True
    add_special_tokens: bool = True
    prompt_field: str = ""
    answer_field: str = ""
    marks: tuple[tuple[int, int, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TokenIds:
    """One side of a pair that the row brings already tokenised."""

    ids: tuple[int, ...]


Side = Conversation | PlainText | TokenIds


@dataclass(frozen=True, slots=True)
class Pair:
    """A Bradley-Terry pair: the chosen side is preferred over the rejected one, by `margin` where given."""

    chosen: Side
    rejected: Side
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class Steps:
    """A stepwise-supervised sample.

    `labels` has one entry a step: 0.0 or 1.0 (hard), a probability between (soft), or None (not judged, masked).
    A `prompt` that is a Conversation is rendered by the chat template, with the steps inside the assistant turn.
    `step_fields` and `step_offsets` say where in the row each step's text begins: column (or dotted path), character.
    """

    prompt: "str | Conversation"
    steps: tuple[str, ...]
    labels: tuple[float | None, ...]
    prompt_field: str = ""
    step_fields: tuple[str, ...] = ()
    step_offsets: tuple[int, ...] = ()


Sample = Pair | Steps


@dataclass(frozen=True, slots=True, order=True)
class SampleId:
    """Where a sample comes from: data set (position in the preset), row of it, and item (a row may give several)."""

    dataset: int
    row: int
    item: int = 0
