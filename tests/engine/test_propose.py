"""A preset written from data: it says what was found, and it reads the data."""

import json

import pytest

from engine.cli.main import main
from engine.format.choose import choose_format
from engine.preset.load import parse_preset
from engine.propose import propose_preset
from engine.source.open import open_source
from engine.source.row import SourceError

CONVERSATION = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


@pytest.fixture(autouse=True)
def no_hub(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(*rows, name="rows.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return name

    return write


def samples_of(text, base, rows=1):
    loaded = parse_preset(text, base / "mine.yaml")
    config = loaded.preset.datasets[0]
    source = open_source(config, base)
    first = source.rows(0, rows)
    found = choose_format(config.type, source.columns, first, config, loaded.preset.model_kind)
    return [sample for row in first for sample in found.convert(row).samples]


@pytest.mark.parametrize(
    ("row", "kind", "said"),
    [
        ({"input": "q", "chosen": "a", "rejected": "b"}, "pair", "axolotl's columns"),
        ({"prompt": "q", "chosen": "a", "rejected": "b"}, "pair", "TRL standard"),
        (
            {"chosen": CONVERSATION, "rejected": [*CONVERSATION[:1], {"role": "assistant", "content": "No"}]},
            "pair",
            "TRL",
        ),
        ({"prompt": "q", "completions": ["a", "b"], "labels": [1, 0]}, "steps", "completions"),
        ({"question": "q", "good": "a", "bad": "b"}, "pair", "`good` as the better answer"),
        ({"problem": "q", "steps": ["a", "b"], "ratings": [1, 0]}, "steps", "`ratings` as their labels"),
    ],
)
def test_a_layout_is_found_and_read(write, tmp_path, row, kind, said):
    proposal = propose_preset(write(row), tmp_path)
    assert proposal.kind == kind
    assert said in proposal.reason
    assert said in proposal.text
    assert len(samples_of(proposal.text, tmp_path)) == 1


def test_text_under_other_names_becomes_a_conversation(write, tmp_path):
    (sample,) = samples_of(propose_preset(write({"query": "q", "win": "a", "lose": "b"}), tmp_path).text, tmp_path)
    assert [message["role"] for message in sample.chosen.messages] == ["user", "assistant"]


def test_plain_text_that_would_run_together_becomes_a_conversation(write, tmp_path):
    def roles(prompt, answer):
        text = propose_preset(write({"prompt": prompt, "chosen": answer, "rejected": "no"}), tmp_path).text
        (sample,) = samples_of(text, tmp_path)
        return [message["role"] for message in getattr(sample.chosen, "messages", ())]

    assert roles("How are you?", "Well.") == ["user", "assistant"]
    assert roles("How are you? ", "Well.") == roles("How are you?", "\nWell.") == roles("H: Hi\nA:", "Well.") == []


def test_the_way_to_a_conversation_is_told_only_where_it_leads_to_one(write, tmp_path):
    def told(row):
        return "To render a conversation" in propose_preset(write(row), tmp_path).text

    assert told({"prompt": "q ", "chosen": "a", "rejected": "b"})
    assert not told({"chosen": "q a", "rejected": "q b"})
    assert not told({"prompt": "q ", "responses": ["a", "b"], "ranks": [2, 1]})


def test_what_keeps_a_layout_from_being_read_is_said(write, tmp_path):
    (tmp_path / "semicolons.csv").write_text("prompt;chosen;rejected\na;b;c\n")
    assert "write the file with commas" in propose_preset("semicolons.csv", tmp_path).text
    proposal = propose_preset(write({"prompt": "q", "chosen": None, "rejected": "b"}), tmp_path)
    assert proposal.kind is None
    assert "`chosen`" in proposal.text.splitlines()[1]


def test_an_unknown_layout_leaves_the_columns_to_be_filled_in(write, tmp_path):
    proposal = propose_preset(write({"a": "x", "b": "y"}), tmp_path)
    assert proposal.kind is None
    assert "# The columns: a, b." in proposal.text
    assert parse_preset(proposal.text, tmp_path / "mine.yaml").preset.datasets[0].path == "rows.jsonl"


def test_a_split_for_evaluation_is_used_where_there_is_one(write, tmp_path):
    for split in ("train", "test"):
        write({"input": "q", "chosen": "a", "rejected": "b"}, name=f"data/{split}.jsonl")
    preset = parse_preset(propose_preset("data", tmp_path).text, tmp_path / "mine.yaml").preset
    assert [config.split for config in preset.test_datasets] == ["test"]
    assert preset.val_set_size == 0


@pytest.mark.parametrize(
    "name", ["a: b #c.jsonl", "-x.jsonl", 'q"uote\\.jsonl', "no", "1e5", " a.jsonl", "ü\u2028.jsonl"]
)
def test_any_file_name_comes_back_as_it_is(write, tmp_path, name):
    text = propose_preset(write({"input": "q", "chosen": "a", "rejected": "b"}, name=name), tmp_path).text
    assert parse_preset(text, tmp_path / "mine.yaml").preset.datasets[0].path == name


def test_column_names_cannot_write_lines_of_their_own(write, tmp_path):
    row = {"input": "q", "chosen": "a", "rejected": "b", "x\nseed: 1": 1}
    assert parse_preset(propose_preset(write(row), tmp_path).text, tmp_path / "x.yaml").preset.seed == 42
    row = {"good\nseed: 1": "a", "bad": "b", "prompt": "q"}
    assert parse_preset(propose_preset(write(row), tmp_path).text, tmp_path / "x.yaml").preset.seed == 42


def test_without_a_hub_the_demo_model_stands_in(write, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.propose.MODELS", {"pair": "nobody/has-this", "steps": "nobody/has-this"})
    text = propose_preset(write({"input": "q", "chosen": "a", "rejected": "b"}), tmp_path).text
    assert parse_preset(text, tmp_path / "mine.yaml").preset.base_model == "demo:model"
    assert "# The hub cannot be reached" in text


def test_the_command_prints_the_preset(write, capsys):
    path = write({"input": "q", "chosen": "a", "rejected": "b"})
    assert main(["new", path, "--model", "some/model"]) == 0
    assert "base_model: some/model\n" in capsys.readouterr().out
    assert main(["new", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "pair"
    assert main(["new", write({"a": 1}, name="odd.jsonl")]) == 1


def test_what_cannot_be_opened_is_said(write, tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        propose_preset("nowhere.jsonl", tmp_path)
    with pytest.raises(SourceError, match="no data set is named"):
        propose_preset("", tmp_path)
