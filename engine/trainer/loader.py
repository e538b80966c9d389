"""The loader of a trainer's rows."""

import torch
from torch.utils.data import DataLoader

from engine.batch.schedule import Schedule, SlottedRow, SlottedRows


class ScheduledLoader(DataLoader[SlottedRow]):
    """Gives the rows that a Schedule puts together, as lists, and passes the epoch on to it."""

    def __init__(self, rows: SlottedRows, schedule: Schedule) -> None:
        # A generator of its own: beginning to go through it must not take a number from the model's.
        super().__init__(rows, batch_sampler=schedule, collate_fn=list, generator=torch.Generator())
        self._schedule = schedule

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration."""
        self._schedule.set_epoch(epoch)
