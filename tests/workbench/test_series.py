import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.widgets.series import FAN, Series


def series_of(values, axes=("step",)):
    series = Series(axes)
    for index, value in enumerate(values):
        series.append((index,) * len(axes), value)
    return series


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=900), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_buckets_hold_every_value_once_with_its_extremes(values, columns):
    series = series_of(values)
    buckets = series.buckets("step", 0, len(values) - 1, columns)
    assert sum(bucket.count for bucket in buckets) == len(values)
    position = 0
    for bucket in buckets:
        part = values[position : position + bucket.count]
        assert (bucket.minimum, bucket.maximum) == (min(part), max(part))
        assert bucket.mean == pytest.approx(math.fsum(part) / len(part), abs=1e-6)
        position += bucket.count
    assert len(buckets) <= columns or len(values) <= columns


def test_a_window_leaves_out_what_lies_beyond_it():
    buckets = series_of(range(100)).buckets("step", 40, 49, 5)
    assert [(bucket.minimum, bucket.maximum) for bucket in buckets] == [
        (40, 41),
        (42, 43),
        (44, 45),
        (46, 47),
        (48, 49),
    ]


def test_few_values_are_each_a_bucket_at_their_own_place():
    series = Series()
    for x, y in ((3, 1.0), (7, 2.0)):
        series.append(x, y)
    assert [(bucket.x, bucket.mean) for bucket in series.buckets("step", 0, 10, 50)] == [(3, 1.0), (7, 2.0)]


def test_what_is_not_finite_leaves_a_gap_and_its_place():
    series = series_of([1.0, None, math.nan, 2.0, math.inf, 3.0])
    assert list(series.y) == [1.0, 2.0, 3.0]
    assert [bucket.gap for bucket in series.buckets("step", 0, 5, 50)] == [False, True, True]
    assert list(series.not_finite["step"]) == [1, 2, 4]


def test_a_gap_is_seen_from_afar():
    values = [1.0] * 5000
    values[2500] = math.nan
    buckets = series_of(values).buckets("step", 0, 4999, 50)
    assert [index for index, bucket in enumerate(buckets) if bucket.gap] == [25]


def test_the_moving_average_does_not_reach_over_a_gap():
    series = series_of([10.0, 10.0, None, 2.0, 4.0])
    assert series.trailing_mean(3, 3) == 3.0
    assert series.trailing_mean(1, 5) == 10.0


@given(st.integers(0, 700), st.integers(0, 700), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_a_run_that_resumes_forgets_what_it_trains_again(count, keep, more):
    draw = random.Random(count)
    values = [draw.random() for _ in range(count)]
    series = series_of(values)
    series.cut_after("step", keep - 1)
    again = [draw.random() for _ in range(more)]
    for offset, value in enumerate(again):
        series.append(keep + offset, value)
    expected = values[:keep] + again
    assert list(series.y) == expected
    for bucket in series.buckets("step", 0, count + keep + more, 1) if len(expected) > 1 else ():
        assert (bucket.minimum, bucket.maximum, bucket.count) == (min(expected), max(expected), len(expected))


def test_many_at_once_is_the_same_as_one_by_one():
    values = [math.sin(index) if index % 97 else None for index in range(3 * FAN**2 + 5)]
    one, many = series_of(values, ("step", "time")), Series(("step", "time"))
    for start in range(0, len(values), 50):
        part = values[start : start + 50]
        places = range(start, start + len(part))
        many.extend([places, places], part)
    assert one.y == many.y
    assert one.buckets("time", 0, 800, 40) == many.buckets("time", 0, 800, 40)


def test_a_clock_that_steps_back_does_not_fold_the_line():
    series = Series(("step", "time"))
    for step, time in enumerate((0.0, 5.0, 3.0, 6.0)):
        series.append((step, time), 1.0)
    assert list(series.x["time"]) == [0.0, 5.0, 5.0, 6.0]


def test_the_nearest_value():
    series = Series()
    for x in (0, 10, 20):
        series.append(x, float(x))
    assert [series.nearest("step", x) for x in (-5, 4, 6, 14.9, 99)] == [0, 0, 1, 1, 2]
    assert Series().nearest("step", 1) is None
