"""What a run's model thought of each row, each time it saw it: the reader of `rows.jsonl`.

The trainer's first process appends to the file as training goes (engine/trainer/row_log.py); one JSON object a line:

- `{"v": 1, "kind": "begin", "step": N}`: training goes on from optimizer step N (0: from its beginning). What the
  lines above say of later steps was not kept, and comes again.
- `{"v": 1, "kind": "visits", "split": "train", "steps": [5, 6], "epochs": [0.5, 0.6], "counts": [2, 1], ...}`: rows
  seen before step 5's weights changed (the first two), before step 6's (the next). `dataset`, `row` and `item` say
  which, each one number where it is the same for all, else a list; `loss` is each row's own. Pairs have `margin`
  (reward of chosen minus reward of rejected); steps have `probability` (P(right) of each judged step) and `label`,
  lists of lists. null stands for what is not a finite number.

Unknown kinds and keys are passed over; so is a last line that is not whole, and a line that makes no sense.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from math import nan, sqrt
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from engine.sample import SampleId, Split

ROWS_FILE = "rows.jsonl"
"""The file's name in a run's folder."""


@dataclass(frozen=True, slots=True)
class RowRecord:
    """One row's visits, in the order in which training came to it; the tuples have one entry a visit.

    `epochs` says how far training was, in epochs: the whole part counts the passes before. `steps` are the optimizer
    steps whose batch the row was in (for the eval split: the last step before the evaluation). `losses` are the mean
    over the row's judged steps, for pairs the pair's. `margins` are empty for steps; `probabilities` (of being right,
    for each judged step) and `labels` (the steps' own, one tuple for the row) are empty for pairs. NaN stands for a
    number that was not finite.
    """

    split: Split
    epochs: tuple[float, ...]
    steps: tuple[int, ...]
    losses: tuple[float, ...]
    margins: tuple[float, ...] = ()
    probabilities: tuple[tuple[float, ...], ...] = ()
    labels: tuple[float, ...] = ()

    @property
    def visit_margins(self) -> tuple[float, ...]:
        """By how much the model sided with the data, each visit: above 0 it did.

        For pairs the margin; for steps the mean over the judged steps of P(label) - P(the other label), a soft label
        standing for the one it is nearer to.
        """
        return self.margins or tuple(_mean(self._step_margins(visit)) for visit in self.probabilities)

    @property
    def right(self) -> tuple[bool, ...]:
        """Whether the model sided with the data, each visit; for steps, in every judged step. A tie is not right."""
        if self.margins:
            return tuple(margin > 0 for margin in self.margins)
        return tuple(min(self._step_margins(visit)) > 0 for visit in self.probabilities)

    @property
    def mean_margin(self) -> float:
        """The mean of `visit_margins` over the visits."""
        return _mean(self.visit_margins)

    @property
    def variability(self) -> float:
        """The population standard deviation of `visit_margins` over the visits; 0 where there is one.

        After the confidence and variability of Swayamdipta et al. (2020, arXiv:2009.10795), taken of margins.
        """
        margins = self.visit_margins
        mean = _mean(margins)
        return sqrt(_mean([(margin - mean) ** 2 for margin in margins]))

    @property
    def forgotten(self) -> int:
        """How often the row went from right to wrong, one visit to the next (Toneva et al. 2019, arXiv:1812.05159)."""
        return sum(before and not after for before, after in pairwise(self.right))

    @property
    def last_margin(self) -> float:
        """The last of `visit_margins`."""
        return self.visit_margins[-1]

    def _step_margins(self, visit: tuple[float, ...]) -> list[float]:
        return [
            2 * probability - 1 if label >= 0.5 else 1 - 2 * probability
            for probability, label in zip(visit, self.labels, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class RowHistory:
    """The visits of every row that a run has come to, and how many lines of the file made no sense."""

    rows: Mapping[SampleId, RowRecord]
    damaged: int = 0


def read_row_history(run_dir: Path) -> RowHistory:
    """The row history of a run, whether it lives or is over; without rows where there is no `rows.jsonl` yet."""
    lines: list[_Line] = []
    damaged = 0
    for text in _whole_lines(run_dir / ROWS_FILE):
        try:
            value = from_json(text, allow_inf_nan=False)
            match value["kind"]:
                case "begin":
                    kept = int(value["step"])
                    lines = [line for each in lines if (line := each.until(kept)).rows]
                case "visits":
                    lines.append(_line(value))
        except (ValueError, KeyError, TypeError):
            damaged += 1
    return RowHistory(_Rows(lines), damaged)


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the file, in columns: a value a visit, but for `counts`, the visits of each of the line's `runs`."""

    split: Split
    runs: list[int]
    counts: list[int]
    rows: list[tuple[int, int, int]]
    columns: tuple[list[Any], ...]

    def until(self, step: int) -> "_Line":
        """The visits of no later step. Steps ascend within a line."""
        runs = sum(each <= step for each in self.runs)
        end = sum(self.counts[:runs])
        columns = tuple(column[:end] for column in self.columns)
        return _Line(self.split, self.runs[:runs], self.counts[:runs], self.rows[:end], columns)


class _Rows(Mapping[SampleId, RowRecord]):
    """The records by row, each put together when it is asked for: a million rows are cheap until one looks at them."""

    def __init__(self, lines: Sequence[_Line]) -> None:
        self._splits: dict[tuple[int, int, int], Split] = {}
        self._visits: dict[tuple[int, int, int], list[int]] = {}
        self._columns: tuple[list[Any], ...] = ([], [], [], [], [])
        for line in lines:
            self._splits.update(zip(line.rows, repeat(line.split), strict=False))
            for number, row in enumerate(line.rows, start=len(self._columns[0])):
                known = self._visits.get(row)
                if known is None:
                    self._visits[row] = [number]
                else:
                    known.append(number)
            for mine, its in zip(self._columns, line.columns, strict=True):
                mine.extend(its)

    def __getitem__(self, row: SampleId) -> RowRecord:
        place = (row.dataset, row.row, row.item)
        # Evaluated again at the same step (with the best checkpoint's weights): the later one stands.
        numbers = list({self._columns[1][number]: number for number in self._visits[place]}.values())
        epochs, steps, losses, measured, labels = ([column[number] for number in numbers] for column in self._columns)
        seen = (self._splits[place], tuple(epochs), tuple(steps), _numbers(losses))
        if isinstance(measured[0], list):
            return RowRecord(*seen, (), tuple(map(_numbers, measured)), tuple(labels[-1]))
        return RowRecord(*seen, _numbers(measured))

    def __iter__(self) -> Iterator[SampleId]:
        return (SampleId(*place) for place in self._visits)

    def __len__(self) -> int:
        return len(self._visits)


def _whole_lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n") and line != b"\n":
                    yield line
    except OSError:
        return


def _line(value: dict[str, Any]) -> _Line:
    """The visits of a line. Raises KeyError, TypeError or ValueError where it makes no sense."""
    split, steps, counts, losses = value["split"], value["steps"], value["counts"], value["loss"]
    places = [_column(value[name], len(losses)) for name in ("dataset", "row", "item")]
    pairs = "margin" in value
    measured, labels = (value["margin"], [()] * len(losses)) if pairs else (value["probability"], value["label"])
    if split not in ("train", "eval") or steps != sorted(steps) or sum(counts) != len(losses):
        raise ValueError("a split, or counts of visits, that cannot be")
    if not all(_all_of(column, int) for column in places) or not (pairs or _all_of(measured, list)):
        raise TypeError("places must be whole numbers, and probabilities lists")
    columns = (_spread(value["epochs"], counts), _spread(steps, counts), losses, measured, labels)
    if any(len(column) != len(losses) for column in columns):
        raise ValueError("columns of different length")
    return _Line(split, steps, counts, list(zip(*places, strict=True)), columns)


def _column(value: Any, length: int) -> Sequence[Any]:
    return [value] * length if isinstance(value, int) else value


def _all_of(values: Sequence[Any], kind: type) -> bool:
    return set(map(type, values)) <= {kind}


def _spread(values: Sequence[Any], counts: Sequence[int]) -> list[Any]:
    return [value for value, count in zip(values, counts, strict=True) for _ in range(count)]


def _numbers(values: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(nan if value is None else value for value in values) if None in values else tuple(values)  # type: ignore[arg-type]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
