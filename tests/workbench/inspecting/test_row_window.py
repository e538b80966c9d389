import pytest

from engine.inspector.messages import Failure, Rows
from workbench.row_search import Query
from workbench.row_window import FetchError, RowWindow, runs


class Source:
    def __init__(self, rows):
        self.rows = rows
        self.asked = []

    async def __call__(self, start, stop):
        self.asked.append((start, stop))
        places = sorted({(row.dataset, row.row) for row in self.rows})[start:stop]
        return Rows(tuple(row for row in self.rows if (row.dataset, row.row) in places), len(self.rows))


async def test_a_row_held_is_not_asked_for_again(pairs):
    source = Source(pairs(20))
    window = RowWindow(source, 20)
    assert (await window.get(4))[0].row == 4
    await window.prefetch([3, 5, 6])
    assert source.asked == [(4, 5), (3, 4), (5, 7)]
    assert window.ready(6)[0].row == 6
    assert window.ready(7) is None
    assert len(source.asked) == 3


async def test_rows_with_several_samples_count_once(pairs):
    first, second = pairs(2)
    several = [first, *(type(first)(**{**fields(first), "item": item}) for item in (1, 2)), second]
    window = RowWindow(Source(several), 2)
    await window.prefetch([0, 1])
    assert [sample.item for sample in window.ready(0)] == [0, 1, 2]
    assert [sample.row for sample in window.ready(1)] == [1]


async def test_a_failure_is_passed_on():
    async def fetch(start, stop):
        return Failure("the file is gone", "data.jsonl", "put it back")

    with pytest.raises(FetchError, match="the file is gone"):
        await RowWindow(fetch, 3).get(1)


def test_positions_become_stretches():
    assert runs([5, 1, 2, 3, 9, 5]) == [(1, 4), (5, 6), (9, 10)]
    assert runs([]) == []


def test_text_is_found_over_token_borders_and_after_the_cursor(pairs):
    sequence = pairs(1)[0].sequences[1]
    start, stop = Query("CAPITAL of").find(sequence)
    assert "capital of" in sequence.text[sequence.starts[start] : sequence.ends[stop - 1]]
    again, _ = Query("capital of").find(sequence, start)
    assert again > start
    assert Query("capital of").find(sequence, again) is None
    assert Query("a.b").find(sequence) is None


def test_a_token_is_found_by_its_id(pairs):
    sequence = pairs(1)[0].sequences[0]
    assert Query(f"#{sequence.ids[3]}").find(sequence)[0] == sequence.ids.index(sequence.ids[3])
    assert Query("#99999999").find(sequence) is None


def fields(row):
    return {name: getattr(row, name) for name in row.__slots__}
