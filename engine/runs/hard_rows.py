"""The rows that a run's model fought with, from what it made of each of them at every visit.

Sources: mean and variability over the visits tell easy, ambiguous and hard rows apart (dataset cartography: Swayamdipta
et al. 2020, arXiv:2009.10795); rows that are learned and lost again (Toneva et al. 2019, arXiv:1812.05159); a margin
that stays negative while others' rise points at a wrong label (area under the margin: Pleiss et al. 2020,
arXiv:2001.10528).
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import exp, inf, isfinite, isnan, nan
from pathlib import Path
from typing import Any, Literal

from engine.runs.error import RunError
from engine.runs.row_history import RowHistory, RowRecord
from engine.sample import SampleId, Split

Ranking = Literal["worst", "mislabelled", "forgotten", "variable"]

RANKINGS: dict[Ranking, str] = {
    "worst": "lowest mean margin over its visits",
    "mislabelled": "confidently wrong at every visit since it knew something: wrong labels, or what it cannot tell",
    "forgotten": "most often gone from right to wrong",
    "variable": "margins that differ most from visit to visit",
}
"""Every way to rank, and what comes first in it."""

_WARM_UP = 0.25
_DOUBTED = 0.25


@dataclass(frozen=True, slots=True)
class HardRow:
    """A row and what the model made of it.

    `confidence` is the mean probability that the model gave to what the data say, over the visits after the first
    quarter of training (for a pair: that chosen is better; of steps: that of the step it doubts most, which is `step`,
    counted from 1 among the judged). `doubted` says that it sided against the data at each of those visits, and gave
    them less than one in four on the whole.
    """

    id: SampleId
    record: RowRecord
    mean_margin: float
    variability: float
    forgotten: int
    mean_loss: float
    confidence: float | None
    doubted: bool
    step: int | None = None


def judged_rows(history: RowHistory, split: Split = "train") -> list[HardRow]:
    """Every row of a split that the run has seen, in no order."""
    last = max((record.epochs[-1] for record in history.rows.values()), default=0.0)
    return [_judged(row, record, last * _WARM_UP) for row, record in history.rows.items() if record.split == split]


def ranked(rows: Iterable[HardRow], ranking: Ranking) -> list[HardRow]:
    """The rows that belong to a ranking, the hardest first.

    All rows for `worst`; for the others those that give reason: doubted, ever forgotten, seen more than once.
    """
    belongs, key = _BY[ranking]
    return sorted((row for row in rows if belongs(row)), key=key)


def _hardest_if_nan(value: float) -> float:
    return -inf if isnan(value) else value


def _place(row: HardRow) -> tuple[int, int, int]:
    return row.id.dataset, row.id.row, row.id.item


_BY: dict[Ranking, tuple[Callable[[HardRow], bool], Callable[[HardRow], Any]]] = {
    "worst": (lambda row: True, lambda row: (_hardest_if_nan(row.mean_margin), -row.mean_loss, _place(row))),
    "mislabelled": (lambda row: row.doubted, lambda row: (row.confidence, row.variability, _place(row))),
    "forgotten": (lambda row: row.forgotten > 0, lambda row: (-row.forgotten, row.mean_margin, _place(row))),
    "variable": (
        lambda row: len(row.record.steps) > 1 and row.variability > 0,
        lambda row: (-row.variability, row.mean_margin, _place(row)),
    ),
}


def row_object(row: HardRow) -> dict[str, Any]:
    """A row as JSON: `dataset` and `row` are all that `leave_out` reads."""
    return {
        "dataset": row.id.dataset,
        "row": row.id.row,
        "item": row.id.item,
        "split": row.record.split,
        "visits": len(row.record.steps),
        "mean_margin": _finite(row.mean_margin),
        "variability": _finite(row.variability),
        "forgotten": row.forgotten,
        "mean_loss": _finite(row.mean_loss),
        "confidence": _finite(row.confidence),
        "doubted": row.doubted,
        "step": row.step,
        "margins": [_finite(margin) for margin in row.record.visit_margins],
        "losses": [_finite(loss) for loss in row.record.losses],
        "epochs": list(row.record.epochs),
    }


def write_rows(rows: Iterable[HardRow], path: Path) -> int:
    """Write the rows as JSON lines; returns how many. Raises RunError where the file exists or cannot be written."""
    lines = [json.dumps(row_object(row)) for row in rows]
    try:
        with path.open("x", encoding="ascii") as file:
            file.write("".join(line + "\n" for line in lines))
    except FileExistsError as error:
        raise RunError("there is such a file already", str(path), "choose another name") from error
    except OSError as error:
        raise RunError(f"the rows cannot be written: {error.strerror}", str(path), "choose another folder") from error
    return len(lines)


def _judged(row: SampleId, record: RowRecord, warmed_up: float) -> HardRow:
    informed = [visit for visit, epoch in enumerate(record.epochs) if epoch >= warmed_up]
    confidence, doubted, step = _confidence(record, informed)
    return HardRow(
        id=row,
        record=record,
        mean_margin=record.mean_margin,
        variability=record.variability,
        forgotten=record.forgotten,
        mean_loss=sum(record.losses) / len(record.losses),
        confidence=confidence,
        doubted=doubted,
        step=step,
    )


def _confidence(record: RowRecord, visits: list[int]) -> tuple[float | None, bool, int | None]:
    """The confidence in the data over some visits, whether they are doubted, and which step is doubted most."""
    if not visits:
        return None, False, None
    if record.margins:
        margins, step = [record.margins[visit] for visit in visits], None
        given = [nan if isnan(margin) else _sigmoid(margin) for margin in margins]
    else:
        columns = [[_given(record, visit, at) for visit in visits] for at in range(len(record.labels))]
        given = min(columns, key=sum)
        step = columns.index(given) + 1
    mean = sum(given) / len(given)
    return mean, all(each < 0.5 for each in given) and mean < _DOUBTED, step


def _given(record: RowRecord, visit: int, at: int) -> float:
    probability = record.probabilities[visit][at]
    return probability if record.labels[at] >= 0.5 else 1 - probability


def _sigmoid(margin: float) -> float:
    if margin >= 0:
        return 1 / (1 + exp(-margin))
    return exp(margin) / (1 + exp(margin))


def _finite(value: float | None) -> float | None:
    return round(value, 6) if value is not None and isfinite(value) else None
