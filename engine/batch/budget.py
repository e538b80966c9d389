"""How many positions a micro-batch may compute, and what becomes of that when memory runs out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.batch.divide import divide
from engine.batch.schedule import SlottedRow


@dataclass
class TokenBudget:
    """Steps are cut into micro-batches of at most `tokens` positions. With `halves`, a micro-batch that does not fit
    into memory halves that for good, and `tell` hears of it.
    """

    tokens: int
    halves: bool = False
    tell: Callable[[str], None] = lambda said: None

    def parts(
        self, rows: Sequence[SlottedRow], *, packed: bool, processes: int, process: int
    ) -> list[list[SlottedRow]]:
        """The micro-batches that this process has of a step's rows."""
        return divide(rows, self.tokens, packed=packed, processes=processes)[process]

    def halve(self, failed: int, said: str) -> None:
        """Allow half of the `failed` positions that were too many; `said` is what happened."""
        self.tokens = min(self.tokens, failed) // 2
        self.tell(f"{said} Going on with micro-batches of at most {self.tokens} positions; the loss stays the same.")
