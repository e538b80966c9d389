"""Length histograms account for every sequence, at round edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.check.lengths import lengths, round_width


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=300))
def test_every_count_is_in_the_bin_that_its_edges_say(counts):
    result = lengths(counts, 512)
    assert sum(result.counts) == len(counts)
    assert list(result.edges) == sorted(set(result.edges))
    assert len(result.edges) == len(result.counts) + 1 <= 40
    for low, high, count in zip(result.edges, result.edges[1:], result.counts, strict=False):
        assert count == sum(low <= value < high for value in counts)
    assert (result.minimum, result.maximum, result.tokens) == (min(counts), max(counts), sum(counts))
    assert result.median == sorted(counts)[(len(counts) - 1) // 2]
    assert result.limit == 512


def test_a_few_outliers_do_not_flatten_the_rest():
    result = lengths([*range(100, 200)] * 10 + [50_000], 0)
    assert sum(1 for count in result.counts if count) > 20


def test_no_sequences():
    assert lengths([], 512).counts == (0,)


@pytest.mark.parametrize(("least", "width"), [(0.2, 1), (1, 1), (1.1, 2), (3, 5), (7, 10), (11, 20), (201, 500)])
def test_widths_are_round(least, width):
    assert round_width(least) == width
