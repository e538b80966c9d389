"""Writing what the model makes of each row as training goes: `rows.jsonl`, read by engine/runs/row_history.py."""

import json
import logging
import math
import os
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from engine.runs.row_history import ROWS_FILE, Split
from engine.trainer.results import Results

LOG = logging.getLogger(__name__)

KEPT_BACK = 64 << 20
"""Bytes that wait in memory for a full disk to have room again; beyond them the oldest lines are given up."""

LINE = 4096
"""Rows a line at most."""


class RowLog:
    """Appends to a run's `rows.jsonl`, each line by one write. Training never dies of it: what cannot be written waits
    in memory for the next time, and the log says so once.
    """

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / ROWS_FILE
        self._waiting: list[bytes] = []
        self._failing = False

    def begin(self, step: int) -> None:
        """Training goes on from this step: what the file says of later ones was not kept."""
        self._append([f'{{"v":1,"kind":"begin","step":{step}}}'])

    def write(self, split: Split, results: Results) -> None:
        """Append the rows of an interval or an evaluation."""
        rows = len(results.rows)
        self._append(_line(split, results.part(start, min(start + LINE, rows))) for start in range(0, rows, LINE))

    def _append(self, lines: Iterable[str]) -> None:
        self._waiting += [line.encode("ascii") + b"\n" for line in lines]
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            self._complain(error)
            return
        try:
            while self._waiting:
                size = os.fstat(descriptor).st_size
                # A line that a full disk or a killed process cut short is ended first: readers count it and go on.
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                data = b"\n" + self._waiting[0] if torn else self._waiting[0]
                if os.write(descriptor, data) != len(data):
                    raise OSError("only a part of a line could be written")
                del self._waiting[0]
            self._failing = False
        except OSError as error:
            self._complain(error)
        finally:
            os.close(descriptor)

    def _complain(self, error: OSError) -> None:
        if not self._failing:
            LOG.warning("cannot write %s (%s): training goes on, rows wait in memory", self._path, error)
            self._failing = True
        while sum(map(len, self._waiting)) > KEPT_BACK:
            del self._waiting[0]


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
