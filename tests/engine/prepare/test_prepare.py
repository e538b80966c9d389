"""Which rows train and which evaluate, and that all of them are accounted for."""

import pytest

from engine.error import EngineError
from engine.finding import Ledger
from engine.prepare.error import LengthError, PrepareError
from engine.prepare.open import OpenCache, open_preset
from engine.prepare.rows import encode_rows
from engine.prepare.sets import prepare
from engine.preset.load import load_preset
from tests.engine.conftest import pair_rows, steps_rows


def opened(path, *overrides, cache=None):
    return open_preset(load_preset(str(path), overrides), cache)


def rows_of(opened_preset, split):
    return [encoded.id.row for _, _, encoded in encode_rows(opened_preset, split)]


def test_without_held_out_data_every_row_trains(write_preset):
    preset = opened(write_preset(pair_rows(25)))
    prepared = prepare(preset)
    assert prepared.train.ledger == Ledger(25, 25, {})
    assert prepared.eval is None
    assert rows_of(preset, "train") == list(range(25))


@pytest.mark.parametrize(("size", "held_out"), [("0.2", 5), ("5", 5), ("0.04", 1), ("0.01", 1), ("0.99", 24)])
def test_val_set_size_parts_the_rows(write_preset, size, held_out):
    path = write_preset(pair_rows(25), f"val_set_size: {size}\n")
    train, evaluate = rows_of(opened(path), "train"), rows_of(opened(path), "eval")
    assert len(evaluate) == held_out
    assert sorted(train + evaluate) == list(range(25))
    assert train == sorted(train), "source order"
    assert rows_of(opened(path), "eval") == evaluate, "the same rows at every opening"
    assert rows_of(opened(path, "seed=7", "val_set_size=10"), "eval") != rows_of(
        opened(path, "val_set_size=10"), "eval"
    )


def test_setting_everything_aside_is_refused(write_preset):
    with pytest.raises(PrepareError, match="leaves none to train on"):
        opened(write_preset(pair_rows(4), "val_set_size: 4\n"))


def test_several_data_sets_are_laid_end_to_end(write_preset, tmp_path):
    path = write_preset(pair_rows(3), "  - path: rows.jsonl\ntest_datasets:\n  - path: rows.jsonl\n")
    preset = opened(path)
    assert [(e.id.dataset, e.id.row) for _, _, e in encode_rows(preset, "train", 2, 5)] == [(0, 2), (1, 0), (1, 1)]
    assert [(e.id.dataset, e.id.row) for _, _, e in encode_rows(preset, "eval")] == [(2, 0), (2, 1), (2, 2)]


def test_the_ledger_counts_each_refusal_by_its_reason(write_preset):
    rows = pair_rows(6)
    rows[1]["rejected"] = rows[1]["chosen"]
    del rows[2]["chosen"]
    rows[3]["input"] = "long " * 2000
    prepared = prepare(opened(write_preset(rows)))
    assert prepared.train.ledger == Ledger(6, 3, {"identical-pair": 1, "missing-field": 1, "too-long": 1})
    assert [row.id.row for row in prepared.train.rows] == [0, 4, 5]


def test_raise_stops_training_and_says_how_many_are_too_long(write_preset):
    rows = pair_rows(6)
    rows[1]["input"] = rows[3]["input"] = "long " * 2000
    path = write_preset(rows, "excess_length_strategy: raise\n")
    with pytest.raises(LengthError, match=r"2 of 6 training samples are longer than `sequence_len: 512`") as caught:
        prepare(opened(path))
    assert caught.value.where == str(path)
    assert prepare(opened(path, "sequence_len=20000")).train.ledger.kept == 6


def test_a_training_set_that_ends_empty_is_an_error_with_the_reasons(write_preset):
    rows = [{**row, "rejected": row["chosen"]} for row in pair_rows(3)]
    with pytest.raises(PrepareError, match=r"None of the 3 training rows.*3 identical-pair"):
        prepare(opened(write_preset(rows)))


def test_a_held_out_set_that_ends_empty_is_an_error_with_the_reasons(write_preset):
    rows = pair_rows(6)
    held_out = rows_of(opened(write_preset(rows, "val_set_size: 2\n")), "eval")
    for row in held_out:
        rows[row]["rejected"] = rows[row]["chosen"]
    with pytest.raises(PrepareError, match=r"None of the 2 held-out rows.*2 identical-pair") as caught:
        prepare(opened(write_preset(rows, "val_set_size: 2\n")))
    assert "--split eval" in caught.value.advice
    assert "`val_set_size`" in caught.value.advice


def test_a_held_out_file_of_which_nothing_is_kept_is_an_error(write_preset, tmp_path):
    (tmp_path / "held-out.jsonl").write_text('{"input": "a", "chosen": "b", "rejected": "b"}\n')
    with pytest.raises(PrepareError, match=r"None of the 1 held-out rows.*1 identical-pair") as caught:
        prepare(opened(write_preset(pair_rows(3), "test_datasets:\n  - path: held-out.jsonl\n")))
    assert "`test_datasets`" in caught.value.advice


