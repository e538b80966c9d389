"""How far a long piece of work is, told to whoever asked for it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Progress:
    """What the work is at, and how many of its rows are done. `total` is None where unknown."""

    phase: str
    done: int
    total: int | None
    kind: Literal["progress"] = "progress"
