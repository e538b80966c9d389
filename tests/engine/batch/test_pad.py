import torch

from engine.batch.pad import PadCollator
from engine.batch.schedule import SlottedRow
from engine.encode.encoding import EncodedRow, PairEncoding, StepsEncoding
from engine.sample import SampleId


def row(encoding, index=0, filler=False):
    return SlottedRow(EncodedRow(SampleId(0, index), encoding, None), filler)


def test_pairs_become_chosen_rows_then_rejected_rows():
    batch = PadCollator(9)(
        [row(PairEncoding([1, 2, 3], [1, 2], 2, 1, 1)), row(PairEncoding([4], [5, 6], 0, 0, 0), 1, filler=True)]
    )
    assert batch["input_ids"].tolist() == [[1, 2, 3], [4, 9, 9], [1, 2, 9], [5, 6, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0], [1, 1, 0], [1, 1, 0]]
    assert batch["input_ids"].flatten()[batch["read"]].tolist() == [3, 4, 2, 5]
    assert batch["weight"].tolist() == [1, 0]
    assert "margin" not in batch
    assert (batch["tokens"], batch["computed"], batch["padding"]) == (5, 12, 4)
    assert batch["rows"] == [SampleId(0, 0), SampleId(0, 1)]


def test_one_margin_makes_the_others_zero():
    batch = PadCollator(0)([row(PairEncoding([1], [2], 0, 0, 0, margin=m)) for m in (0.5, None)])
    assert batch["margin"].tolist() == [0.5, 0]


def test_steps_are_read_where_they_are_labelled():
    batch = PadCollator(0)(
        [row(StepsEncoding([1, 2, 3], [-100, 1, 0])), row(StepsEncoding([4, 5, 6, 7], [-100, -100, -100, 0.25]), 1)]
    )
    assert batch["input_ids"].flatten()[batch["read"]].tolist() == [2, 3, 7]
    torch.testing.assert_close(batch["labels"], torch.tensor([1, 0, 0.25]))
    assert batch["weight"].tolist() == [1, 1, 1]
