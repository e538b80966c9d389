"""Encodings to padded tensors: one sequence a row, padded on the right."""

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import torch
from torch import Tensor

from engine.batch.schedule import SlottedRow
from engine.encode.encoding import MASKED, PairEncoding, StepsEncoding
from engine.sample import SampleId


class Batch(TypedDict):
    """What one micro-batch gives the model and the objective, whatever its layout.

    `input_ids` and `attention_mask` have shape (sequences, longest). A pack (engine/batch/pack.py) has `input_ids` and
    `position_ids` of shape (1, tokens) and its plan, `pack`, in place of a mask. `read` holds the flat
    positions in them where the head reads. For pairs these are first every pair's chosen side, then every rejected
    one, (2 * pairs,), with `margin` and `weight` of shape (pairs,); for steps every judged step's token, (steps,), with
    `labels` and `weight` of shape (steps,). `weight` is 1.0, or 0.0 for a filler's.

    `rows` says where each row comes from, `items` how many items (pairs: 1, or judged steps) each has; `tokens` counts
    the tokens of the rows' sequences (but not of a filler's), `computed` the positions that go through the model,
    `padding` the padding among them; `longest` is the length of the longest sequence.
    """

    input_ids: Tensor
    attention_mask: NotRequired[Tensor]
    position_ids: NotRequired[Tensor]
    pack: NotRequired[Any]
    read: Tensor
    weight: Tensor
    margin: NotRequired[Tensor]
    labels: NotRequired[Tensor]
    rows: list[SampleId]
    items: list[int]
    tokens: int
    computed: int
    padding: int
    longest: int


class PadCollator:
    """Lays rows out padded. `pad_id` fills the places that the attention mask hides."""

    def __init__(self, pad_id: int) -> None:
        self._pad_id = pad_id

    def __call__(self, rows: Sequence[SlottedRow]) -> Batch:
        """The batch of these rows, all pairs or all steps."""
        sequences, read = sequences_of(rows)
        width = max(len(ids) for ids in sequences)
        input_ids = torch.full((len(sequences), width), self._pad_id)
        attention_mask = torch.zeros((len(sequences), width), dtype=torch.long)
        for i, ids in enumerate(sequences):
            input_ids[i, : len(ids)] = torch.tensor(ids)
            attention_mask[i, : len(ids)] = 1
        filled = sum(len(ids) for ids in sequences)
        batch = Batch(
            input_ids=input_ids,
            attention_mask=attention_mask,
            read=torch.tensor([sequence * width + position for sequence, position in read], dtype=torch.long),
            rows=[row.id for row, _ in rows],
            items=[],
            weight=torch.empty(0),
            tokens=counted_tokens(rows),
            computed=input_ids.numel(),
            padding=input_ids.numel() - filled,
            longest=width,
        )
        add_targets(batch, rows)
        return batch


def sequences_of(rows: Sequence[SlottedRow]) -> tuple[list[list[int]], list[tuple[int, int]]]:
    """The token sequences of the rows, and where the head reads, as (sequence, position), in `Batch.read`'s order."""
    encodings = [row.encoding for row, _ in rows]
    pairs = [encoding for encoding in encodings if isinstance(encoding, PairEncoding)]
    steps = [encoding for encoding in encodings if isinstance(encoding, StepsEncoding)]
    if len(pairs) == len(rows):
        pooled = [pair.chosen_pooled for pair in pairs] + [pair.rejected_pooled for pair in pairs]
        return [pair.chosen_ids for pair in pairs] + [pair.rejected_ids for pair in pairs], list(enumerate(pooled))
    if len(steps) == len(rows):
        judged = [(i, at) for i, s in enumerate(steps) for at, label in enumerate(s.labels) if label != MASKED]
        return [s.input_ids for s in steps], judged
    raise TypeError("a batch holds pairs or steps, all of one kind")


def up_to_last_read(sequences: Sequence[list[int]], read: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The sequences, each cut after the last of its tokens that the head reads: all that a causal model needs."""
    ends = {sequence: position + 1 for sequence, position in sorted(read)}
    return [ids[: ends.get(i)] for i, ids in enumerate(sequences)]


def counted_tokens(rows: Sequence[SlottedRow]) -> int:
    """The tokens of the rows' sequences, fillers left out."""
    return sum(len(ids) for row in rows if not row.filler for ids in sequences_of([row])[0])


def items_of(row: SlottedRow) -> int:
    """The items that a row adds to a step: one pair, or its judged steps; none if it is a filler."""
    encoding = row.row.encoding
    if row.filler:
        return 0
    return sum(label != MASKED for label in encoding.labels) if isinstance(encoding, StepsEncoding) else 1


def add_targets(batch: Batch, rows: Sequence[SlottedRow]) -> None:
    """Add what the objective needs to a batch: margins or labels, weights, and how many of them a row has."""
    weights: list[float] = []
    margins: list[float | None] = []
    labels: list[float] = []
    for row, filler in rows:
        if isinstance(row.encoding, PairEncoding):
            weights.append(float(not filler))
            batch["items"].append(1)
            margins.append(row.encoding.margin)
        elif isinstance(row.encoding, StepsEncoding):
            judged = [float(label) for label in row.encoding.labels if label != MASKED]
            labels += judged
            weights += [float(not filler)] * len(judged)
            batch["items"].append(len(judged))
    batch["weight"] = torch.tensor(weights)
    if labels or not margins:
        batch["labels"] = torch.tensor(labels)
    elif any(margin is not None for margin in margins):
        batch["margin"] = torch.tensor([margin or 0.0 for margin in margins])
