"""Reading `rows.jsonl`: what a run saw of each row, whatever became of the file."""

import json
import math
from time import process_time

import pytest

from engine.runs.row_history import ROWS_FILE, read_row_history
from engine.sample import SampleId


def begin(step):
    return {"v": 1, "kind": "begin", "step": step}


def visits(step, margins, split="train", epoch=0.0, **values):
    """A line about rows 0, 1, … of data set 0, all seen at one step."""
    line = {"v": 1, "kind": "visits", "split": split, "steps": [step], "epochs": [epoch], "counts": [len(margins)]}
    line |= {"dataset": 0, "row": list(range(len(margins))), "item": 0, "loss": [0.5] * len(margins)}
    return line | {"margin": margins} | values


@pytest.fixture
def history(tmp_path):
    """The history that lines give, with `tail` as it stands after the last of them."""

    def read(*lines, tail=b""):
        whole = b"".join((json.dumps(line) if isinstance(line, dict) else line).encode() + b"\n" for line in lines)
        (tmp_path / ROWS_FILE).write_bytes(whole + tail)
        return read_row_history(tmp_path)

    return read


def test_pairs_over_three_epochs(history):
    found = history(
        begin(0), visits(2, [1.0, -1.0]), visits(4, [-2.0, 1.0], epoch=1.5), visits(6, [3.0, 2.0], epoch=2.5)
    )
    record = found.rows[SampleId(0, 0)]
    assert (record.split, record.steps, record.epochs) == ("train", (2, 4, 6), (0.0, 1.5, 2.5))
    assert record.losses == (0.5, 0.5, 0.5)
    assert record.margins == (1.0, -2.0, 3.0)
    assert record.mean_margin == pytest.approx(2 / 3)
    assert record.variability == pytest.approx(math.sqrt((1 / 9 + 64 / 9 + 49 / 9) / 3))
    assert (record.right, record.forgotten, record.last_margin) == ((True, False, True), 1, 3.0)
    assert found.rows[SampleId(0, 1)].forgotten == 0
    assert list(found.rows) == [SampleId(0, 0), SampleId(0, 1)]


def test_steps_are_right_where_every_judged_step_is(history):
    def line(step, *probabilities):
        shown = visits(step, [0.0], probability=[list(probabilities)], label=[[1, 0, 0.7]])
        del shown["margin"]
        return shown

    record = history(line(1, 0.9, 0.2, 0.6), line(2, 0.9, 0.6, 0.6)).rows[SampleId(0, 0)]
    assert record.probabilities == ((0.9, 0.2, 0.6), (0.9, 0.6, 0.6))
    assert (record.labels, record.margins) == ((1, 0, 0.7), ())
    assert record.visit_margins == pytest.approx(((0.8 + 0.6 + 0.2) / 3, (0.8 - 0.2 + 0.2) / 3))
    assert (record.right, record.forgotten) == ((True, False), 1)


def test_items_of_a_row_and_splits_are_told_apart(history):
    ranked = visits(1, [1.0, 2.0]) | {"row": [7, 7], "item": [0, 1], "dataset": [2, 2]}
    found = history(ranked, visits(1, [5.0], split="eval"))
    assert found.rows[SampleId(2, 7, 0)].margins == (1.0,)
    assert found.rows[SampleId(2, 7, 1)].margins == (2.0,)
    assert found.rows[SampleId(0, 0)].split == "eval"


def test_a_resume_supersedes_what_came_after_its_step(history):
    """Also within a line, whose steps may lie on both sides of the checkpoint; an evaluation at its step stands."""
    both = visits(1, [1.0, 2.0]) | {"steps": [1, 2], "epochs": [0.0, 0.5], "counts": [1, 1]}
    lines = [begin(0), both, visits(1, [7.0], split="eval", dataset=1), visits(3, [4.0])]
    assert history(*lines).rows[SampleId(0, 0)].margins == (1.0, 4.0)
    found = history(*lines, begin(1), visits(2, [8.0, 9.0]))
    assert found.rows[SampleId(0, 0)].margins == (1.0, 8.0)
    assert found.rows[SampleId(0, 1)].margins == (9.0,)
    assert found.rows[SampleId(1, 0)].margins == (7.0,)
    assert not history(*lines, begin(0)).rows


def test_an_evaluation_repeated_at_one_step_counts_once(history):
    found = history(visits(5, [1.0], split="eval"), visits(5, [2.0], split="eval"))
    assert found.rows[SampleId(0, 0)].margins == (2.0,)


def test_a_last_line_without_its_end_is_passed_over_in_silence(history):
    found = history(visits(1, [1.0]), tail=json.dumps(visits(2, [2.0])).encode()[:-9])
    assert found.rows[SampleId(0, 0)].margins == (1.0,)
    assert found.damaged == 0


@pytest.mark.parametrize(
    "line",
    [
        "{half",
        "\x00\x01",
        "[]",
        "7",
        json.dumps({"kind": "visits"}),
        json.dumps(visits(1, [9.0, 9.0]) | {"counts": [3]}),
        json.dumps(visits(1, [9.0, 9.0]) | {"loss": [1.0]}),
        json.dumps(visits(1, [9.0]) | {"row": ["0"]}),
        json.dumps(visits(1, [9.0]) | {"split": "other"}),
        json.dumps({"kind": "begin"}),
    ],
)
def test_lines_that_make_no_sense_are_counted(history, line):
    found = history(visits(1, [1.0]), line, visits(2, [2.0]))
    assert found.rows[SampleId(0, 0)].margins == (1.0, 2.0)
    assert found.damaged == 1


def test_kinds_and_keys_of_a_later_version_are_passed_over(history):
    found = history({"v": 2, "kind": "weather", "sun": True}, visits(1, [1.0], colour=["red"]))
    assert found.rows[SampleId(0, 0)].margins == (1.0,)
    assert found.damaged == 0


def test_what_is_not_finite_is_nan(history):
    record = history(visits(1, [None], loss=[None])).rows[SampleId(0, 0)]
    assert math.isnan(record.margins[0])
    assert math.isnan(record.losses[0])
    assert record.right == (False,)


def test_no_file_has_no_rows(tmp_path):
    assert not read_row_history(tmp_path).rows
    assert not read_row_history(tmp_path / "gone").rows


def test_three_epochs_of_a_hundred_thousand_rows_are_read_in_seconds(history, tmp_path):
    lines = []
    for epoch in range(3):
        for start in range(0, 100_000, 500):
            line = visits(epoch * 200 + start // 500 + 1, [0.123456] * 500, epoch=float(epoch))
            lines.append(json.dumps(line | {"row": list(range(start, start + 500))}))
    history(*lines)
    began = process_time()
    found = read_row_history(tmp_path)
    assert process_time() - began < 4
    assert len(found.rows) == 100_000
    assert len(found.rows[SampleId(0, 99_999)].margins) == 3
