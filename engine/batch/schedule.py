"""Which rows train together: drawn from the seed, each once an epoch, the same for any number of processes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import torch
from torch.utils.data import Dataset, Sampler

from engine.encode.encoding import EncodedRow


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a micro-batch: row `index` of the set. A filler stands where a process would be left without rows:
    it goes through the model, so that the processes stay in step, and counts for nothing.
    """

    index: int
    filler: bool = False


class SlottedRow(NamedTuple):
    """A row as the collator receives it."""

    row: EncodedRow
    filler: bool


class SlottedRows(Dataset[SlottedRow]):
    """A set's rows, fetched by slot."""

    def __init__(self, rows: Sequence[EncodedRow]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, slot: Slot) -> SlottedRow:
        return SlottedRow(self.rows[slot.index], slot.filler)


@dataclass(frozen=True, slots=True)
class Share:
    """How a global batch is divided: `micro` rows at a time, `accumulation` times a step, over `processes`."""

    micro: int
    accumulation: int = 1
    processes: int = 1
    process: int = 0

    @property
    def rows(self) -> int:
        """Rows in a global batch."""
        return self.micro * self.accumulation * self.processes


class Schedule(Sampler[list[Slot]]):
    """One process's micro-batches of an epoch, as a batch sampler.

    Global batch k of an epoch holds rows k * share.rows onwards of the epoch's order, however many processes share it,
    so the loss and the gradient of a step do not depend on their number. The order is drawn from (seed, epoch) alone,
    so a resumed run needs no random state to go on with the same rows; `seed=None` keeps the rows in source order.
    """

    def __init__(self, rows: int, share: Share, seed: int | None) -> None:
        self._rows = rows
        self._share = share
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration goes through."""
        self._epoch = epoch

    def order(self) -> Sequence[int]:
        """The rows of the chosen epoch, in the order in which they train."""
        if self._seed is None:
            return range(self._rows)
        # Spread by a large odd number: neighbouring seeds must not share their epochs.
        generator = torch.Generator().manual_seed((self._seed * 1_000_003 + self._epoch) % 2**63)
        order: list[int] = torch.randperm(self._rows, generator=generator).tolist()
        return order

    def __iter__(self) -> Iterator[list[Slot]]:
        order, together = self.order(), self._share.micro * self._share.processes
        for start in range(0, len(order), together):
            begin = start + self._share.process * self._share.micro
            mine = order[begin : min(begin + self._share.micro, start + together)]
            yield [Slot(index) for index in mine] or [Slot(order[start], filler=True)]

    def __len__(self) -> int:
        """Micro-batches of this process in an epoch."""
        return ceil(self._rows / (self._share.micro * self._share.processes))
