"""The resolved preset, names, completion and hover help, the reference page and the schema for editors."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.cli.presets import add_presets_parser, add_show_parser
from engine.preset.complete import complete, hover
from engine.preset.load import load_preset, parse_preset
from engine.preset.names import find_preset, list_presets
from engine.preset.problem import PresetError
from engine.preset.reference import PAGE, SCHEMA, json_schema, reference_page
from engine.preset.schema import DatasetConfig, Preset
from engine.preset.show import show_preset
from engine.preset.vocabulary import CHAT_TEMPLATES, OPTIMIZERS, SCHEDULERS

ROOT = Path(__file__).resolve().parents[3]
BUILT_IN = (
    "demo-pairs",
    "demo-steps",
    "gemma2-2b-pairs",
    "llama3.1-8b-lora-pairs",
    "qwen2.5-0.5b-steps",
    "qwen2.5-3b-steps",
    "qwen3-0.6b-pairs",
)
TEXT = """\
base_model: m
reward_model: true
datasets:
  - path: rows.jsonl
    type: bradley_terry.chat_template
  - path: more.jsonl
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_preset_loads_without_a_notice(name: str) -> None:
    loaded = load_preset(name)
    assert loaded.notices == ()
    assert loaded.preset.model_kind == ("pair" if name.endswith("pairs") else "steps")


def test_the_seed_examples_stand_in_their_presets_word_for_word() -> None:
    gemma = find_preset("gemma2-2b-pairs").read_text()
    for line in (
        "base_model: google/gemma-2-2b\nmodel_type: AutoModelForSequenceClassification\nnum_labels: 1\n"
        "reward_model: true\nchat_template: gemma\ndatasets:\n"
        "  - path: argilla/distilabel-intel-orca-dpo-pairs\n    type: bradley_terry.chat_template\n",
    ):
        assert line in gemma
    qwen = find_preset("qwen2.5-3b-steps").read_text()
    assert (
        "base_model: Qwen/Qwen2.5-3B\nmodel_type: AutoModelForTokenClassification\nnum_labels: 2\n"
        "process_reward_model: true\ndatasets:\n  - path: trl-lib/math_shepherd\n    type: stepwise_supervised\n"
    ) in qwen


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_show_prints_loads_as_the_same_preset(name: str) -> None:
    loaded = load_preset(
        name,
        [
            'wandb_name="a # b: [c]\\a é 😀 \\u0085"',
            "tokens=[a, 'b c', '{x}', '- y']",
            "datasets.0.step_separator=' ки'",
            "datasets.0.roles={user: [human], assistant: [gpt]}",
            "datasets.0.revision='1e3'",
            'chat_template_jinja="{% for m in messages %}\\n\\t{{ m }}\\n{% endfor %}\\n"',
            "lr_scheduler_kwargs={num_cycles: 1e-7, x: null}",
            "special_tokens={additional_special_tokens: ['<a>']}",
        ],
    )
    text = show_preset(loaded)
    again = parse_preset(text, Path("again.yaml"))
    assert again.preset == loaded.preset
    assert set(Preset.model_fields) <= {line.partition(":")[0] for line in text.splitlines()}
    assert "# --set" in text
    assert "# file" in text
    assert "# default" in text


def test_names_are_looked_up_near_first(tmp_path: Path) -> None:
    assert [preset.name for preset in list_presets()] == list(BUILT_IN)
    assert {preset.origin for preset in list_presets()} == {"built in"}
    assert all(preset.description and preset.kind for preset in list_presets())
    (tmp_path / "config" / "rm-workbench" / "presets").mkdir(parents=True)
    (tmp_path / "config" / "rm-workbench" / "presets" / "mine.yaml").write_text("# Of the user.\n" + TEXT)
    (tmp_path / "config" / "rm-workbench" / "presets" / "demo-pairs.yml").write_text(TEXT)
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "mine.yaml").write_text("# Of this folder.\n" + TEXT)
    found = {preset.name: preset for preset in list_presets()}
    assert (found["mine"].origin, found["mine"].description, found["mine"].kind) == (
        "./presets",
        "Of this folder.",
        "pair",
    )
    assert found["demo-pairs"].origin == "user"
    assert find_preset("mine") == Path("presets/mine.yaml")
    (tmp_path / "mine").mkdir()
    assert find_preset("mine") == Path("presets/mine.yaml"), "a folder of that name is not a preset"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("demo-pears", "no preset of this name; did you mean `demo-pairs`?"),
        ("zzz", "the presets are demo-pairs, demo-steps"),
        ("", "no preset of this name"),
        ("no/such.yaml", "no such file"),
        ("nothing.yaml", "no such file"),
        ("/", "a folder, not a preset"),
        ("a\x00b", ""),
        ("x" * 5000, "not a usable file name"),
    ],
)
def test_a_preset_that_is_not_there(name: str, said: str) -> None:
    with pytest.raises(PresetError) as caught:
        load_preset(name)
    assert said in str(caught.value)


