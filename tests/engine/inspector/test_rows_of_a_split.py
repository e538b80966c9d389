"""What the inspector says of all rows of a split: in short, searched, and by their place."""

import pytest

from engine.check.run import check
from engine.inspector import summary_store
from engine.inspector.row_messages import NO_TOKENS
from engine.inspector.search import positions, search
from engine.inspector.summary import summarise
from engine.inspector.view import view_rows
from engine.prepare.error import Cancelled
from engine.prepare.open import open_preset
from engine.prepare.sets import prepare
from engine.preset.load import load_preset
from tests.engine.conftest import pair_rows


@pytest.fixture
def opened(write_preset, tmp_path, monkeypatch):
    """Opens a preset of these rows, see `write_preset`, with a cache of its own."""
    monkeypatch.setenv("RM_WORKBENCH_CACHE", str(tmp_path / "cache"))

    def make(rows, *more):
        return open_preset(load_preset(str(write_preset(rows, *more))))

    return make


def summaries(opened, split="train", start=0, stop=None):
    chunks = []
    digest = summarise(opened, split, (start, stop), chunks.append, lambda: False)
    return chunks, digest


def found(opened, text, start=0, split="train"):
    chunks = []
    search(opened, split, (text, start), chunks.append, lambda: False)
    assert chunks[-1].searched == chunks[-1].total == len(opened.split(split))
    return [row for chunk in chunks for row in chunk.rows]


def spoilt(count):
    rows = pair_rows(count)
    rows[3] = rows[3] | {"chosen": None}
    rows[5] = rows[5] | {"chosen": rows[5]["rejected"]}
    return rows


def test_rows_in_short_are_the_rows_in_full(opened):
    preset = opened(spoilt(240), "sequence_len: 40\nexcess_length_strategy: truncate\n")
    chunks, digest = summaries(preset)
    assert len(chunks) > 1
    assert digest == prepare(preset).train.digest
    views = view_rows(preset, "train", 0, 240)
    for chunk in chunks:
        for at, row in enumerate(chunk.row):
            view = views[chunk.start + at]
            lengths = [length for length in (chunk.first[at], chunk.second[at]) if length != NO_TOKENS]
            assert (row, chunk.kept[at]) == (view.row, view.kept)
            assert lengths == [len(sequence.ids) for sequence in view.sequences]
            assert chunk.cut[at] == sum(len(s.ids) - (s.kept_end - s.kept_start) for s in view.sequences)
            assert {code for code, rows in chunk.findings.items() if at in rows} == {f.code for f in view.findings}
            assert {reason for reason, rows in chunk.reasons.items() if at in rows} == {view.reason} - {None}


def test_rows_in_short_come_from_the_disk_the_second_time(opened, monkeypatch):
    preset = opened(pair_rows(30))
    first, digest = summaries(preset)
    monkeypatch.setattr("engine.inspector.summary.encode_rows", None)
    assert summaries(preset) == (first, digest)
    rest, _ = summaries(preset, start=10)
    assert rest == first


def test_a_check_leaves_the_rows_in_short_of_both_splits(opened, monkeypatch, tmp_path):
    ranked = [{"prompt": f"q{i} ", "answers": ["a", "b" * (i * 9), "c"], "ranks": [1, 2, 3]} for i in range(1, 60)]
    preset = opened([*ranked, {"prompt": 5}], "val_set_size: 0.2\nsequence_len: 200\n")
    by_themselves = [summaries(preset, split) for split in ("train", "eval")]
    monkeypatch.setenv("RM_WORKBENCH_CACHE", str(tmp_path / "another"))
    check(preset)
    monkeypatch.setattr("engine.inspector.summary.encode_rows", None)
    assert [summaries(preset, split) for split in ("train", "eval")] == by_themselves


def test_what_is_damaged_on_the_disk_counts_as_none(opened):
    preset = opened(pair_rows(30))
    expected = summaries(preset)
    (kept,) = summary_store.cache_folder("summaries").glob("*.gz")
    kept.write_bytes(kept.read_bytes()[:-20])
    assert summaries(preset) == expected


