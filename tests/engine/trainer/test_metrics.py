import math

import pytest
import torch

from engine.encode.encoding import EncodedRow, PairEncoding
from engine.sample import SampleId
from engine.trainer.metrics import Interval, Throughput, length_baseline


def batch(weight, labels=None, **counts):
    made = {"weight": torch.tensor(weight), "tokens": 10, "computed": 16, "padding": 6} | counts
    return made if labels is None else made | {"labels": torch.tensor(labels)}


def interval_of(*parts):
    interval = Interval()
    for scores, losses, made in parts:
        interval.add(torch.tensor(scores), torch.tensor(losses), made)
    return interval


def alone(items):
    return items


def test_pairs():
    interval = interval_of(
        ([[2.0], [1.0], [1.0], [1.0]], [0.1, 0.7], batch([1.0, 1.0])),
        ([[0.0], [9.0], [3.0], [9.0]], [0.4, 99.0], batch([1.0, 0.0])),
    )
    metrics, throughput = interval.gathered(alone)
    assert metrics["loss"] == pytest.approx(0.4)
    assert metrics["accuracy"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert metrics["ties"] == pytest.approx(1 / 3)
    assert metrics["margin"] == pytest.approx((1 + 0 - 3) / 3)
    assert (metrics["reward_min"], metrics["reward_max"]) == (0, 3)
    assert (metrics["chosen_reward"], metrics["rejected_reward"]) == (1, pytest.approx(5 / 3))
    assert metrics["reward_std"] == pytest.approx(torch.tensor([2.0, 1, 1, 1, 0, 3]).std(correction=0).item())
    assert (throughput.tokens, throughput.computed, throughput.padding) == (20, 32, 12)


def test_steps():
    """Labels 1 1 1 0 0, said 1 1 0 0 1; a soft label of 0.7 counts as right; a filler counts for nothing."""
    scores = [[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    made = batch([1.0, 1, 1, 1, 1, 0], [1.0, 0.7, 1, 0, 0.2, 0])
    metrics, _ = interval_of((scores, [1.0, 1, 1, 1, 1, 50], made)).gathered(alone)
    assert metrics["loss"] == 1
    assert metrics["accuracy"] == 3 / 5
    assert metrics["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert metrics["f1_error"] == pytest.approx(2 * 1 / (2 * 1 + 1 + 1))
    assert metrics["majority_baseline"] == 3 / 5
    assert metrics["positive_rate"] == 3 / 5


def test_one_class_alone():
    metrics, _ = interval_of(([[0.0, 1.0]], [0.5], batch([1.0], [1.0]))).gathered(alone)
    assert (metrics["accuracy"], metrics["balanced_accuracy"], metrics["majority_baseline"]) == (1, 1, 1)
    assert math.isnan(metrics["f1_error"])


def test_several_processes_add_up():
    parts = [
        ([[2.0], [1.0]], [0.1], batch([1.0])),
        ([[0.0], [4.0]], [0.3], batch([1.0])),
        ([[7.0], [4.0]], [0.9], batch([0.0])),
    ]
    whole, _ = interval_of(*parts).gathered(alone)
    others = [(interval.sums(), interval.throughput) for interval in map(interval_of, parts)]
    gathered, throughput = interval_of(parts[0]).gathered(lambda mine: mine + others[1:])
    assert gathered == pytest.approx(whole)
    assert throughput.tokens == 30


def test_throughput():
    values = Throughput(100, 160, 40).metrics(seconds=2.0, steps=4)
    assert values == {"tokens_per_second": 50, "padding_fraction": 0.25, "step_time": 0.5}


def test_length_baseline_takes_the_better_rule():
    def row(chosen, rejected):
        return EncodedRow(SampleId(0, 0), PairEncoding([1] * chosen, [1] * rejected, 0, 0, 0), None)

    assert length_baseline([row(5, 2), row(5, 2), row(2, 5), row(3, 3)]) == 2.5 / 4
    assert length_baseline([row(2, 5), row(2, 5), row(2, 5), row(5, 2)]) == 3 / 4
    assert math.isnan(length_baseline([]))