def test_a_data_set_is_no_preset_and_one_is_told_how_to_have_one(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("{}\n")
    with pytest.raises(PresetError, match=r"rm-workbench new .*rows.jsonl > rows.yaml"):
        load_preset(str(rows))


def test_keys_are_completed_where_they_belong() -> None:
    def keys(text: str, line: int, column: int) -> list[str]:
        return [item.text for item in complete(text, line, column).items]

    assert keys(TEXT + "learn", 6, 5) == ["learning_rate: "]
    assert complete(TEXT + "learn", 6, 5).start == 0
    top = keys(TEXT + "\n", 6, 0)
    assert "base_model: " not in top, "it is there already"
    assert "val_set_size: " in top
    assert "step_separator: " not in top
    inside = keys(TEXT + "    ", 6, 4)
    assert "step_separator: " in inside
    assert "type: " in inside, "the other data set has one, this one has not"
    assert "path: " not in inside
    assert "val_set_size: " not in inside
    assert keys(TEXT + "  - pa", 6, 6)[0] == "path: "
    assert keys(TEXT + "special_tokens:\n  pad", 7, 5) == ["pad_token: "]
    assert keys(TEXT + "# learn", 6, 7) == []
    assert keys("lora_r: 3\nnot yaml [\nlora_a", 2, 6) == ["lora_alpha: "]


def test_values_are_completed() -> None:
    def values(text: str) -> list[str]:
        return [item.text for item in complete(text, text.count("\n"), len(text.rpartition("\n")[2])).items]

    assert values("bf16: ") == ["true", "false", "auto", "full"]
    assert values("optimizer: adamw_bnb") == ["adamw_bnb_8bit"]
    assert values("chat_template: mis")[0] == "mistral_v1"
    assert values("chat_template:")[0] == " tokenizer_default"
    steps = values(TEXT + "    type: step")
    assert steps[:2] == ["stepwise_supervised", "stepwise_supervised.chat_template"]
    assert all(value.startswith("stepwise_supervised") for value in steps)
    assert values("base_model: x") == []
    completions = complete("device: c", 0, 9)
    assert (completions.start, [item.text for item in completions.items]) == (8, ["cuda", "cpu"])


def test_hover_explains_a_key() -> None:
    found = hover(TEXT, 4, 20)
    assert found is not None
    assert found.key == "type"
    assert found.description == DatasetConfig.model_fields["type"].description
    rate = hover("learning_rate: 1", 0, 3)
    assert rate is not None
    assert (rate.type, rate.default) == ("number", "2e-05")
    unused = hover("flash_attention: true", 0, 3)
    assert unused is not None
    assert "no effect" in unused.description
    assert hover("nonsense: 1", 0, 3) is None
    assert hover("", 0, 0) is None
    assert hover("a", 5, 9) is None


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet="ab:- #\n\tdatasets[]{}_'\"é", max_size=80) | st.just(TEXT),
    st.integers(0, 12),
    st.integers(0, 40),
)
def test_completion_and_hover_take_any_text(text: str, line: int, column: int) -> None:
    completions = complete(text, line, column)
    assert 0 <= completions.start <= column
    hover(text, line, column)


def test_every_key_says_what_it_is() -> None:
    for model in (Preset, DatasetConfig):
        for name, field in model.model_fields.items():
            assert field.description, name
            assert field.description[-1] in ".:`", name


def test_the_names_of_the_trainer_are_known() -> None:
    from transformers.trainer_utils import SchedulerType
    from transformers.training_args import OptimizerNames

    assert {name.value for name in SchedulerType} >= set(SCHEDULERS)
    assert {name.value for name in OptimizerNames} >= set(OPTIMIZERS)


def test_the_named_templates_are_those_that_can_be_rendered() -> None:
    from engine.template.choose import named_templates

    assert set(CHAT_TEMPLATES) - {"tokenizer_default", "jinja"} == set(named_templates())


def test_the_reference_page_and_the_schema_are_up_to_date() -> None:
    """If this fails: `python -m engine.preset.reference` in the root of the repository."""
    assert (ROOT / PAGE).read_text(encoding="utf-8") == reference_page()
    assert json.loads((ROOT / SCHEMA).read_text(encoding="utf-8")) == json_schema()


def test_the_schema_for_editors_knows_every_key_and_lets_it_be_null() -> None:
    schema = json_schema()
    entry = schema["definitions"]["DatasetConfig"]["properties"]
    assert set(Preset.model_fields) <= set(schema["properties"])
    assert set(DatasetConfig.model_fields) <= set(entry)
    for name in Preset.model_fields:
        assert {"type": "null"} in schema["properties"][name]["anyOf"], name
    assert schema["additionalProperties"] is False
    assert "flash_attention" in schema["properties"]


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    import argparse

    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    add_presets_parser(commands)
    add_show_parser(commands)
    args = parser.parse_args(arguments)
    code = args.run(args)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_presets_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("presets", capsys=capsys)
    assert code == 0
    assert all(name in out for name in BUILT_IN)
    code, out, _ = run("presets", "--json", capsys=capsys)
    listed = [json.loads(line) for line in out.splitlines()]
    assert [preset["name"] for preset in listed] == list(BUILT_IN)
    assert listed[0]["kind"] == "pair"
    assert Path(listed[0]["path"]).is_file()


def test_show_prints_the_resolved_preset(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run("show", "demo-pairs", "--set", "learning_rate=1e-5", capsys=capsys)
    assert (code, err) == (0, "")
    assert parse_preset(out, Path("x")).preset.learning_rate == 1e-5
    code, out, _ = run("show", "demo-pairs", "--json", capsys=capsys)
    shown = json.loads(out)
    assert (shown["name"], shown["kind"], shown["preset"]["num_labels"]) == ("demo-pairs", "pair", 1)
    assert shown["origins"]["num_labels"] == "default"
    code, _, err = run("show", "demo-pairs", "--set", "flash_attention=true", capsys=capsys)
    assert code == 0
    assert "no effect here" in err
    with pytest.raises(PresetError, match="learning_rate"):
        run("show", "demo-pairs", "--set", "learning_rat=1", capsys=capsys)


def test_loading_a_preset_imports_nothing_heavy() -> None:
    script = (
        "import sys; from engine.preset import load, show, names, complete; load.load_preset('demo-pairs');"
        "print([name for name in ('torch', 'transformers', 'datasets', 'textual') if name in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    printed = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "[]"
