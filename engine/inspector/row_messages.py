"""What the inspector says of all rows of a split at once: in short, searched, or looked up by their place.

Rows are named by their position in the split, counted from 0. Long answers come in chunks of columns: a message of a
thousand rows is read in a millisecond, and the screen shows what has come.
"""

from dataclasses import dataclass
from typing import Literal

CutPart = Literal["prompt", "answer", "whole answer", "end", "steps", "all steps"]
"""What the length limit took: of pairs the prompt's beginning; part of an answer; all in which the answers differ; only
what the template writes after them. Of steps, with or without labels; all that have a label.
"""

NO_TOKENS = -1
"""The length of a sequence that a row has not got."""


@dataclass(frozen=True, slots=True)
class RowSummaries:
    """Rows from position `start` on in short, in columns of equal length; of `total` rows of the split.

    `first` and `second` are the tokens of the row's first sample before any cut: chosen and rejected, or the steps'
    sequence and NO_TOKENS. `margin` is the data's. `cut` counts the tokens that the limit took from all its samples.
    `labels` has a character a step (✓ right, ✗ wrong, ~ between, · not judged), and is empty for pairs. A row is `kept`
    if any of its samples is. The dicts name the rows that have something, as offsets from `start`: the reason of a
    refusal, a finding's code, the part that was cut. `severities` has each code's.
    """

    start: int
    total: int
    dataset: tuple[int, ...]
    row: tuple[int, ...]
    kept: tuple[bool, ...]
    first: tuple[int, ...]
    second: tuple[int, ...]
    shared: tuple[int, ...]
    cut: tuple[int, ...]
    margin: tuple[float | None, ...]
    labels: tuple[str, ...]
    reasons: dict[str, tuple[int, ...]]
    findings: dict[str, tuple[int, ...]]
    severities: dict[str, Literal["error", "warning", "info"]]
    parts: dict[CutPart, tuple[int, ...]]
    kind: Literal["row_summaries"] = "row_summaries"


@dataclass(frozen=True, slots=True)
class RowsFound:
    """Positions of rows in which it was found, in the order of the search, and how many of all rows are searched."""

    rows: tuple[int, ...]
    searched: int
    total: int
    kind: Literal["rows_found"] = "rows_found"


@dataclass(frozen=True, slots=True)
class Located:
    """The position of each row asked for; None where the split has not got it."""

    positions: tuple[int | None, ...]
    kind: Literal["located"] = "located"


@dataclass(frozen=True, slots=True)
class Done:
    """The end of an answer in chunks. `digest` is the encoded set's, where all rows of a split were read."""

    digest: str | None = None
    kind: Literal["done"] = "done"
