from types import SimpleNamespace

import pytest

from engine.sample import SampleId
from engine.trainer.subset import SubsetError, subsets_of


class Rows(list):
    columns = ("prompt", "section")


def opened(dataset, rows, column="section"):
    return SimpleNamespace(
        dataset=dataset, config=SimpleNamespace(field_subset=column, path="rows.jsonl"), source=Rows(rows)
    )


def test_each_row_has_the_name_in_its_column():
    first = opened(0, [{"section": "chat"}, {"section": " code\x1b[2J "}, {"section": None}, {}, {"section": 3}])
    second = opened(1, [{"section": "chat"}], column=None)
    rows = [SampleId(0, i) for i in range(5)] + [SampleId(0, 0, 1), SampleId(1, 0)]
    named = subsets_of(rows, [first, second])
    assert [named.get(row) for row in rows] == ["chat", "code␛[2J", "(none)", "(none)", "3", "chat", None]


def test_a_column_that_no_row_has_is_refused_with_the_nearest():
    with pytest.raises(SubsetError, match="did you mean `section`") as caught:
        subsets_of([SampleId(0, 0)], [opened(0, [{"section": "x"}], column="sections")])
    assert "`prompt`" in caught.value.advice
