"""What a run made of a sample, beside its tokens."""

import json
from dataclasses import replace

from workbench.row_values import RowValue, read_run_values
from workbench.widgets.run_marks import run_marks, saw_other_steps

LABELS = (1.0, 1.0, 0.0, 0.7)
"""Those of the rows that the fixture `steps` makes; their fifth step is not judged."""


def value_of(right=(), labels=(), margin=0.0):
    return RowValue(loss=1.0, margin=margin, forgotten=0, visits=1, right=right, labels=labels)


def test_each_judged_step_says_what_the_run_thought_of_it_at_its_label(steps):
    (row,) = steps(1)
    sequence = row.sequences[0]
    (marks,) = run_marks(row, value_of(right=(0.93, 0.124, 0.5, 0.21), labels=LABELS))
    assert [(sequence.labels[token], badge.kind, badge.text) for token, badge in sorted(marks.items())] == [
        (1, "agrees", "run .93"),
        (1, "disagrees", "run .12, disagrees"),
        (0, "disagrees", "run .50, undecided"),
        (0.7, "disagrees", "run .21, disagrees"),
    ]


def test_a_run_that_judged_other_steps_is_not_set_beside_these(steps):
    (row,) = steps(1)
    for seen in (
        value_of(right=(0.9,), labels=(0.7,)),  # trained on the last step only
        value_of(right=(0.9, 0.9, 0.9, 0.9), labels=(1.0, 0.0, 0.0, 0.7)),  # trained before a label was mended
    ):
        assert run_marks(row, seen) == ({},)
        assert saw_other_steps(row, seen)
    # A cut takes the last steps of this row, but a run with a longer limit saw them.
    cut = replace(row, sequences=(replace(row.sequences[0], kept_end=30),))
    assert saw_other_steps(cut, value_of(right=(0.9, 0.9, 0.9, 0.9), labels=LABELS))
    assert not saw_other_steps(row, value_of(right=(0.9, 0.9, 0.9, 0.9), labels=LABELS))


def test_both_sides_of_a_pair_say_who_was_ahead_where_the_reward_is_read(make_pair):
    row = make_pair(0)
    for margin, said in (
        (0.42, [("agrees", "run: ahead by 0.42"), ("agrees", "run: behind by 0.42")]),
        (-2.5, [("disagrees", "run: behind by 2.5, disagrees"), ("disagrees", "run: ahead by 2.5, disagrees")]),
        (0.0, [("disagrees", "run: level, undecided")] * 2),
    ):
        sides = run_marks(row, value_of(margin=margin))
        assert [marks[sequence.pooled] for marks, sequence in zip(sides, row.sequences, strict=True)] == said


def test_each_sample_of_a_row_has_its_own_values(tmp_path):
    visits = {
        "v": 1, "kind": "visits", "split": "train", "steps": [1], "epochs": [0.5], "counts": [2], "dataset": 0,
        "row": 4, "item": [0, 1], "loss": [0.1, 2.0], "probability": [[0.9, 0.8], [0.2]], "label": [[1, 1], [1]],
    }  # fmt: skip
    (tmp_path / "rows.jsonl").write_text(json.dumps(visits) + "\n")
    values = read_run_values(tmp_path, "run")
    assert values.samples[0, 4, 0].right == (0.9, 0.8)
    assert values.samples[0, 4, 1].right == (0.2,)
    assert values.rows[0, 4].loss == 2.0  # a row is as hard as its worst sample
