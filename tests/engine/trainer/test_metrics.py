import math

import numpy as np
import pytest
import torch

from engine.encode.encoding import EncodedRow, PairEncoding
from engine.sample import SampleId
from engine.trainer.metrics import by_subset, length_baseline, memory, metrics_of, throughput
from engine.trainer.results import Interval, Passed


def batch(rows, weight, labels=None, items=None, **counts):
    made = {"rows": [SampleId(0, row) for row in rows], "items": items or [1] * len(rows)}
    made |= {"weight": torch.tensor(weight), "tokens": 10, "computed": 16, "padding": 6} | counts
    return made if labels is None else made | {"labels": torch.tensor(labels)}


def interval_of(*parts):
    interval = Interval()
    for step, (scores, losses, made) in enumerate(parts, start=1):
        interval.add(torch.tensor(scores), torch.tensor(losses), made, step, step / 10)
    return interval


def alone(items):
    return items


def test_pairs():
    interval = interval_of(
        ([[2.0], [1.0], [1.0], [1.0]], [0.1, 0.7], batch([3, 4], [1.0, 1.0])),
        ([[0.0], [9.0], [3.0], [9.0]], [0.4, 99.0], batch([5, 6], [1.0, 0.0])),
    )
    results, passed = interval.gathered(alone)
    metrics = metrics_of(results)
    assert metrics["loss"] == pytest.approx(0.4)
    assert metrics["accuracy"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert metrics["ties"] == pytest.approx(1 / 3)
    assert metrics["margin"] == pytest.approx((1 + 0 - 3) / 3)
    assert (metrics["reward_min"], metrics["reward_max"]) == (0, 3)
    assert (metrics["chosen_reward"], metrics["rejected_reward"]) == (1, pytest.approx(5 / 3))
    assert metrics["reward_std"] == pytest.approx(torch.tensor([2.0, 1, 1, 1, 0, 3]).std(correction=0).item())
    assert (passed.tokens, passed.computed, passed.padding) == (20, 32, 12)


def steps_batch():
    """Labels 1 1 | 1 0 0, said 1 1 | 0 0 1; a soft label of 0.7 counts as right; a filler counts for nothing."""
    scores = [[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    made = batch([1, 2, 1], [1.0, 1, 1, 1, 1, 0], [1.0, 0.7, 1, 0, 0.2, 0], items=[2, 3, 1])
    return scores, [1.0, 1, 1, 1, 1, 50], made


def test_steps():
    metrics = metrics_of(interval_of(steps_batch()).results())
    assert metrics["loss"] == 1
    assert metrics["accuracy"] == 3 / 5
    assert metrics["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert metrics["f1_error"] == pytest.approx(2 * 1 / (2 * 1 + 1 + 1))
    assert metrics["majority_baseline"] == 3 / 5
    assert metrics["positive_rate"] == 3 / 5


def test_steps_by_position():
    """First steps are said 1 (of 1) and 0 (of 1), second 1 (of 0.7) and 0 (of 0), the third 1 (of 0.2)."""
    metrics = metrics_of(interval_of(steps_batch()).results())
    positions = {name: value for name, value in metrics.items() if name.startswith("step_accuracy")}
    assert positions == {"step_accuracy/1": 0.5, "step_accuracy/2": 1.0, "step_accuracy/3": 0.0}


def test_positions_are_bounded():
    labels = [1.0] * 12 + [0.0]
    made = batch([0], [1.0] * 13, labels, items=[13])
    metrics = metrics_of(interval_of(([[0.0, 1.0]] * 13, [1.0] * 13, made)).results())
    assert [name for name in metrics if name.startswith("step_accuracy")][-2:] == [
        "step_accuracy/10",
        "step_accuracy/11+",
    ]
    assert metrics["step_accuracy/11+"] == pytest.approx(2 / 3)


def test_one_class_alone():
    metrics = metrics_of(interval_of(([[0.0, 1.0]], [0.5], batch([0], [1.0], [1.0]))).results())
    assert (metrics["accuracy"], metrics["balanced_accuracy"], metrics["majority_baseline"]) == (1, 1, 1)
    assert math.isnan(metrics["f1_error"])


def test_no_rows_have_no_metrics():
    assert metrics_of(Interval().results()) == {}


@pytest.mark.parametrize("kind", ["pair", "steps"])
def test_several_processes_give_what_one_does_in_the_order_of_steps(kind):
    """The second process has a filler in one step and, of steps, rows with other numbers of them."""
    generator = torch.Generator().manual_seed(0)

    def part(rows, items, real):
        count = sum(items)
        scores = torch.randn(count * 2, 1, generator=generator) if kind == "pair" else torch.randn(count, 2)
        weight = [float(alive) for alive, of_row in zip(real, items, strict=True) for _ in range(of_row)]
        labels = None if kind == "pair" else [float(i % 2) for i in range(count)]
        return scores.tolist(), torch.rand(count).tolist(), batch(rows, weight, labels, items=items)

    sizes = [1, 1] if kind == "pair" else [3, 1]
    first = [part([0, 1], sizes, [1, 1]), part([4, 5], sizes[::-1], [1, 1])]
    second = [part([2, 3], sizes, [1, 1]), part([9], sizes[:1], [0])]
    whole = interval_of(*first, *second[:1]).results()
    mine, other = interval_of(*first), interval_of(*second)
    results, passed = mine.gathered(lambda parts: [*parts, (other.results(), other.passed)])
    assert [row.row for row in results.rows] == [0, 1, 2, 3, 4, 5]
    assert list(results.steps) == [1, 1, 1, 1, 2, 2]
    assert metrics_of(results) == pytest.approx(metrics_of(whole))
    ours = {
        row: tuple(map(tuple, results.only(np.array([r == row for r in results.rows])).scores)) for row in results.rows
    }
    theirs = {row: tuple(map(tuple, whole.only(np.array([r == row for r in whole.rows])).scores)) for row in whole.rows}
    assert ours == theirs
    assert passed.tokens == 40


def test_the_slowest_process_says_how_long_steps_waited_for_data():
    assert Passed.joined([Passed(1, 2, 0, 0.5), Passed(10, 20, 3, 2.0)]) == Passed(11, 22, 3, 2.0)


def test_throughput():
    values = throughput(Passed(100, 160, 40, 0.5), seconds=2.0, steps=4)
    assert values == {"tokens_per_second": 50, "padding_fraction": 0.25, "step_time": 0.5, "data_time": 0.125}


def test_memory_is_that_of_all_processes_together():
    one = memory(alone)["host_memory_gib"]
    assert memory(lambda mine: [*mine, (2 << 30, 0)])["host_memory_gib"] == pytest.approx(one + 2, abs=0.1)
    assert memory(lambda mine: [(1, 3 << 30), (1, 5 << 30)])["gpu_memory_gib"] == 5


def test_subsets_have_metrics_of_their_own():
    scores = [[2.0], [1.0], [0.0], [1.0], [3.0], [1.0]]
    results = interval_of((scores, [0.1, 0.2, 0.6], batch([0, 1, 2], [1.0] * 3))).results()
    found = by_subset(results, {SampleId(0, 0): "chat", SampleId(0, 1): "code", SampleId(0, 2): "chat"})
    assert found == pytest.approx(
        {
            "loss/chat": 0.35,
            "accuracy/chat": 0.5,
            "margin/chat": 0.0,
            "loss/code": 0.2,
            "accuracy/code": 0.0,
            "margin/code": -2.0,
        }
    )


def test_rows_of_a_data_set_without_subsets_are_in_none():
    results = interval_of(([[2.0], [1.0], [0.0], [1.0]], [0.1, 0.2], batch([0, 1], [1.0] * 2))).results()
    assert by_subset(results, {SampleId(0, 1): "code"}) == pytest.approx(
        {"loss/code": 0.2, "accuracy/code": 0.5, "margin/code": 0.0}
    )
    assert by_subset(results, {}) == {}


def test_small_subsets_share_one_name():
    rows = list(range(200))
    scores = [[1.0]] * 200 + [[0.0]] * 200
    results = interval_of((scores, [0.5] * 200, batch(rows, [1.0] * 200))).results()
    found = by_subset(results, {SampleId(0, row): f"s{row if row < 100 else 0}" for row in rows})
    names = [name for name in found if name.startswith("accuracy/")]
    assert "accuracy/s0" in names
    assert "accuracy/(others)" in names
    assert len(names) == 65


def test_length_baseline_takes_the_better_rule():
    def row(chosen, rejected):
        return EncodedRow(SampleId(0, 0), PairEncoding([1] * chosen, [1] * rejected, 0, 0, 0), None)

    assert length_baseline([row(5, 2), row(5, 2), row(2, 5), row(3, 3)]) == 2.5 / 4
    assert length_baseline([row(2, 5), row(2, 5), row(2, 5), row(5, 2)]) == 3 / 4
    assert math.isnan(length_baseline([]))
