"""From rows to micro-batches, one after the other, and what happens where one does not fit into memory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from engine.batch.budget import TokenBudget
from engine.batch.pad import Batch
from engine.batch.schedule import SlottedRow
from engine.trainer.error import BatchSize, BatchTooLargeError

Collate = Callable[[Sequence[SlottedRow]], Batch]

Go = Callable[[Batch, bool], torch.Tensor]
"""Takes one micro-batch through the model; told whether it is the last of these rows'."""


class MicroBatches:
    """Cuts rows up as the budget says (without one, they are a micro-batch), and knows what has fitted into memory."""

    def __init__(self, budget: TokenBudget | None) -> None:
        self.budget = budget
        self._fitted = 0

    def run(
        self,
        rows: Sequence[SlottedRow],
        collate: Collate,
        go: Go,
        *,
        packed: bool,
        step: int,
        undo: Callable[[], None],
        processes: int,
        process: int,
    ) -> list[torch.Tensor]:
        """What `go` gives for each of this process's micro-batches of the rows.

        Under a budget, the rows are those of a whole step and the same in all processes. Where memory runs out and the
        budget may be halved, `undo` forgets what was done and all begins again, smaller. Raises BatchTooLargeError.
        Several processes do not halve: the others would wait for this one for good.
        """
        while True:
            parts: list[Sequence[SlottedRow]] = [rows]
            if self.budget:
                parts = [*self.budget.parts(rows, packed=packed, processes=processes, process=process)]
            made = []
            try:
                for at, batch in enumerate(map(collate, parts), start=1):
                    with self._fitting(batch, step):
                        made.append(go(batch, at == len(parts)))
            except BatchTooLargeError as error:
                if not self.budget or not self.budget.halves or processes > 1 or error.size.rows == 1:
                    raise
                said, failed = error.what, error.size.computed
            else:
                return made
            # Only here, outside of the error's reach, do the tensors of the attempt go.
            made.clear()
            undo()
            torch.cuda.empty_cache()
            self.budget.halve(failed, said)

    @contextmanager
    def _fitting(self, batch: Batch, step: int) -> Iterator[None]:
        """Memory that runs out within is told with the batch's numbers. Raises BatchTooLargeError."""
        try:
            yield
        except torch.OutOfMemoryError as error:
            size = BatchSize(len(batch["rows"]), batch["computed"], batch["longest"])
            raise BatchTooLargeError(size, step, self._fitted) from error
        self._fitted = max(self._fitted, batch["computed"])
