"""Writing what the model makes of each row as training goes: `rows.jsonl`, read by engine/runs/row_history.py."""

import json
import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from engine.events.append import LineFile
from engine.runs.row_history import ROWS_FILE
from engine.sample import Split
from engine.trainer.results import Results

LINE = 4096
"""Rows a line at most."""


class RowLog:
    """Appends to a run's `rows.jsonl`. What cannot be written waits in memory for the next time."""

    def __init__(self, run_dir: Path) -> None:
        self._file = LineFile(run_dir / ROWS_FILE)

    def begin(self, step: int) -> None:
        """Training goes on from this step: what the file says of later ones was not kept."""
        self._file.append([b'{"v":1,"kind":"begin","step":%d}\n' % step])

    def write(self, split: Split, results: Results) -> None:
        """Append the rows of an interval or an evaluation."""
        rows = len(results.rows)
        parts = (results.part(start, min(start + LINE, rows)) for start in range(0, rows, LINE))
        self._file.append(_line(split, part).encode("ascii") + b"\n" for part in parts)


def _line(split: Split, results: Results) -> str:
    """One line of the file, with six significant digits of each number."""
    runs = [(step, len(list(rows))) for step, rows in groupby(results.steps)]
    ends = np.cumsum(results.counts)
    first = np.cumsum([0, *(count for _, count in runs[:-1])])
    columns = {
        "v": "1",
        "kind": '"visits"',
        "split": f'"{split}"',
        "steps": json.dumps([step for step, _ in runs], separators=(",", ":")),
        "epochs": _numbers([results.epochs[at] for at in first]),
        "counts": json.dumps([count for _, count in runs], separators=(",", ":")),
        **{name: _places([getattr(row, name) for row in results.rows]) for name in ("dataset", "row", "item")},
        "loss": _numbers(np.add.reduceat(results.losses, ends - results.counts) / results.counts),
    }
    if results.labels is None:
        columns["margin"] = _numbers(results.scores[:, 0] - results.scores[:, 1])
    else:
        columns["probability"] = _lists(results.probabilities, ends)
        columns["label"] = _lists(results.labels, ends)
    return "{" + ",".join(f'"{name}":{text}' for name, text in columns.items()) + "}"


def _numbers(values: Sequence[float] | Any) -> str:
    return "[" + ",".join([f"{v:.6g}" if math.isfinite(v) else "null" for v in values]) + "]"


def _lists(values: Any, ends: Any) -> str:
    return "[" + ",".join(map(_numbers, np.split(values, ends[:-1]))) + "]"


def _places(values: list[int]) -> str:
    """Whole numbers; one number where they are all alike."""
    return str(values[0]) if len(set(values)) == 1 else json.dumps(values, separators=(",", ":"))
