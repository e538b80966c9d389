"""How many positions a micro-batch may compute, and what becomes of that when memory runs out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.batch.divide import divide
from engine.batch.schedule import SlottedRow


@dataclass
class TokenBudget:
    """Steps are cut into micro-batches of at most `tokens` positions: of the `asked` ones what fits into memory. With
    `halves`, a micro-batch that does not fit halves them for good, and `tell` hears of it.
    """

    asked: int
    halves: bool = False
    tell: Callable[[str], None] = lambda said: None
    tokens: int = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = self.asked

    def parts(
        self, rows: Sequence[SlottedRow], *, packed: bool, processes: int, process: int
    ) -> list[list[SlottedRow]]:
        """The micro-batches that this process has of a step's rows."""
        return divide(rows, self.tokens, packed=packed, processes=processes)[process]

    def go_on_with(self, tokens: int) -> None:
        """Allow what had fitted before a resume."""
        if self.halves and tokens < self.tokens:
            self.tokens = tokens
            self.tell(f"As before, micro-batches have at most {tokens} positions; the loss stays the same.")

    def halve(self, failed: int, said: str) -> None:
        """Allow half of the `failed` positions that were too many; `said` is what happened."""
        self.tokens = min(self.tokens, failed) // 2
        self.tell(f"{said} Going on with micro-batches of at most {self.tokens} positions; the loss stays the same.")
