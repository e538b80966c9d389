import math

import pytest

from engine.words import fraction, short_number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.42313, "0.4231"),
        (12.345, "12.35"),
        (-1.5, "-1.500"),
        (81_234, "81.2k"),
        (-81_234, "-81.2k"),
        (1.5e6, "1.5M"),
        (2e-5, "2e-5"),
        (3.8e-4, "3.8e-4"),
        (0, "0"),
        (64.0, "64"),
        (None, "–"),
        (math.nan, "NaN"),
        (-math.inf, "-∞"),
    ],
)
def test_numbers_are_short(value, text):
    assert short_number(value) == text


def test_an_accuracy_keeps_its_width():
    assert [fraction(value) for value in (1.0, 0.96671, None)] == ["1.000", "0.967", "–"]
