import numpy as np
import pytest

from engine.sample import SampleId
from engine.trainer.histogram import spread
from engine.trainer.results import Results


def results(scores, labels=None):
    count = len(scores)
    rows = [SampleId(0, i) for i in range(count)]
    ones = np.ones(count, dtype=np.int64)
    return Results(rows, [1] * count, [0.0] * count, ones, np.array(scores), np.zeros(count), labels)


@pytest.mark.parametrize(("centre", "scale"), [(0, 1), (-3, 0.01), (500, 100), (0, 1e-5), (1e4, 1)])
def test_each_reward_lies_in_its_bin(centre, scale):
    rewards = np.random.default_rng(0).normal(centre, scale, (200, 2))
    low, width, counts = spread(results(rewards))
    bins = len(counts["chosen"])
    assert 10 <= bins <= 40
    assert low / width == pytest.approx(round(low / width), abs=1e-3)
    for side, values in zip(("chosen", "rejected"), rewards.T, strict=True):
        assert sum(counts[side]) == 200
        edges = low + width * np.arange(bins + 1)
        expected, _ = np.histogram(values, edges)
        assert np.abs(np.array(counts[side]) - expected).sum() <= 2


def test_equal_rewards_fill_one_bin():
    assert spread(results([[2.5, 2.5]] * 4))[2] == {"chosen": (4,), "rejected": (4,)}


def test_what_is_not_finite_is_left_out():
    _, _, counts = spread(results([[np.nan, 1.0], [np.inf, 2.0]]))
    assert sum(counts["chosen"]) == 0
    assert sum(counts["rejected"]) == 2
    assert spread(results([[np.nan, np.nan]]))[2] == {"chosen": (0,), "rejected": (0,)}


def test_steps_are_spread_by_their_probability():
    logits = [[-50.0, 50.0], [50.0, -50.0], [0.0, 0.0]]
    low, width, counts = spread(results(logits, np.array([1.0, 0.0, 0.0])))
    assert (low, width) == (0.0, 0.05)
    assert counts["right"] == (0,) * 19 + (1,)
    assert counts["wrong"] == (1,) + (0,) * 9 + (1,) + (0,) * 9
