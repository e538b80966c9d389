import pytest

from engine.inspector.check_messages import Lengths
from workbench.length_budget import budget_at


def histogram(values, width=10):
    edges = tuple(range(0, max(values) + width + 1, width))
    counts = tuple(sum(low <= v < low + width for v in values) for low in edges[:-1])
    return Lengths(edges, counts, min(values), 0, 0, max(values), sum(values), 50)


@pytest.mark.parametrize("limit", [0, 7, 50, 99, 120, 400])
def test_close_to_the_exact_count(limit):
    values = [5 * i % 397 + 3 for i in range(500)]
    budget = budget_at(histogram(values), limit)
    assert budget.whole == pytest.approx(sum(v <= limit for v in values) / 500, abs=0.02)
    assert budget.tokens == pytest.approx(sum(min(v, limit) for v in values) / sum(values), abs=0.02)


def test_nothing_is_lost_at_the_longest():
    lengths = histogram([3, 8, 41])
    assert budget_at(lengths, 41).whole == budget_at(lengths, 41).tokens == 1
    assert budget_at(Lengths((0, 1), (0,), 0, 0, 0, 0, 0, 5), 5).tokens == 1
