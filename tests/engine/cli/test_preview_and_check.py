"""`preview` and `check` as a person or a script runs them."""

import json
import subprocess
import sys

import pytest

from engine.cli.main import main
from tests.engine.conftest import pair_rows, steps_rows


def json_lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_preview_prints_one_object_a_pair(write_preset, capsys):
    rows = pair_rows(12)
    rows[3]["rejected"] = rows[3]["chosen"]
    path = write_preset(rows)
    assert main(["preview", str(path), "--rows", "2:5", "--json"]) == 0
    second, third, fourth = json_lines(capsys.readouterr().out)
    assert set(second) == {
        *("dataset", "row", "kind", "kept", "chosen_ids", "rejected_ids", "chosen_pooled", "rejected_pooled"),
        *("shared_prefix", "margin", "findings"),
    }
    assert [o["row"] for o in (second, third, fourth)] == [2, 3, 4]
    assert second["chosen_ids"][: second["shared_prefix"]] == second["rejected_ids"][: second["shared_prefix"]]
    assert second["chosen_ids"][second["shared_prefix"]] != second["rejected_ids"][second["shared_prefix"]]
    assert second["chosen_pooled"] == len(second["chosen_ids"]) - 1
    assert (third["kept"], third["reason"]) == (False, "identical-pair")
    assert third["message"]


def test_preview_prints_labels_where_they_are_carried(write_preset, capsys):
    assert (
        main(["preview", str(write_preset(steps_rows(2), kind="process_reward_model")), "--rows", "1", "--json"]) == 0
    )
    (row,) = json_lines(capsys.readouterr().out)
    text = bytes_of(row["input_ids"])
    judged = [(i, label) for i, label in enumerate(row["labels"]) if label != -100]
    assert [label for _, label in judged] == [1, 0]
    assert all(text[i] == "\n" for i, _ in judged)


def bytes_of(ids: list[int]) -> str:
    """The characters of the byte tokenizer's ids."""
    from tokenizers import pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    return "".join({"Ċ": "\n", "Ġ": " "}.get(alphabet[i], alphabet[i]) for i in ids)


def test_preview_in_words_shows_pooled_token_and_reason_and_no_escape(write_preset, capsys):
    rows = pair_rows(2)
    rows[0]["chosen"] = "\x1b[2Jcleared"
    rows[1]["rejected"] = rows[1]["chosen"]
    assert main(["preview", str(write_preset(rows))]) == 0
    shown = capsys.readouterr().out
    assert "\x1b[2J" not in shown
    assert "␛[2Jcleared" in shown
    assert "▲" in shown
    assert "dropped: identical-pair" in shown


@pytest.mark.parametrize("rows", ["x", "5:y", ":-1"])
def test_preview_refuses_a_range_that_is_none(write_preset, rows, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["preview", str(write_preset(pair_rows(1))), "--rows", rows])
    assert stopped.value.code == 2
    assert "range of rows" in capsys.readouterr().err


def test_check_prints_the_ledger_and_exits_by_the_gravest_finding(write_preset, capsys):
    rows = pair_rows(40)
    assert main(["check", str(write_preset(rows)), "--json"]) == 0
    clean = json.loads(capsys.readouterr().out)
    assert (clean["rows"], clean["kept"], clean["dropped"]) == (40, 40, {})
    assert set(clean["lengths"]) == {"longer", "chosen", "rejected"}
    assert clean["budget"]["at"][-1] == {
        "sequence_len": 512,
        "samples": 40,
        "whole": 40,
        "tokens": clean["budget"]["tokens"],
    }
    rows[5]["rejected"] = rows[5]["chosen"]
    main(["check", str(write_preset(rows)), "--json"])
    planted = json.loads(capsys.readouterr().out)
    assert planted["dropped"] == {"identical-pair": 1}
    (found,) = [f for f in planted["findings"] if f["code"] == "identical-pair"]
    assert (found["count"], found["rows"]) == (1, [[0, 5]])
    assert found["advice"]
    assert planted["digest"] != clean["digest"]
    assert main(["check", str(write_preset(rows))]) == 0
    said = capsys.readouterr().out
    assert "train: 39 of 40 rows kept (98 %) · 1 identical-pair" in said
    assert "answer, unread, is right in" in said
    assert not [name for name in planted["statistics"] if name in said]


def test_a_bad_preset_is_exit_code_2_with_file_line_and_column(write_preset, capsys):
    path = write_preset(pair_rows(1), "micro_batch_sise: 2\n")
    assert main(["preview", str(path)]) == 2
    said = capsys.readouterr().err
    assert f"{path}:5:1: " in said
    assert "micro_batch_size" in said


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("datasets.0.path=nowhere.jsonl", "nowhere.jsonl"),
        ("base_model=./no-model", "no-model"),
        ("datasets.0.field_chosen=better", "better"),
    ],
)
def test_what_cannot_be_opened_is_exit_code_1_and_one_message(write_preset, override, said, capsys):
    path = write_preset(pair_rows(2))
    code = main(["check", str(path), "--set", override])
    output = capsys.readouterr()
    assert code == 1
    assert said in output.err + output.out
    assert "Traceback" not in output.err + output.out


