import json

import pytest

from engine.runs.error import RunError
from engine.runs.hard_rows import judged_rows, ranked, row_object, write_rows
from engine.runs.row_history import read_row_history

EPOCHS = (0.0, 1.0, 2.0, 3.0)


@pytest.fixture
def judged(tmp_path):
    """The rows of a run, from the margin (or the probabilities) of each at each of four visits."""

    def read(rows, labels=None, split="train"):
        with (tmp_path / "rows.jsonl").open("w") as file:
            for visit, epoch in enumerate(EPOCHS):
                seen = {number: visits[visit] for number, visits in rows.items() if visit < len(visits)}
                line = {
                    "v": 1,
                    "kind": "visits",
                    "split": split,
                    "steps": [visit + 1],
                    "epochs": [epoch],
                    "counts": [len(seen)],
                    "dataset": 0,
                    "row": list(seen),
                    "item": 0,
                    "loss": [0.5] * len(seen),
                }
                if labels:
                    line |= {"probability": list(seen.values()), "label": [labels[number] for number in seen]}
                else:
                    line |= {"margin": list(seen.values())}
                file.write(json.dumps(line) + "\n")
        return judged_rows(read_row_history(tmp_path), split)

    return read


def numbers(rows):
    return [row.id.row for row in rows]


PAIRS = {
    0: (0.1, 1.0, 2.0, 3.0),  # learned
    1: (-0.1, -2.0, -3.0, -4.0),  # mislabelled: wrong ever more surely
    2: (0.2, -0.5, 0.6, -0.4),  # forgotten twice
    3: (-0.2, -0.1, -0.3, -0.2),  # hard, but never sure
    4: (-3.0, -2.0, 3.0, 3.5),  # wrong at first only
}  # fmt: skip


def test_worst_by_mean_margin(judged):
    assert numbers(ranked(judged(PAIRS), "worst")) == [1, 3, 2, 4, 0]


def test_mislabelled_are_those_that_the_model_doubts_at_every_visit_and_with_confidence(judged):
    (row,) = ranked(judged(PAIRS), "mislabelled")
    assert row.id.row == 1
    assert row.confidence < 0.1


def test_forgotten_by_how_often(judged):
    rows = ranked(judged(PAIRS), "forgotten")
    assert [(row.id.row, row.forgotten) for row in rows] == [(2, 2)]


def test_variable_by_the_spread_of_the_margins(judged):
    rows = ranked(judged(PAIRS | {5: (9.0,)}), "variable")
    assert numbers(rows)[0] == 4
    assert 5 not in numbers(rows)


def test_of_steps_the_one_that_is_doubted_most_is_named(judged):
    visits = ([0.5, 0.5], [0.9, 0.8], [0.95, 0.9], [0.95, 0.95])
    rows = judged({0: visits, 1: visits}, labels={0: [1, 1], 1: [1, 0]})
    (row,) = ranked(rows, "mislabelled")
    assert (row.id.row, row.step) == (1, 2)


def test_a_row_whose_margin_was_not_finite_comes_first_and_is_no_mislabelled_one(judged):
    rows = judged({0: (None, None, None, None), 1: (-1.0, -1.0, -1.0, -1.0)})
    assert numbers(ranked(rows, "worst")) == [0, 1]
    assert 0 not in numbers(ranked(rows, "mislabelled"))
    assert row_object(rows[0])["mean_margin"] is None


def test_rows_are_written_once(judged, tmp_path):
    rows = ranked(judged(PAIRS), "worst")
    path = tmp_path / "hard.jsonl"
    assert write_rows(rows, path) == 5
    first = json.loads(path.read_text().splitlines()[0])
    assert (first["dataset"], first["row"], first["margins"]) == (0, 1, [-0.1, -2.0, -3.0, -4.0])
    with pytest.raises(RunError, match="such a file already"):
        write_rows(rows, path)
