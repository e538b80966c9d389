import math

from hypothesis import given
from hypothesis import strategies as st

from workbench.widgets.ticks import (
    clock_label,
    log_ticks,
    nice_ticks,
    short_duration,
    tick_labels,
    time_ticks,
)


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(1, 12))
def test_ticks_are_within_the_range_and_not_too_many(low, span, most):
    ticks = nice_ticks(low, low + span, most)
    assert len(ticks) <= most
    assert all(low - 1e-6 * span <= tick <= low + span * (1 + 1e-6) or math.isclose(tick, low) for tick in ticks)


def test_ticks_are_round():
    assert tick_labels(nice_ticks(0.13, 0.78, 5)) == ["0.2", "0.4", "0.6"]
    assert tick_labels(nice_ticks(0, 99_999, 6)) == ["0", "20k", "40k", "60k", "80k"]
    assert tick_labels(nice_ticks(0, 0.0004, 5)) == ["0", "1e-4", "2e-4", "3e-4", "4e-4"]


def test_ticks_of_a_logarithm_are_powers_of_ten_over_a_long_range():
    assert log_ticks(0.002, 300, 4) == [0.01, 1.0, 100.0]
    assert log_ticks(0.15, 0.9, 5) == [0.2, 0.5]
    assert log_ticks(-1, 5, 5) == []


def test_ticks_of_time_are_those_of_a_clock():
    assert [clock_label(tick) for tick in time_ticks(0, 700, 6)] == ["0s", "2m", "4m", "6m", "8m", "10m"]
    assert [clock_label(tick) for tick in time_ticks(0, 8000, 4)] == ["0s", "1h", "2h"]


def test_durations():
    assert [short_duration(s) for s in (7.4, 185, 7800, 200_000)] == ["7 s", "3 m 05 s", "2 h 10 m", "2 d 7 h"]
