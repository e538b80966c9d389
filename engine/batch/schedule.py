"""Which rows train together: drawn from the seed, each once an epoch, the same for any number of processes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset, Sampler

from engine.encode.encoding import EncodedRow
from engine.encode.kept import kept_rows
from engine.encode.prompt import NO_PROMPT
from engine.preset.schema import ShuffleBy

Numbers = npt.NDArray[np.int64]


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
    so the loss and the gradient of a step do not depend on their number. The order is `epoch_order`'s; with `near`,
    a number for each row, those of a global batch come into its micro-batches by ascending number, so that rows that
    are cheap together meet.
    """

    def __init__(
        self, rows: int, share: Share, seed: int | None, *, prompts: Numbers | None = None, near: Numbers | None = None
    ) -> None:
        self._rows = rows
        self._share = share
        self._seed = seed
        self._prompts = prompts
        self._near = near
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration goes through."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[list[Slot]]:
        order, together = self.order(), self._share.micro * self._share.processes
        for start in range(0, len(order), together):
            begin = start + self._share.process * self._share.micro
            mine = order[begin : min(begin + self._share.micro, start + together)].tolist()
            yield [Slot(index) for index in mine] or [Slot(int(order[start]), filler=True)]

    def order(self) -> Numbers:
        """The rows of the chosen epoch, in the order in which they come into micro-batches."""
        order = epoch_order(self._rows, self._seed, self._epoch, self._prompts)
        return order if self._near is None else near_in_steps(order, self._share.rows, self._near)

    def __len__(self) -> int:
        """Micro-batches of this process in an epoch."""
        return ceil(self._rows / (self._share.micro * self._share.processes))


def epoch_order(rows: int, seed: int | None, epoch: int, prompts: Numbers | None = None) -> Numbers:
    """The rows in the order in which an epoch trains them; with `seed=None`, that in which they are.

    Drawn from (seed, epoch) alone, so that a resumed run needs no random state to go on with the same rows. With
    `prompts`, a number for each row, those of one number stay together: the numbers are shuffled, and the rows of each.
    """
    if seed is None:
        return np.arange(rows)
    # Spread by a large odd number: neighbouring seeds must not share their epochs.
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
    order: Numbers = torch.randperm(rows, generator=generator).numpy()
    if prompts is None:
        return order
    _, numbers = np.unique(prompts, return_inverse=True)
    place: Numbers = torch.randperm(int(numbers.max(initial=-1)) + 1, generator=generator).numpy()
    return order[np.argsort(place[numbers[order]], kind="stable")]


def near_in_steps(order: Numbers, rows: int, near: Numbers) -> Numbers:
    """The order with each global batch of `rows` rows sorted by their numbers; which rows it has stays as it is."""
    return order[np.lexsort((near[order], np.arange(len(order)) // rows))]


def prompts_of(rows: Sequence[EncodedRow]) -> Numbers:
    """A number for each row, (rows,): the same where the prompt is the same, its own where a row has none."""
    found = kept_rows(rows).prompts
    return np.where(found == NO_PROMPT, -1 - np.arange(len(found)), found)


def schedule_of(
    rows: Sequence[EncodedRow], share: Share, seed: int | None, *, shuffle_by: ShuffleBy, packed: bool
) -> Schedule:
    """The schedule of a training on these rows. Of a global batch, rows of one prompt come into the same micro-batch
    where they are packed, and rows of like length where they are padded.
    """
    prompts = prompts_of(rows)
    near = prompts if packed else longest_of(rows)
    return Schedule(len(rows), share, seed, prompts=prompts if shuffle_by == "prompt" else None, near=near)


def longest_of(rows: Sequence[EncodedRow]) -> Numbers:
    """The tokens of each row's longest sequence, (rows,)."""
    first, second, _ = kept_rows(rows).side_lengths()
    return np.maximum(first, second) if len(second) else first
