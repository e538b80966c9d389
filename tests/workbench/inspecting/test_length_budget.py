"""What a cut keeps, in words, under each strategy."""

from dataclasses import replace

import pytest

from engine.inspector.check_messages import KeptAt, LengthBudget
from workbench.length_budget import caption, stop_beside, stop_near

AT = (KeptAt(256, 300, 300, 30_000), KeptAt(512, 900, 800, 90_000), KeptAt(700, 1_000, 1_000, 120_000))
BUDGET = LengthBudget("drop", 512, 1_000, 120_000, AT)


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ("drop", "900 rows kept (75 %), 75 % of tokens; 100 too long, dropped"),
        ("truncate", "900 rows kept (75 %), 75 % of tokens; 100 cut, 100 lost by it"),
        ("truncate_prompt", "900 rows kept (75 %), 75 % of tokens; 100 cut, 100 lost by it"),
        ("raise", "200 rows longer: training would not start (`excess_length_strategy: raise`)"),
    ],
)
def test_the_caption_follows_the_strategy(strategy, said):
    assert caption(replace(BUDGET, strategy=strategy), 512, 1_200) == said


def test_all_is_kept_at_the_longest():
    assert caption(BUDGET, 700, 1_000) == "1,000 rows kept (100 %), 100 % of tokens; 0 too long, dropped"
    assert caption(replace(BUDGET, strategy="raise"), 700, 1_000, wide=False) == "no row is longer"
    assert caption(replace(BUDGET, samples=0, tokens=0, at=(KeptAt(512, 0, 0, 0),)), 512, 0) == (
        "0 rows kept, no tokens; 0 too long, dropped"
    )


def test_the_cut_moves_between_the_lengths_that_were_counted():
    assert [stop_beside(BUDGET, 512, by) for by in (-9, -1, 0, 1, 9)] == [256, 256, 512, 700, 700]
    assert [stop_near(BUDGET, length) for length in (0, 383, 385, 10_000)] == [256, 256, 512, 700]
