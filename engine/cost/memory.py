"""The memory of a training, by part.

What a layer keeps of every position for the backward pass was measured, family by family, as the bytes of the tensors
that autograd saves: it is linear in the layer's widths. Tests hold it against autograd, and say how near it comes.
"""

from dataclasses import dataclass
from typing import Literal

from engine.cost.shape import Matrix, ModelShape

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

UNGATED_FROZEN: dict[Format, float] = {"fp32": 36, "mixed": 18, "half": 18}
"""The part of it that is kept for the weights alone."""

BESIDE = {"k_proj": "q_proj", "v_proj": "q_proj", "up_proj": "gate_proj"}
"""Modules that take the same input as another."""

PLAIN_FAMILIES = {"llama", "mistral", "qwen2", "phi3", "smollm3", "starcoder2"}
NORMED_FAMILIES = {"qwen3", "qwen3_moe", "gemma3_text", "gemma3"}
FOUR_NORM_FAMILIES = {"gemma2", "gemma3_text", "gemma3"}
ROUTED_FAMILIES = {"mixtral", "qwen3_moe", "qwen2_moe"}
UNGATED_FAMILIES = {"gpt2"}
MEASURED = (PLAIN_FAMILIES | NORMED_FAMILIES | ROUTED_FAMILIES | UNGATED_FAMILIES) - {"gemma2"}
"""Families that the figures above are of; others are taken for the plain one. Gemma 2 caps its attention weights, and
keeps all of them for that: how many depends on lengths that are not known here.
"""

MEASURED_ADAPTED = MEASURED - ROUTED_FAMILIES
"""Families that are told as surely with an adapter. One beside the experts makes whole matrices of its own."""

WORKING = 0.4
"""What the backward pass works with, as a share of what one layer keeps."""
WORKING_ON_LITTLE = 0.27
"""The same of packs that are computed again layer by layer, and of ungated layers that are."""

STATE_BYTES = {"adafactor": 0, "sgd": 0, "lomo": 0, "adalomo": 0, "adagrad": 4, "rmsprop": 4, "lion_32bit": 4}
"""Bytes of optimizer state a trained weight, where they are not those of Adam (8; 2 in 8 bits, 1 in 4)."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on a device, by part. `peak` is the most that is there at one time: gradients grow while activations go,
    unless several micro-batches sum theirs up. `at_last` is there when the last gradients come, they included: a layer
    that is computed again has all of its activations then.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    summed: bool
    at_last: int = 0

    @property
    def peak(self) -> int:
        """The most at one time. What the device's libraries take for themselves is not in it."""
        apart = max(self.gradients, self.activations, self.at_last)
        moving = self.gradients + self.activations if self.summed else apart
        return self.weights + self.optimizer + moving


def optimizer_bytes(optimizer: str) -> int:
    """Bytes of state that an optimizer keeps for each trained weight."""
    if optimizer in STATE_BYTES:
        return STATE_BYTES[optimizer]
    half = 1 if "lion" in optimizer or "rmsprop" in optimizer else 2
    if "8bit" in optimizer:
        return half
    return 1 if "4bit" in optimizer else 4 * half


@dataclass(frozen=True, slots=True)
class Adapted:
    """An adapter on frozen weights: its rank, and the modules that it stands beside."""

    rank: int
    modules: tuple[Matrix, ...]


def activation_bytes(
    shape: ModelShape,
    positions: float,
    tokens: float,
    computing: Format,
    *,
    packed: bool,
    checkpointed: bool,
    adapted: Adapted | None = None,
) -> float:
    """What is kept of a micro-batch for its backward pass.

    `positions` go through the model; `tokens` are those of its different sequences, each counted in full: where they
    are more, beginnings are shared. The last layer of a pack computes little more than keys and values, where the
    family's can be pruned (GPT-2's cannot).
    """
    kept = (IN_PACKS if packed else PADDED)[computing]
    whole = _of_layer(shape, computing, kept)
    a_position = whole
    if adapted:
        a_position += _by_adapter(shape, computing, adapted, packed) - _not_kept_of_frozen(shape, computing, packed)
    paths = kept.paths * shape.keys * tokens if tokens > positions else 0.0
    layer = a_position * positions + paths
    narrow = _narrow(computing)
    rotary = 16 * shape.queries / max(1, shape.heads)
    little = checkpointed and (packed or shape.family in UNGATED_FAMILIES) and shape.family not in ROUTED_FAMILIES
    working = WORKING_ON_LITTLE if little else WORKING
    ends = (rotary + 60) * positions + working * (whole * positions + paths)
    if checkpointed:
        return checkpoint_bytes(shape, positions, computing) + layer + ends
    pruned = packed and shape.family not in UNGATED_FAMILIES
    last = (12 * shape.hidden + 2 * narrow * shape.keys) * positions if pruned else layer + 8 * shape.hidden * positions
    return (shape.layers - 1) * layer + last + ends


def checkpoint_bytes(shape: ModelShape, positions: float, computing: Format) -> float:
    """What of the activations stays where layers are computed again: what goes into each."""
    return shape.layers * _narrow(computing) * shape.hidden * positions


def _narrow(computing: Format) -> int:
    """Bytes of a number as it is computed with."""
    return 4 if computing == "fp32" else 2


def _not_kept_of_frozen(shape: ModelShape, computing: Format, packed: bool) -> float:
    """Bytes of a position that a layer keeps only to train its own weights: what goes into its matrices and norms."""
    narrow = _narrow(computing)
    hidden, queries, keys = 4.0 * narrow, narrow * float(packed), 0.0
    if shape.family in UNGATED_FAMILIES:
        return UNGATED_FROZEN[computing] * shape.hidden
    if shape.family in FOUR_NORM_FAMILIES:
        hidden += 8 if computing == "fp32" else 12
    if shape.family in ROUTED_FAMILIES:
        hidden += 2 * narrow
    if shape.family in NORMED_FAMILIES:
        queries, keys = queries + narrow, keys + narrow
    return hidden * shape.hidden + queries * shape.queries + keys * shape.keys + narrow * shape.inner


def _by_adapter(shape: ModelShape, computing: Format, adapted: Adapted, packed: bool) -> float:
    """Bytes of a position that a layer keeps for its adapter: what goes into each of its modules, and what its first
    half makes of it. In fp32 modules beside each other go by one copy; in half precision each has its own.
    """
    narrow = _narrow(computing)
    inputs: dict[str, float] = {}
    of_rank = 0.0
    for name, size, _, count in adapted.modules:
        of_rank += adapted.rank * count / shape.layers
        if computing == "fp32":
            if packed or name != "o_proj":
                inputs[BESIDE.get(name, name)] = size
        else:
            inputs[name] = inputs.get(name, 0.0) + size * count / shape.layers
    return narrow * (sum(inputs.values()) + of_rank)


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
