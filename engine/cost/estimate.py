"""What a training will cost: steps, tokens with and without padding, and memory by part."""

from dataclasses import dataclass

from engine.cost.counts import TokenCounts
from engine.cost.load import Load
from engine.cost.memory import (
    MEASURED,
    MEASURED_ADAPTED,
    Adapted,
    Format,
    Memory,
    activation_bytes,
    checkpoint_bytes,
    optimizer_bytes,
)
from engine.cost.plan import plan
from engine.cost.shape import Matrix, ModelShape
from engine.preset.schema import Preset

FITTED = 8
"""How often the rows that a budget of tokens holds are told from what they compute, and that from them."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of a whole training: optimizer `steps` and the `load` they put through the model; `memory` is None where the
    model's shape is not known, and only rough where not `measured`.
    """

    steps: int
    load: Load
    memory: Memory | None
    measured: bool


def estimate(
    preset: Preset, rows: int, load: Load, shape: ModelShape | None, *, half: bool, packed: bool, processes: int = 1
) -> Estimate:
    """The estimate for a training set of `rows` rows. `half` says whether the device computes in half precision,
    `packed` whether batches are packs.
    """
    told = None
    if shape:
        tokens = load.largest_tokens if packed else load.largest
        told = memory(preset, shape, load.largest, tokens, half=half, packed=packed)
    return Estimate(plan(preset, rows, processes).steps, load, told, shape is not None and is_measured(preset, shape))


def expected_load(preset: Preset, counts: TokenCounts, *, packed: bool, processes: int = 1) -> Load:
    """The load of a training as far as the counts of its rows tell it, whatever their order will be."""
    planned = plan(preset, counts.rows, processes)
    epochs = planned.steps / planned.steps_per_epoch
    micro = preset.micro_batch_size
    a_step = micro * preset.gradient_accumulation_steps
    padded = counts.padded(micro)
    largest = counts.largest_pack(micro, planned.micro_batches * processes)
    if not packed:
        largest = min(counts.rows, micro) * counts.sequences / max(1, counts.rows) * max(counts.longest, default=0)
    by_prompt = preset.shuffle_by == "prompt" or not preset.shuffle_merged_datasets
    at_once: float = micro
    in_packs, apart = counts.in_packs(micro, a_step * processes, by_prompt=by_prompt)
    if preset.micro_batch_tokens:
        step = largest * preset.gradient_accumulation_steps
        largest = max(min(step, preset.micro_batch_tokens), max(counts.computed, default=0))
        for _ in range(FITTED):
            at_once = min(a_step, max(1.0, preset.micro_batch_tokens * counts.rows / max(1.0, in_packs)))
            in_packs, apart = counts.in_packs(at_once, a_step * processes, by_prompt=by_prompt)
    tokens_a_position = apart / max(1.0, in_packs) if packed else 1.0
    if packed and not preset.micro_batch_tokens:
        # What rows of a micro-batch share makes the largest one smaller too.
        largest = max(largest * in_packs / max(1, counts.packed), max(counts.computed, default=0))
    return Load(
        tokens=round(counts.tokens * epochs),
        computed=round((in_packs if packed else padded) * epochs),
        padded=round(padded * epochs),
        largest=round(largest),
        largest_tokens=round(largest * tokens_a_position),
    )


def memory(preset: Preset, shape: ModelShape, positions: float, tokens: float, *, half: bool, packed: bool) -> Memory:
    """The memory of a training on one device, for micro-batches of so many positions and tokens."""
    trained, held = trained_weights(preset, shape), 4.0
    computing: Format = "mixed" if half else "fp32"
    if half and (preset.adapter or preset.bf16 == "full"):
        held, computing = 2.0, "half"
    if preset.adapter == "qlora" or preset.load_in_4bit:
        held = 0.56
    elif preset.load_in_8bit:
        held = 1.0
    beside = trained * 4 if preset.adapter else 0
    wide = 2 if computing == "half" and not preset.adapter else 4
    kept = activation_bytes(
        shape,
        positions,
        tokens,
        computing,
        packed=packed,
        checkpointed=bool(preset.gradient_checkpointing),
        adapted=Adapted(preset.lora_r, adapted_matrices(preset, shape)) if preset.adapter else None,
    )
    last = 0.0
    if preset.gradient_checkpointing:
        earlier = trained * wide * (shape.layers - 1) / shape.layers
        last = kept - checkpoint_bytes(shape, positions, computing) + earlier
    if computing == "mixed":
        # Autocast keeps a half-precision copy of the matrices until the backward pass is over.
        kept += 2 * sum(count * inputs * outputs for _, inputs, outputs, count in shape.matrices)
    several = preset.gradient_accumulation_steps > 1 or bool(preset.micro_batch_tokens)
    return Memory(
        weights=round(shape.parameters * held + beside),
        gradients=round(trained * wide),
        optimizer=round(trained * optimizer_bytes(preset.optimizer) * wide / 4),
        activations=round(kept),
        summed=several,
        at_last=round(last),
    )


def trained_weights(preset: Preset, shape: ModelShape) -> int:
    """The weights that training changes: all, or those of the adapter and the head."""
    head = shape.hidden * int(preset.num_labels or 1)
    if not preset.adapter:
        return shape.parameters + head
    beside = [count * (inputs + outputs) for _, inputs, outputs, count in adapted_matrices(preset, shape)]
    return preset.lora_r * sum(beside) + head


def adapted_matrices(preset: Preset, shape: ModelShape) -> tuple[Matrix, ...]:
    """The matrices that the preset's adapter stands beside."""
    targets = () if preset.lora_target_linear else tuple(preset.lora_target_modules or ())
    return tuple(matrix for matrix in shape.matrices if not targets or matrix[0] in targets)


def computes_in_half(preset: Preset, *, gpu: bool) -> bool:
    """Whether training computes in half precision, on a GPU or without one, as far as the preset tells."""
    automatic = preset.bf16 == "auto" and not preset.fp16
    return gpu and preset.device != "cpu" if automatic else bool(preset.bf16 or preset.fp16)


def tokens_in_words(told: Estimate) -> str:
    """`1,250,000 tokens, about 480,000 computed (padded: about 1,610,000)`, over the whole training."""
    about = "" if told.load.exact else "about "
    return f"{told.load.tokens:,} tokens, {about}{told.load.computed:,} computed (padded: {about}{told.load.padded:,})"


def is_measured(preset: Preset, shape: ModelShape) -> bool:
    """Whether the memory of such a training was measured: of the model's family, with an adapter if there is one."""
    return shape.family in (MEASURED_ADAPTED if preset.adapter else MEASURED)


def memory_in_words(told: Estimate) -> str:
    """`about 3.2 GiB at most (weights 1.0 GiB, …), 4,213 tokens at once`; empty where it is not known."""
    if told.memory is None:
        return ""
    parts = ("weights", "gradients", "optimizer", "activations")
    sizes = ", ".join(f"{part} {_size(getattr(told.memory, part))}" for part in parts)
    sure = "about" if told.measured else "very roughly"
    return f"{sure} {_size(told.memory.peak)} at most ({sizes}), {told.load.largest:,} tokens at once"


def _size(size: int) -> str:
    mib = size / 2**20
    return f"{mib / 1024:.1f} GiB" if mib >= 1000 else f"{mib:.0f} MiB" if mib >= 10 else f"{mib:.1f} MiB"
