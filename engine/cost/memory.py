"""The memory of a training, by part.

What a layer keeps of every position for the backward pass was measured, family by family, as the bytes of the tensors
that autograd saves: it is linear in the layer's widths. Tests hold it against autograd, and say how near it comes.
"""

from dataclasses import dataclass
from typing import Literal

from engine.cost.shape import ModelShape

Format = Literal["fp32", "mixed", "half"]
"""fp32 throughout; half precision computed on fp32 weights; or half precision throughout."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes that a layer keeps of a position, for each unit of its widths; `paths` for each key unit of a token that
    attends to a shared beginning, which is laid beside it.
    """

    hidden: float
    queries: float
    keys: float
    paths: float
    inner: float


IN_PACKS: dict[Format, Kept] = {
    "fp32": Kept(24, 12, 8, 8, 16),
    "mixed": Kept(26.5, 7, 1, 4, 8),
    "half": Kept(16, 6, 4, 4, 8),
}
PADDED: dict[Format, Kept] = {
    "fp32": Kept(25, 15, 5, 0, 16),
    "mixed": Kept(27, 9, 0, 0, 8),
    "half": Kept(16.5, 7.5, 2.5, 0, 8),
}
QUERY_KEY_NORM: dict[Format, float] = {"fp32": 8, "mixed": 6, "half": 6}
FOUR_NORMS: dict[Format, float] = {"fp32": 16, "mixed": 16, "half": 20}
ROUTED: dict[Format, float] = {"fp32": 16, "mixed": 14.5, "half": 8.5}
UNGATED: dict[Format, float] = {"fp32": 135, "mixed": 72, "half": 68}
"""Of an ungated feed-forward part four times as wide as the layer, all in all, for each hidden unit."""

PLAIN_FAMILIES = {"llama", "mistral", "qwen2", "phi3", "smollm3", "starcoder2"}
NORMED_FAMILIES = {"qwen3", "qwen3_moe", "gemma3_text", "gemma3"}
FOUR_NORM_FAMILIES = {"gemma2", "gemma3_text", "gemma3"}
ROUTED_FAMILIES = {"mixtral", "qwen3_moe", "qwen2_moe"}
UNGATED_FAMILIES = {"gpt2"}
MEASURED = (PLAIN_FAMILIES | NORMED_FAMILIES | ROUTED_FAMILIES | UNGATED_FAMILIES) - {"gemma2"}
"""Families that the figures above are of; others are taken for the plain one. Gemma 2 caps its attention weights, and
keeps all of them for that: how many depends on lengths that are not known here.
"""

WORKING = 0.4
"""What the backward pass works with, as a share of what one layer keeps."""

STATE_BYTES = {"adafactor": 0, "sgd": 0, "lomo": 0, "adalomo": 0, "adagrad": 4, "rmsprop": 4, "lion_32bit": 4}
"""Bytes of optimizer state a trained weight, where they are not those of Adam (8; 2 in 8 bits, 1 in 4)."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on a device, by part. `peak` is the most that is there at one time: gradients grow while activations go,
    unless several micro-batches sum theirs up.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    summed: bool

    @property
    def peak(self) -> int:
        """The most at one time. What the device's libraries take for themselves is not in it."""
        together = self.gradients + self.activations if self.summed else max(self.gradients, self.activations)
        return self.weights + self.optimizer + together


def optimizer_bytes(optimizer: str) -> int:
    """Bytes of state that an optimizer keeps for each trained weight."""
    if optimizer in STATE_BYTES:
        return STATE_BYTES[optimizer]
    half = 1 if "lion" in optimizer or "rmsprop" in optimizer else 2
    if "8bit" in optimizer:
        return half
    return 1 if "4bit" in optimizer else 4 * half


def activation_bytes(
    shape: ModelShape, positions: float, tokens: float, computing: Format, *, packed: bool, checkpointed: bool
) -> float:
    """What is kept of a micro-batch for its backward pass.

    `positions` go through the model; `tokens` are those of its sequences, each counted in full: where they are more,
    beginnings are shared. The last layer of a pack computes little more than keys and values.
    """
    kept = (IN_PACKS if packed else PADDED)[computing]
    layer = _of_layer(shape, computing, kept) * positions
    if tokens > positions:
        layer += kept.paths * shape.keys * tokens
    narrow = 4 if computing == "fp32" else 2
    rotary = 16 * shape.queries / max(1, shape.heads)
    ends = (rotary + 60) * positions + WORKING * layer
    if checkpointed:
        return shape.layers * narrow * shape.hidden * positions + layer + ends
    last = (12 * shape.hidden + 2 * narrow * shape.keys) * positions if packed else layer + 8 * shape.hidden * positions
    return (shape.layers - 1) * layer + last + ends


def _of_layer(shape: ModelShape, computing: Format, kept: Kept) -> float:
    """Bytes that a layer keeps of a position."""
    if shape.family in UNGATED_FAMILIES:
        return UNGATED[computing] * shape.hidden
    inner = kept.inner
    hidden = kept.hidden
    heads = 0.0
    if shape.family in ROUTED_FAMILIES:
        hidden += ROUTED[computing]
        inner = 16 if computing != "half" else 8
    if shape.family in FOUR_NORM_FAMILIES:
        hidden += FOUR_NORMS[computing]
    if shape.family in NORMED_FAMILIES:
        heads = QUERY_KEY_NORM[computing]
    return (
        hidden * shape.hidden
        + (kept.queries + heads) * shape.queries
        + (kept.keys + heads) * shape.keys
        + inner * shape.inner
    )