def test_a_share_of_a_single_row_holds_nothing_out_and_is_told(write_preset):
    with pytest.raises(PrepareError, match=r"None of the 0 held-out rows.*there are no rows"):
        prepare(opened(write_preset(pair_rows(1), "val_set_size: 0.05\n")))


def test_exact_repeats_are_dropped_and_counted_only_where_asked_for(write_preset):
    rows = pair_rows(3)
    path = write_preset([*rows, rows[1], rows[0]])
    assert prepare(opened(path)).train.ledger.kept == 5
    prepared = prepare(opened(path, "dataset_exact_deduplication=true"))
    assert prepared.train.ledger == Ledger(5, 3, {"duplicate-row": 2})
    assert [row.id.row for row in prepared.train.rows] == [0, 1, 2]


def test_rows_that_a_file_names_are_left_out_and_counted(write_preset, tmp_path):
    rows = pair_rows(5)
    path = write_preset([*rows, rows[1]], "leave_out: hard.jsonl\n")
    (path.parent / "hard.jsonl").write_text('{"dataset": 0, "row": 1, "margins": [-2.5]}\n\n{"dataset": 0, "row": 3}\n')
    preset = opened(path)
    prepared = prepare(preset)
    assert prepared.train.ledger == Ledger(6, 4, {"left-out": 2})
    assert [row.id.row for row in prepared.train.rows] == [0, 2, 4, 5]
    shown = {encoded.id.row: encoded.refusal for _, _, encoded in encode_rows(preset, "train")}
    assert [row for row, refusal in shown.items() if refusal and refusal.reason == "left-out"] == [1, 3]
    again = prepare(opened(path, "dataset_exact_deduplication=true"))
    assert again.train.ledger == Ledger(6, 4, {"left-out": 2})


def test_leaving_out_changes_the_training_set_and_not_the_split(write_preset):
    path = write_preset(pair_rows(20), "val_set_size: 5\nleave_out: hard.jsonl\n")
    named = path.parent / "hard.jsonl"
    named.write_text("")
    whole = prepare(opened(path))
    one = whole.train.rows[0].id
    named.write_text(f'{{"dataset": {one.dataset}, "row": {one.row}}}\n')
    without = prepare(opened(path))
    assert without.train.digest != whole.train.digest
    assert without.eval.digest == whole.eval.digest
    assert [row.id for row in without.train.rows] == [row.id for row in whole.train.rows][1:]


@pytest.mark.parametrize(
    ("line", "words"),
    [('{"dataset": 0, "row": 9}', "no row 9 of data set 0"), ('{"row": 1}', "names no row"), ("[0, 1", "names no row")],
)
def test_a_file_that_names_no_row_of_the_data_is_refused(write_preset, line, words):
    path = write_preset(pair_rows(3), "leave_out: hard.jsonl\n")
    (path.parent / "hard.jsonl").write_text(line + "\n")
    with pytest.raises(EngineError, match=words):
        opened(path)


def test_a_file_of_rows_that_is_not_there_is_an_error(write_preset):
    with pytest.raises(EngineError, match="not there"):
        opened(write_preset(pair_rows(3), "leave_out: hard.jsonl\n"))


def test_kept_steps_come_back_as_they_were_encoded(write_preset):
    rows = steps_rows(4)
    rows[1]["labels"] = [0.25, 1]
    rows[2]["labels"] = [None, False]
    preset = opened(write_preset(rows, kind="process_reward_model"))
    encoded = [encoded for _, _, encoded in encode_rows(preset, "train")]
    kept = prepare(preset).train.rows
    assert [row.encoding for row in kept] == [row.encoding for row in encoded]
    assert [[type(label) for label in row.encoding.labels] for row in kept] == [
        [type(label) for label in row.encoding.labels] for row in encoded
    ]


def test_kept_pairs_come_back_as_they_were_encoded(write_preset):
    rows = [{**row, "margin": 0.5} for row in pair_rows(3)]
    preset = opened(write_preset(rows, "    type: bradley_terry\n"))
    encoded = [encoded for _, _, encoded in encode_rows(preset, "train")]
    kept = prepare(preset).train.rows
    assert [row.encoding for row in kept] == [row.encoding for row in encoded]
    assert kept.lengths().tolist() == [len(row.encoding.chosen_ids) + len(row.encoding.rejected_ids) for row in encoded]


def test_last_step_only_spares_the_held_out_rows(write_preset):
    path = write_preset(
        steps_rows(10), "    train_on_last_step_only: true\nval_set_size: 3\n", kind="process_reward_model"
    )
    preset = opened(path)
    judged = {
        split: {sum(label != -100 for label in e.encoding.labels) for _, _, e in encode_rows(preset, split)}
        for split in ("train", "eval")
    }
    assert judged == {"train": {1}, "eval": {2}}


def test_the_cache_notices_a_file_that_changed(write_preset):
    cache = OpenCache()
    path = write_preset(pair_rows(3))
    assert len(opened(path, cache=cache).train) == 3
    first = opened(path, cache=cache).tokenizer
    write_preset(pair_rows(5))
    assert len(opened(path, cache=cache).train) == 5
    assert opened(path, cache=cache).tokenizer is first
