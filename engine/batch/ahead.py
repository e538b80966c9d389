"""What a training puts through the model, told from the order that its first epoch has."""

from collections.abc import Iterator, Sequence

from engine.batch.divide import divide, sequences_of_row
from engine.batch.pack import PackCollator
from engine.batch.pad import PadCollator
from engine.batch.schedule import Share, SlottedRow, epoch_order, longest_of, prompts_of, schedule_of
from engine.cost.load import Load
from engine.cost.plan import Plan
from engine.encode.kept import KeptRows
from engine.preset.schema import Preset

EXAMINED = 4_000
"""Rows whose micro-batches are laid out to be counted: of a longer epoch, whole steps at even distances."""


def load_ahead(preset: Preset, rows: KeptRows, planned: Plan, *, packed: bool, processes: int) -> Load:
    """The load of a training: exact where it is no longer than an epoch that can be laid out, else told from that."""
    a_step = preset.micro_batch_size * preset.gradient_accumulation_steps * processes
    steps = min(planned.steps, planned.steps_per_epoch)
    epochs = planned.steps / steps
    seed = preset.seed if preset.shuffle_merged_datasets else None
    share = Share(preset.micro_batch_size, preset.gradient_accumulation_steps, processes)
    order = schedule_of(rows, share, seed, shuffle_by=preset.shuffle_by, packed=packed).order()[: steps * a_step]
    shuffled = epoch_order(len(rows), seed, 0, prompts_of(rows) if preset.shuffle_by == "prompt" else None)
    sequences = 2 if len(rows.side_lengths()[1]) else 1
    width = longest_of(rows)
    batches = [shuffled[i : i + share.micro] for i in range(0, len(order), share.micro)]
    padded = sum(sequences * len(batch) * int(width[batch].max()) for batch in batches)

    taken = [order[i : i + a_step] for i in range(0, len(order), a_step)]
    examined = taken[:: max(1, len(order) // EXAMINED)]
    collate = PackCollator() if packed else PadCollator(0)
    computed = largest = largest_tokens = 0
    for step in examined:
        slotted = [SlottedRow(rows[row], False) for row in step.tolist()]
        for micro_batch in _micro_batches(preset, slotted, packed=packed, processes=processes):
            batch = collate(micro_batch)
            computed += batch["computed"]
            if batch["computed"] > largest:
                largest, largest_tokens = batch["computed"], _different(micro_batch)
    scale = len(order) / sum(map(len, examined)) * epochs
    return Load(
        tokens=round(int(rows.lengths()[order].sum()) * epochs),
        computed=round(computed * scale),
        padded=round(padded * epochs),
        largest=largest,
        largest_tokens=largest_tokens,
        exact=scale == 1,
    )


def _different(rows: Sequence[SlottedRow]) -> int:
    """The tokens of the rows' sequences, those that are equal counted once."""
    return sum(map(len, {tuple(ids) for row in rows for ids in sequences_of_row(row)}))


def _micro_batches(
    preset: Preset, step: Sequence[SlottedRow], *, packed: bool, processes: int
) -> Iterator[Sequence[SlottedRow]]:
    """The micro-batches of a step's rows, on all processes."""
    if not preset.micro_batch_tokens:
        for start in range(0, len(step), preset.micro_batch_size):
            yield step[start : start + preset.micro_batch_size]
        return
    for parts in divide(step, preset.micro_batch_tokens, packed=packed, processes=processes):
        yield from parts
