"""What the trainer writes about rows, read back."""

import logging
import os

import numpy as np
import pytest

from engine.runs.row_history import ROWS_FILE, read_row_history
from engine.sample import SampleId
from engine.trainer.results import Results
from engine.trainer.row_log import RowLog


def pairs(rows, step, margin=1.0):
    """Pairs of one step whose margins ascend from `margin`."""
    rewards = np.array([[margin + i, 0.0] for i in range(len(rows))])
    ones = np.ones(len(rows), dtype=np.int64)
    return Results(rows, [step] * len(rows), [0.5] * len(rows), ones, rewards, np.full(len(rows), 0.25), None)


def ids(count, start=0):
    return [SampleId(0, start + i) for i in range(count)]


def test_pairs_are_read_as_they_were_written(tmp_path):
    log = RowLog(tmp_path)
    log.begin(0)
    rows = [SampleId(1, 7, 0), SampleId(1, 7, 1), SampleId(0, 3)]
    seen = Results(
        rows, [4, 4, 5], [0.25, 0.25, 0.5], np.ones(3, dtype=np.int64), np.array([[1.5, 0.25], [1, 2], [0, 1e-9]]),
        np.array([0.123456789, 2, np.nan]), None,
    )  # fmt: skip
    log.write("train", seen)
    log.write("eval", pairs(ids(1, 90), 5, margin=-2.0))
    history = read_row_history(tmp_path)
    assert list(history.rows) == [*rows, SampleId(0, 90)]
    first = history.rows[rows[0]]
    assert (first.split, first.steps, first.epochs, first.losses, first.margins) == (
        "train", (4,), (0.25,), (0.123457,), (1.25,),
    )  # fmt: skip
    assert history.rows[rows[2]].margins == (-1e-9,)
    assert np.isnan(history.rows[rows[2]].losses[0])
    assert history.rows[SampleId(0, 90)].split == "eval"


def test_steps_are_read_as_they_were_written(tmp_path):
    logits = np.array([[0.0, 0.0], [1.0, -1.0], [0.0, 5.0]])
    labels = np.array([1.0, 0.0, 0.7])
    counts = np.array([2, 1])
    RowLog(tmp_path).write(
        "train", Results(ids(2), [1, 1], [0.0, 0.0], counts, logits, np.array([0.5, 0.7, 0.1]), labels)
    )
    first, second = read_row_history(tmp_path).rows.values()
    assert first.probabilities == ((0.5, pytest.approx(1 / (1 + np.exp(2)), rel=1e-5)),)
    assert (first.labels, first.losses, first.margins) == ((1, 0), (0.6,), ())
    assert second.labels == (0.7,)


def test_a_large_evaluation_is_written_in_lines_that_can_be_read(tmp_path):
    RowLog(tmp_path).write("eval", pairs(ids(10_000), 3))
    assert len((tmp_path / ROWS_FILE).read_bytes().splitlines()) == 3
    assert len(read_row_history(tmp_path).rows) == 10_000


def test_what_cannot_be_written_waits_and_the_log_says_so_once(tmp_path, caplog):
    folder = tmp_path / "run"
    log = RowLog(folder)
    with caplog.at_level(logging.WARNING):
        log.write("train", pairs(ids(2), 1))
        log.write("train", pairs(ids(2), 2))
    assert len(caplog.records) == 1
    folder.mkdir()
    log.write("train", pairs(ids(2), 3))
    assert read_row_history(folder).rows[SampleId(0, 0)].steps == (1, 2, 3)


def test_a_line_that_was_cut_short_is_written_again(tmp_path, monkeypatch):
    log = RowLog(tmp_path)
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:20]))
    log.write("train", pairs(ids(2), 1))
    monkeypatch.undo()
    log.write("train", pairs(ids(2), 2))
    history = read_row_history(tmp_path)
    assert history.rows[SampleId(0, 0)].steps == (1, 2)
    assert history.damaged == 1


def test_a_resumed_run_supersedes_what_came_after(tmp_path):
    log = RowLog(tmp_path)
    log.write("train", pairs(ids(1), 1, margin=1.0))
    log.write("train", pairs(ids(1), 9, margin=2.0))
    again = RowLog(tmp_path)
    again.begin(5)
    again.write("train", pairs(ids(1), 9, margin=3.0))
    assert read_row_history(tmp_path).rows[SampleId(0, 0)].margins == (1.0, 3.0)
