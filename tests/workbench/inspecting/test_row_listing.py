import numpy as np
import pytest

from workbench.row_listing import Aspect, Condition, Order, length_range, listed
from workbench.row_table import RowTable


@pytest.fixture
def table(pairs, summarise):
    """The demo's rows in short: 60, of which rows 5, 16, 27, 38 and 49 are refused, and every seventh from 3 on cut."""
    made = RowTable(60)
    rows = pairs()
    for start in range(0, 60, 16):
        made.add(summarise(rows[start : start + 16], start, 60))
    return made


def by(table, aspect, value="", marked=()):
    return listed(table, (Condition(aspect, value),), Order.SOURCE, marked)


def test_conditions_admit_what_they_say(table):
    assert by(table, Aspect.DROPPED) == [5, 16, 27, 38, 49]
    assert by(table, Aspect.REASON, "missing-field") == [5, 16, 27, 38, 49]
    assert by(table, Aspect.FINDING, "missing-field") == [5, 16, 27, 38, 49]
    assert by(table, Aspect.FINDING, "answer-cut") == by(table, Aspect.PART, "answer") == by(table, Aspect.CUT)
    assert by(table, Aspect.CUT)[:3] == [3, 10, 17]
    assert len(by(table, Aspect.KEPT)) == 55
    assert by(table, Aspect.FINDING, "never-seen") == by(table, Aspect.PART, "prompt") == []
    assert by(table, Aspect.MARKED, marked=[40, 7]) == [7, 40]


def test_conditions_together_admit_what_meets_all(table):
    both = (Condition(Aspect.CUT), Condition(Aspect.MARKED))
    assert listed(table, both, Order.SOURCE, marked=[4, 10]) == [10]


def test_lengths_are_those_of_the_longer_side(table, pairs):
    longest = {row.row: max((len(side.ids) for side in row.sequences), default=-1) for row in pairs()}
    found = by(table, Aspect.LENGTH, "50-60")
    assert found == [row for row, length in longest.items() if 50 <= length <= 60]
    assert found


@pytest.mark.parametrize(
    ("text", "bounds"),
    [("100-200", (100, 200)), (">512", (513, 1 << 40)), ("<= 1,000", (0, 1000)), ("64-", (64, 1 << 40)), ("7", (7, 7))],
)
def test_ranges_of_lengths(text, bounds):
    assert length_range(text) == bounds


@pytest.mark.parametrize("text", ["", "-", "long", "1-2-3", "->4"])
def test_what_is_no_range_of_lengths(text):
    assert length_range(text) is None


def test_rows_without_tokens_come_last_by_length(table):
    for order in (Order.LONGEST, Order.SHORTEST):
        rows = listed(table, (), order)
        assert rows[-5:] == [5, 16, 27, 38, 49]
        lengths = [max(table.get(row).lengths) for row in rows[:-5]]
        assert lengths == sorted(lengths, reverse=order is Order.LONGEST)


def test_difference_is_chosen_less_rejected(table):
    first = table.get(listed(table, (), Order.DIFFERENCE)[0])
    assert first.lengths[0] - first.lengths[1] == max(
        row.lengths[0] - row.lengths[1] for at in range(60) if len((row := table.get(at)).lengths) == 2
    )


def test_rows_that_a_run_never_saw_come_last(table):
    values = np.full(60, np.nan)
    values[[8, 2, 30]] = 0.5, 2.0, 1.0
    assert listed(table, (), Order.LOSS, values=values)[:4] == [2, 30, 8, 0]
    assert listed(table, (), Order.MARGIN, values=values)[:4] == [8, 30, 2, 0]


def test_rows_not_known_are_not_listed(pairs, summarise):
    table = RowTable(60)
    table.add(summarise(pairs()[16:32], 16, 60))
    assert listed(table, (), Order.SOURCE) == list(range(16, 32))
    assert (table.read, table.unknown_from, table.complete) == (16, 0, False)
    assert table.get(3) is None
    assert table.reasons() == {"missing-field": 2}


def test_a_row_in_short_says_what_the_row_is(table, pairs):
    row, short = pairs()[3], table.get(3)
    assert short.place == (0, 3)
    assert short.lengths == tuple(len(side.ids) for side in row.sequences)
    assert [code for code, _ in short.findings] == ["answer-cut", "truncated"]
    assert short.margin == 1.5
    assert table.get(5).reason == "missing-field"
