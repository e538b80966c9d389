"""What a run's model made of the rows: read from the run's folder, and put beside them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.runs.error import RunError
from engine.runs.index import known_run_folders
from engine.runs.manifest import read_manifest
from engine.runs.row_history import ROWS_FILE, RowRecord, read_row_history
from engine.words import short_number
from workbench.row_listing import Order
from workbench.row_table import RowTable


@dataclass(frozen=True, slots=True)
class RunOfRows:
    """A run that says what it made of each row. `same_rows`: it trained on the very rows listed; None: not known."""

    folder: Path
    name: str
    created: float
    preset_path: str
    same_rows: bool | None


def runs_of_rows(model_kind: str, digest: str | None) -> list[RunOfRows]:
    """Runs of this kind with a row history, newest first; `digest` is that of the rows as training would see them."""
    found = []
    for folder in known_run_folders():
        if not (folder / ROWS_FILE).is_file():
            continue
        try:
            manifest = read_manifest(folder)
        except RunError:
            continue
        if manifest.model_kind == model_kind:
            same = None if digest is None or manifest.digest is None else manifest.digest == digest
            found.append(RunOfRows(folder, manifest.name, manifest.created, manifest.preset_path, same))
    return sorted(found, key=lambda run: -run.created)


def likeliest(runs: list[RunOfRows], preset_path: str) -> RunOfRows | None:
    """The newest run on the same rows; failing that, where this is not known, the newest of the same preset."""
    same = [run for run in runs if run.same_rows]
    perhaps = [run for run in runs if run.same_rows is None and run.preset_path == preset_path]
    return next(iter([*same, *perhaps]), None)


@dataclass(frozen=True, slots=True)
class RowValue:
    """What a run's model made of a row when it last saw it; of several samples, the worst.

    `margin` is above 0 where it sided with the data. `right` has P(right) of each judged step, and `labels` the labels
    of these, for steps.
    """

    loss: float
    margin: float
    forgotten: int
    visits: int
    right: tuple[float, ...] = ()
    labels: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class RunValues:
    """A run's values by (data set, row), and by (data set, row, item) for each sample of a row."""

    name: str
    folder: Path
    rows: Mapping[tuple[int, int], RowValue]
    samples: Mapping[tuple[int, int, int], RowValue]

    def column(self, table: RowTable, order: Order) -> npt.NDArray[np.float64]:
        """What an order goes by, for each row of a table; NaN where the run never saw the row."""
        places = zip(table.column("dataset").tolist(), table.column("row").tolist(), strict=True)
        values = (self.rows.get(place) for place in places)
        return np.fromiter((nan if value is None else value_of(value, order) for value in values), np.float64)


def value_of(value: RowValue, order: Order) -> float:
    """What an order goes by."""
    return {Order.LOSS: value.loss, Order.MARGIN: value.margin}.get(order, float(value.forgotten))


def read_run_values(folder: Path, name: str) -> RunValues:
    """The values of a run's rows. Takes a while for many rows: call it in a thread."""
    rows: dict[tuple[int, int], RowValue] = {}
    samples: dict[tuple[int, int, int], RowValue] = {}
    for sample, record in read_row_history(folder).rows.items():
        place = (sample.dataset, sample.row)
        here = samples[*place, sample.item] = _last(record)
        before = rows.get(place)
        rows[place] = here if before is None or _worse(here, before) else before
    return RunValues(name, folder, rows, samples)


def _last(record: RowRecord) -> RowValue:
    right = record.probabilities[-1] if record.probabilities else ()
    return RowValue(record.losses[-1], record.last_margin, record.forgotten, len(record.losses), right, record.labels)


def _worse(one: RowValue, other: RowValue) -> bool:
    return isnan(one.loss) or one.loss > other.loss


def value_words(value: RowValue) -> Iterator[tuple[str, str]]:
    """A row's values as (name, number), for the screen."""
    yield "loss", short_number(value.loss)
    yield "margin", f"{'+' if value.margin > 0 else ''}{short_number(value.margin)}"
    if value.right:
        yield "P(right)", " ".join(f"{p:.2f}".removeprefix("0") for p in value.right[:12])
    if value.forgotten:
        yield "forgotten", f"{value.forgotten}×"
