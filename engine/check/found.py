"""What a check finds out about a data set as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.finding import Severity
from engine.sample import Split

RowPlace = tuple[int, int]
"""Data set (position in the preset) and row."""

LOCATED_ROWS = 10_000
"""How many rows of a finding, or of a reason to drop them, are named."""


@dataclass(frozen=True, slots=True)
class SetFinding:
    """A finding about the data set.

    `rows` are those it speaks of, all or some of them; `count` says how many there are where `rows` does not.
    `severity` is given where it is not the table's. The rows are of `split`.
    """

    code: str
    message: str
    rows: Sequence[RowPlace] = ()
    count: int | None = None
    severity: Severity | None = None
    split: Split = "train"
