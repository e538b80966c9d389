"""The loader of a trainer's rows, and what it gives."""

from collections.abc import Callable, Sequence

import torch
from torch.utils.data import DataLoader

from engine.batch.pad import Batch
from engine.batch.schedule import Schedule, SlottedRow, SlottedRows

Collate = Callable[[Sequence[SlottedRow]], Batch]

WHOLE = "whole"
"""What a step's rows are called among a loader's items, where they are cut into micro-batches by tokens."""


class ScheduledLoader(DataLoader[SlottedRow]):
    """A loader over a Schedule that passes the epoch on. It gives the batches that `collate` makes; without, the rows
    of whole steps.
    """

    def __init__(self, rows: SlottedRows, schedule: Schedule, collate: Collate | None, pin_memory: bool) -> None:
        super().__init__(
            rows,
            batch_sampler=schedule,
            collate_fn=collate or _whole,
            pin_memory=pin_memory,
            # Its own: beginning to go through it must not take a number from the model's.
            generator=torch.Generator(),
        )
        self._schedule = schedule

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration."""
        self._schedule.set_epoch(epoch)


def _whole(rows: Sequence[SlottedRow]) -> dict[str, Sequence[SlottedRow]]:
    return {WHOLE: rows}