def test_a_reader_that_goes_away_is_no_error(write_preset):
    path = write_preset(pair_rows(2000))
    command = f"{sys.executable} -m engine preview {path} --rows 0: --json | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["row"] == 0
    assert done.stderr == ""


def test_preview_objects_of_views_have_no_item_but_for_rows_of_several(write_preset, capsys):
    rows = [{"prompt": "q ", "responses": ["a", "b", "c"], "scores": [3, 1, 2]}]
    if main(["preview", str(write_preset(rows, "    type: bradley_terry\n")), "--json"]):
        pytest.fail(capsys.readouterr().err)
    shown = json_lines(capsys.readouterr().out)
    assert len(shown) > 1
    assert [o.get("item", 0) for o in shown] == list(range(len(shown)))


def test_a_cut_prompt_leaves_the_shared_prefix_counted_in_what_is_fed(write_preset, capsys):
    path = write_preset(
        [{"input": "word " * 40 + "?", "chosen": "yes", "rejected": "no"}],
        "sequence_len: 100\nexcess_length_strategy: truncate_prompt\n",
    )
    assert main(["preview", str(path), "--json"]) == 0
    (row,) = json_lines(capsys.readouterr().out)
    assert max(len(row["chosen_ids"]), len(row["rejected_ids"])) == 100
    shared = row["shared_prefix"]
    assert row["chosen_ids"][:shared] == row["rejected_ids"][:shared]
    assert row["chosen_ids"][shared] != row["rejected_ids"][shared]
    assert row["chosen_pooled"] == len(row["chosen_ids"]) - 1


def test_what_is_said_about_bad_input_never_acts_on_the_terminal(write_preset, tmp_path, capsys):
    hostile = "\x1b]0;owned\x07\u202e\x9b2J"
    assert main(["check", str(write_preset([{hostile: "a", f"{hostile}2": "b"}]))]) == 1
    assert main(["show", f"{hostile}.yaml"]) == 2
    odd = tmp_path / "odd.yaml"
    odd.write_text(f'# {hostile[-4]}\nbase_model: x\nreward_model: true\n"{hostile[-4]}seqence_len": 3\n')
    assert main(["show", str(odd)]) == 2
    assert main(["preview", str(odd), "--set", f"{hostile}=1"]) == 2
    said = capsys.readouterr()
    assert "⟨202E⟩" in said.err
    assert not set(said.out + said.err) & set(hostile.replace("]0;owned", "").replace("2J", ""))


def test_a_huge_row_is_printed_by_its_head_and_its_tail(write_preset, capsys):
    rows = [{"input": "q", "chosen": "a" + "b" * 200_000 + "c", "rejected": "no"}]
    assert main(["preview", str(write_preset(rows, "sequence_len: 300000\n"))]) == 0
    shown = capsys.readouterr().out
    assert "tokens more (--json has them all)" in shown
    assert "bc<|im_end|>▲" in shown
    assert len(shown) < 10_000


def test_a_defect_of_ours_is_one_message_and_a_traceback_in_the_log(write_preset, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("RM_WORKBENCH_STATE", str(tmp_path / "state"))
    monkeypatch.setattr("engine.prepare.open.open_preset", lambda *_: 1 / 0)
    assert main(["preview", str(write_preset(pair_rows(1)))]) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert "Traceback" not in said
    assert "Traceback" in (tmp_path / "state" / "command-line.log").read_text(encoding="utf-8")


def test_a_misspelt_type_is_a_bad_preset_with_its_place(write_preset, capsys):
    path = write_preset(pair_rows(1), "    type: bradley_tery\n")
    assert main(["preview", str(path)]) == 2
    said = capsys.readouterr().err
    assert f"{path}:5:11" in said
    assert "bradley_terry" in said


def test_preview_of_one_row_says_so(write_preset, capsys):
    assert main(["preview", str(write_preset(pair_rows(1)))]) == 0
    assert "1 row ·" in capsys.readouterr().out


def test_preview_ends_with_the_ledger_of_what_it_showed(write_preset, capsys):
    rows = pair_rows(5)
    rows[2]["rejected"] = rows[2]["chosen"]
    path = write_preset(rows)
    assert main(["preview", str(path), "--rows", "1:5"]) == 0
    assert "shown: 3 of 4 rows kept (75 %) · 1 identical-pair" in capsys.readouterr().out
    assert main(["preview", str(path), "--rows", "7:9"]) == 0
    assert "has 5 rows, none of them" in capsys.readouterr().out
    assert main(["preview", str(path), "--split", "eval"]) == 0
    assert "`val_set_size`" in capsys.readouterr().out
