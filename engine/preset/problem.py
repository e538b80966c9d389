"""What is wrong with a preset, and where: the one shape in which a person reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.error import EngineError


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to say about one place of a preset.

    `line` and `column` count from 1; 0 means that there is no place in a file (an override, a name).
    """

    path: Path
    line: int
    column: int
    message: str
    severity: Literal["error", "notice"] = "error"

    @property
    def where(self) -> str:
        """`file:line:column`, or the file or override alone where there is no line."""
        return f"{self.path}:{self.line}:{self.column}" if self.line else str(self.path)

    def __str__(self) -> str:
        """`file:line:column: what; did you mean …`."""
        return f"{self.where}: {self.message}"


class PresetError(EngineError):
    """A preset that cannot be used. `problems` holds every reason found, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        if len(self.problems) == 1:
            super().__init__(first.message, first.where)
        else:
            super().__init__(f"{len(self.problems)} problems", str(first.path))

    def __str__(self) -> str:
        """Each problem on a line of its own."""
        return "\n".join(map(str, self.problems))