def test_some_rows_are_summarised_alone(opened):
    chunks, digest = summaries(opened(pair_rows(30)), start=7, stop=9)
    assert [(chunk.start, chunk.row, chunk.total) for chunk in chunks] == [(7, (7, 8), 30)]
    assert digest is None


def test_a_pass_that_is_cancelled_ends(opened):
    with pytest.raises(Cancelled):
        summarise(opened(pair_rows(30)), "train", (0, None), lambda _: None, lambda: True)


@pytest.mark.parametrize(
    ("strategy", "part"),
    [("truncate_prompt", "prompt"), ("truncate", "whole answer"), ("truncate", "answer")],
)
def test_the_part_that_was_cut_is_named(opened, strategy, part):
    row = {"input": "word " * 20, "chosen": "yes indeed it is", "rejected": "no it is not"}
    preset = opened([row], f"sequence_len: 4000\nexcess_length_strategy: {strategy}\n")
    view = view_rows(preset, "train", 0, 1)[0]
    answer = next(i for i, s in enumerate(view.sequences[0].fields) if s == "chosen")
    limits = {"prompt": len(view.sequences[0].ids) - 2, "whole answer": answer - 1, "answer": answer + 2}
    preset = opened([row], f"sequence_len: {limits[part]}\nexcess_length_strategy: {strategy}\n")
    (chunk,), _ = summaries(preset)
    assert dict(chunk.parts) == {part: (0,)}


def test_steps_have_a_mark_each(opened):
    rows = [{"prompt": "2 + 2?", "completions": ["a", "b", "c", "d"], "labels": [1, 0, 0.5, None]}]
    (chunk,), _ = summaries(opened(rows, "    type: stepwise_supervised\n", "process_reward_model"))
    assert chunk.labels == ("✓✗~·",)
    assert chunk.second == (NO_TOKENS,)


def test_text_is_searched_in_raw_rows_from_a_row_on_and_around(opened):
    rows = pair_rows(20)
    rows[4]["note"] = ["nested", {"deep": "A Needle"}]
    rows[12]["rejected"] += " needle"
    rows[15]["number"] = 31337
    preset = opened(rows)
    assert found(preset, "needle") == [4, 12]
    assert found(preset, "needle", start=5) == [12, 4]
    assert found(preset, "31337") == [15]
    assert found(preset, "ne.dle") == []


def test_a_token_is_searched_where_training_sees_it(opened):
    preset = opened(spoilt(20))
    encoded = prepare(preset).train.rows
    token = encoded[7].encoding.chosen_ids[-3]
    expected = sorted({row.id.row for row in encoded if token in row.encoding.chosen_ids + row.encoding.rejected_ids})
    known = found(preset, f"#{token}", start=8)
    assert sorted(known) == expected
    assert known == [row for row in expected if row >= 8] + [row for row in expected if row < 8]


def test_a_token_is_found_where_no_encoded_set_is_kept(opened, monkeypatch):
    preset = opened(spoilt(20))
    monkeypatch.setattr("engine.inspector.search.recall", lambda key: None)
    token = view_rows(preset, "train", 7, 8)[0].sequences[0].ids[-3]
    without = found(preset, f"#{token}")
    monkeypatch.undo()
    prepare(preset)
    assert without == found(preset, f"#{token}")


def test_places_are_found_where_rows_are_set_aside(opened):
    preset = opened(pair_rows(40), "val_set_size: 0.25\n")
    for split in ("train", "eval"):
        rows = [view.row for view in view_rows(preset, split, 0, 40)]
        wanted = [(0, row) for row in (39, 3, 11, 40, -1)] + [(1, 3)]
        expected = tuple(rows.index(row) if dataset == 0 and row in rows else None for dataset, row in wanted)
        assert positions(preset.split(split), wanted) == expected
