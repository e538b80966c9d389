"""How long a training is."""

import math
from dataclasses import dataclass

from engine.preset.schema import Preset


@dataclass(frozen=True, slots=True)
class Plan:
    """How long a training is: micro-batches of a process in an epoch, optimizer steps in an epoch and in all."""

    micro_batches: int
    steps_per_epoch: int
    steps: int


def plan(preset: Preset, rows: int, processes: int) -> Plan:
    """The plan for a training set of `rows` rows on that many processes."""
    micro_batches = math.ceil(rows / (preset.micro_batch_size * processes))
    steps_per_epoch = max(1, math.ceil(micro_batches / preset.gradient_accumulation_steps))
    steps = preset.max_steps or math.ceil(steps_per_epoch * preset.num_epochs)
    return Plan(micro_batches, steps_per_epoch, steps)
