"""What a person reads when a preset is right, and when it is not."""

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.preset.load import LoadedPreset, load_preset, parse_preset
from engine.preset.problem import PresetError

PATH = Path("mine.yaml")
PAIRS = "base_model: m\nreward_model: true\ndatasets:\n  - path: rows.jsonl\n"
STEPS = PAIRS.replace("reward_model", "process_reward_model")

SEED_PAIRS = """\
base_model: google/gemma-2-2b
model_type: AutoModelForSequenceClassification
num_labels: 1
reward_model: true
chat_template: gemma
datasets:
  - path: argilla/distilabel-intel-orca-dpo-pairs
    type: bradley_terry.chat_template
"""
SEED_STEPS = """\
base_model: Qwen/Qwen2.5-3B
model_type: AutoModelForTokenClassification
num_labels: 2
process_reward_model: true
datasets:
  - path: trl-lib/math_shepherd
    type: stepwise_supervised
"""
# Every key of FACTS' list that a peer's example leaves empty or sets, in the forms they use.
AXOLOTL = (
    SEED_STEPS
    + """\
    step_separator: "\\n"
    max_completion_length:
    train_on_last_step_only: false
tokenizer_type: AutoTokenizer
chat_template:
val_set_size: 0.2
output_dir: ./outputs/out
remove_unused_columns: false
sequence_len: 2048
sample_packing: false
eval_sample_packing: false
pad_to_sequence_len: true
deepspeed: deepspeed_configs/zero1.json
wandb_project:
wandb_entity:
wandb_watch:
wandb_name:
wandb_log_model:
gradient_accumulation_steps: 1
micro_batch_size: 8
eval_batch_size: 8
num_epochs: 1
optimizer: adamw_torch
lr_scheduler: cosine
learning_rate: 0.0002
bf16: true
fp16:
tf32:
gradient_checkpointing: true
gradient_checkpointing_kwargs:
  use_reentrant: false
resume_from_checkpoint:
logging_steps: 1
attn_implementation: flash_attention_2
flash_attention: true
warmup_ratio: 0.1
evals_per_epoch:
eval_steps: 100
saves_per_epoch: 1
weight_decay: 0.0
special_tokens:
"""
)


def parse(text: str, *overrides: str) -> LoadedPreset:
    return parse_preset(text, PATH, overrides)


def problems(text: str, *overrides: str) -> list[str]:
    with pytest.raises(PresetError) as caught:
        parse(text, *overrides)
    return [str(problem) for problem in caught.value.problems]


def test_the_seed_examples_load_unchanged() -> None:
    pairs = parse(SEED_PAIRS).preset
    assert (pairs.model_kind, pairs.num_labels, pairs.chat_template) == ("pair", 1, "gemma")
    assert pairs.datasets[0].type == "bradley_terry.chat_template"
    steps = parse(SEED_STEPS).preset
    assert (steps.model_kind, steps.num_labels) == ("steps", 2)
    assert steps.datasets[0].path == "trl-lib/math_shepherd"


def test_axolotl_keys_load_with_their_nulls() -> None:
    loaded = parse(AXOLOTL)
    preset = loaded.preset
    assert preset.datasets[0].step_separator == "\n"
    assert preset.datasets[0].max_completion_length is None
    assert preset.chat_template is None
    assert preset.fp16 is False
    assert preset.tf32 == "auto"
    assert preset.special_tokens == {}
    assert preset.gradient_checkpointing_kwargs == {"use_reentrant": False}
    notices = [problem.message for problem in loaded.notices]
    assert any("pad_to_sequence_len" in notice and "no effect here" in notice for notice in notices)
    assert any("flash_attention" in notice for notice in notices)
    assert all(problem.severity == "notice" for problem in loaded.notices)


def test_defaults_are_axolotls() -> None:
    preset = parse(PAIRS).preset
    assert preset.sequence_len == 512
    assert (preset.micro_batch_size, preset.gradient_accumulation_steps) == (1, 1)
    assert (preset.optimizer, preset.lr_scheduler) == ("adamw_torch_fused", "cosine")
    assert (preset.weight_decay, preset.val_set_size, preset.save_total_limit) == (0, 0, 4)
    assert preset.bf16 == "auto"
    assert preset.model_type == "AutoModelForSequenceClassification"
    assert preset.excess_length_strategy == "drop"
    assert parse(STEPS).preset.excess_length_strategy == "truncate"
    assert parse(STEPS).preset.num_labels == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-5", 1e-5), ("5e-5", 5e-5), ("2.0e-4", 2e-4), ("'3e-6'", 3e-6), ("0.0002", 2e-4), ("1", 1.0)],
)
def test_learning_rates_are_numbers(text: str, value: float) -> None:
    assert parse(f"{PAIRS}learning_rate: {text}\n").preset.learning_rate == value


def test_what_axolotl_reads_as_true_is_true() -> None:
    preset = parse(
        PAIRS.replace("true", "yes") + "bf16: off\nfp16: 'on'\nnum_epochs: 3\nmicro_batch_size: '4'\n"
    ).preset
    assert preset.reward_model
    assert preset.bf16 is False
    assert preset.fp16 is True
    assert preset.num_epochs == 3.0
    assert preset.micro_batch_size == 4


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("micro_batch_size: two", "5:19: micro_batch_size: expected a whole number, found text 'two'"),
        ("micro_batch_size: true", "5:19: micro_batch_size: expected a whole number, found true"),
        ("micro_batch_size: 1.5", "5:19: micro_batch_size: expected a whole number, found the number 1.5"),
        ("micro_batch_size: 0", "5:19: micro_batch_size: must be at least 1, found the number 0"),
        ("learning_rate: -1e-5", "5:16: learning_rate: must be above 0"),
        ("learning_rate: .nan", "5:16: learning_rate: expected a number, found the number nan"),
        ("learning_rat: 1e-5", "5:1: unknown key `learning_rat`; did you mean `learning_rate`?"),
        ("learning_rate: [1]", "5:16: learning_rate: expected a number, found a list"),
        ("bf16: maybe", "5:7: bf16: expected true, false, auto or full, found text 'maybe'"),
        (
            "chat_template: chatmll",
            "5:16: chat_template: expected a known name, found text 'chatmll'; did you mean `chatml`?",
        ),
        ("chat_template: '{{ bos_token }}'", "5:16: chat_template: expected a template's name: put Jinja text into"),
        ("optimizer: adamw_torchh", "did you mean `adamw_torch`?"),
        ("lr_scheduler: cosin", "did you mean `cosine`?"),
        ("excess_length_strategy: cut", "expected one of drop, truncate, truncate_prompt, raise, found text 'cut'"),
        ("device: gpu", "5:9: device: expected one of auto, cuda, mps, cpu, found text 'gpu'"),
        ("eval_steps: 1.5", "a number of steps, or a share of all steps between 0 and 1"),
        ("val_set_size: -0.1", "a share between 0 and 1, or a number of samples"),
        ("special_tokens: {pad: x}", "unknown special token `pad`"),
        ("special_tokens: {pad_tokn: x}", "did you mean `pad_token`?"),
        ("special_tokens: {pad_token: 3}", "pad_token: expected text, found the number 3"),
        ("deepspeed: [1]", "deepspeed: expected text or a mapping, found a list"),
        ("lora_target_modules: 3", "expected text or a list of texts, found the number 3"),
        ("wandb_project: 7", "expected text, found the number 7: put it in quotes"),
        ("step_separator: x", "5:1: `step_separator` belongs to a data set"),
        ("num_labels: 2", "5:13: `reward_model` (one reward a sample) needs `num_labels: 1`"),
        ("model_type: AutoModelForCausalLM", "needs `model_type: AutoModelForSequenceClassification`"),
        ("process_reward_model: true", "5:23: `reward_model` and `process_reward_model` are both true"),
        ("fp16: true\nbf16: true", "5:7: `bf16` and `fp16` are both true"),
        ("eval_steps: 3\nevals_per_epoch: 2", "6:18: `eval_steps` and `evals_per_epoch` say the same thing"),
        ("warmup_steps: 3\nwarmup_ratio: 0.1", "say the same thing"),
        ("chat_template: jinja", "`chat_template: jinja` needs the template in `chat_template_jinja`"),
        ("load_in_4bit: true", "can only be trained through an adapter"),
        ("early_stopping_patience: 2", "needs data to evaluate on"),
        ("base_model: other", "5:1: `base_model` is here a second time (first in line 1): keep one"),
        (
            "seed: !!python/object:os.system 1",
            "5:7: the tag `tag:yaml.org,2002:python/object:os.system` is not allowed",
        ),
        ("seed: !mine 1", "the tag `!mine` is not allowed"),
        ("seed: *there", "undefined alias"),
        ("\tseed: 1", "a tab cannot indent YAML: use spaces"),
        ("seed: 1: 2", "5:8: a second `:` on one line"),
        ("seed 1\nmore: 2", "a `:` is missing after the key"),
        ("seed: 1\n   more: 2", "wrong indentation"),
        ("---\nseed: 1", "a second document"),
        ("wandb_name: 'a\x00b'", "the character U+0000 is not allowed"),
        ("seed: 99999999999999999999x", "expected a whole number, found text"),
        ("seed: " + "9" * 5000, "cannot be read as a number"),
    ],
)
def test_a_problem_is_said_with_its_place(line: str, said: str) -> None:
    found = problems(f"{PAIRS}{line}\n")
    assert any(said in problem for problem in found), found
    assert all(problem.startswith("mine.yaml:") for problem in found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("# only a comment\n", "empty"),
        ("- base_model: m\n", "1:1: expected `key: value` lines, found a list"),
        ("hello\n", "found a single value"),
        ("base_model: m\ndatasets: []\nreward_model: true", "`datasets` is empty"),
        ("base_model: m\nreward_model: true\n", "`datasets` is missing"),
        ("reward_model: true\ndatasets:\n  - path: x\n", "`base_model` is missing"),
        (PAIRS.replace("reward_model: true\n", ""), "add `reward_model: true` (pairs) or `process_reward_model: true`"),
        (PAIRS.replace("path", "pth"), "4:5: unknown key `pth`; did you mean `path`?"),
        (
            PAIRS.replace("- path: rows.jsonl", "- rows.jsonl"),
            "4:5: datasets: its entry 1 should begin with `path: …`, found text",
        ),
        (PAIRS.replace("\n  - path: rows.jsonl", " rows.jsonl"), "datasets: expected a list, found text 'rows.jsonl'"),
        (PAIRS + "    sequence_len: 3\n", "5:5: `sequence_len` belongs to the preset"),
        (STEPS + "num_labels: 1\n", "needs `num_labels: 2`"),
        (STEPS + "excess_length_strategy: truncate_prompt\n", "`truncate_prompt` is for pairs"),
        (STEPS + "center_rewards_coefficient: 0.01\n", "is for pairs"),
        (STEPS + "focal_gamma: 2\n", "`focal_gamma` is for pairs"),
        (PAIRS + "class_weights: balanced\n", "`class_weights` is for steps"),
        (STEPS + "class_weights: {wrong: 2, wright: 1}\n", "expected `balanced`, or a mapping"),
        (STEPS + "class_weights: {wrong: 0, right: 1}\n", "expected a number above 0 for `wrong`"),
        (PAIRS + "label_smoothing: 0.5\n", "expected a probability below 0.5"),
        (PAIRS + "label_smoothing: 0.1\nfocal_gamma: 2\n", "do not go together"),
        ("base_model: m\n" + "a: " + "[" * 100_000, "mine.yaml:"),
    ],
)
def test_a_preset_that_is_not_one(text: str, said: str) -> None:
    assert any(said in problem for problem in problems(text))


def test_every_problem_is_reported_at_once_in_the_order_of_the_file() -> None:
    text = PAIRS + "learning_rat: 1\nmicro_batch_size: two\noptimizer: adam\nwarmup_steps: 3\nwarmup_ratio: 0.5\n"
    found = problems(text)
    assert [problem.split(":")[1] for problem in found] == ["5", "6", "7", "8"]


def test_overrides_replace_the_file_and_name_themselves_in_problems() -> None:
    loaded = parse(PAIRS, "datasets.0.path=other.jsonl", "learning_rate=1e-4", "datasets.1.path=more", "seed=")
    assert [dataset.path for dataset in loaded.preset.datasets] == ["other.jsonl", "more"]
    assert loaded.preset.learning_rate == 1e-4
    assert loaded.preset.seed == 42
    assert loaded.origins["learning_rate"] == "--set"
    assert loaded.origins["datasets.0.path"] == "--set"
    assert loaded.origins["datasets.1.path"] == "--set"
    assert loaded.origins["base_model"] == "file"
    assert loaded.origins["seed"] == "default"
    assert problems(PAIRS, "learning_rat=1") == [
        "--set learning_rat=1: unknown key `learning_rat`; did you mean `learning_rate`?"
    ]
    assert "expected a whole number, found text 'x'" in problems(PAIRS, "seed=x")[0]
    assert "expected KEY=VALUE" in problems(PAIRS, "seed")[0]
    assert "counted from 0" in problems(PAIRS, "datasets.7.path=x")[0]
    assert problems(PAIRS, "base_model.x=1")[0].startswith("--set base_model.x=1")


def test_a_mapped_type_maps_the_columns() -> None:
    text = PAIRS + "    type:\n      field_chosen: good\n      field_rejected: bad\n"
    loaded = parse(text)
    assert loaded.preset.datasets[0].type is None
    assert loaded.preset.datasets[0].field_chosen == "good"
    assert loaded.origins["datasets.0.field_chosen"] == "file"
    assert (
        "6:7: unknown key `field_chosn`; did you mean `field_chosen`?" in problems(text.replace("chosen", "chosn"))[0]
    )


def test_anchors_and_merges_are_followed_but_not_without_bound() -> None:
    text = PAIRS + "  - &more\n    path: b\n    split: dev\n  - <<: *more\n    path: c\n"
    entries = parse(text).preset.datasets
    assert [(entry.path, entry.split) for entry in entries] == [("rows.jsonl", None), ("b", "dev"), ("c", "dev")]
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 10)
    )
    began = time.perf_counter()
    assert any("too many values" in problem for problem in problems(PAIRS + bomb))
    assert any("too many values" in problem for problem in problems(PAIRS + "tokens: &a [*a]\n"))
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    "encode", [lambda text: text.replace("\n", "\r\n").encode(), lambda text: text.encode("utf-8-sig")]
)
def test_line_endings_and_byte_order_marks_do_not_matter(encode, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(encode(PAIRS))
    assert load_preset(str(path)).preset == parse(PAIRS).preset
    path.write_bytes(encode(PAIRS + "seed: x\n"))
    with pytest.raises(PresetError) as caught:
        load_preset(str(path))
    assert (caught.value.problems[0].line, caught.value.problems[0].column) == (5, 7)


def test_other_encodings_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"base_model: m\n# caf\xe9\n")
    with pytest.raises(PresetError, match=r"a\.yaml:2:6: not UTF-8 text \(byte 0xe9\)"):
        load_preset(str(path))


def test_a_keystroke_costs_little() -> None:
    parse(AXOLOTL)
    times = []
    for _ in range(10):
        began = time.process_time()
        parse(AXOLOTL)
        times.append(time.process_time() - began)
    assert min(times) < 0.02


YAML_BITS = st.lists(
    st.sampled_from(
        [
            *"abc:-[]{}&*!|>'\"%@`#,?\t ",
            "\n",
            "\r\n",
            "\n  ",
            "\n  - ",
            ": ",
            "base_model",
            "datasets",
            "path",
            "type",
            "1e-5",
            "null",
            "true",
            "special_tokens",
            "<<: ",
            "&a ",
            "*a",
            "!!",
            "---\n",
            "\\x",
            '"\\U99999999"',
            "0o9",
            "{a: ",
            "\x85",
        ]
    ),
    max_size=60,
).map("".join)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.text(max_size=200), YAML_BITS, YAML_BITS.map(lambda bits: PAIRS + bits)))
def test_no_text_ends_in_anything_but_problems(text: str) -> None:
    try:
        parse(text)
    except PresetError as error:
        assert error.problems
        assert all(problem.line >= 1 and problem.column >= 1 for problem in error.problems)


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(st.text(max_size=60), YAML_BITS.map(lambda bits: f"tokens.0={bits}"), YAML_BITS.map("datasets={}".format))
)
def test_no_override_ends_in_anything_but_problems(override: str) -> None:
    try:
        parse(PAIRS, override)
    except PresetError as error:
        assert error.problems


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("bf16: ture", "did you mean `true`?"),
        ("load_in_8bit: flase", "did you mean `false`?"),
        ("optimizer: adamw", "did you mean `adamw_torch_fused`?"),
        ("warmup_steps: 0.1", "a share of all steps is `warmup_ratio`"),
        ("chat_template: llama4", "`tokenizer_default` takes the model's own"),
        ("chat_template: tokenizer_default_fallback_qwen3_5", "`tokenizer_default` takes the model's own"),
    ],
)
def test_a_misspelt_value_is_answered_with_what_was_meant(line: str, said: str) -> None:
    assert said in problems_of(f"base_model: m\nreward_model: true\ndatasets:\n  - path: a\n{line}\n")


def test_a_type_that_is_not_for_rewards_may_be_left_out() -> None:
    text = "base_model: m\nreward_model: true\ndatasets:\n  - path: a\n    type: chat_template.default\n"
    assert "leave `type` out to have the layout detected" in problems_of(text)


def test_what_axolotls_plugins_and_zeros_say_is_taken() -> None:
    loaded = parse_preset(
        "base_model: m\nreward_model: true\ndatasets:\n  - path: a\nplugins: [liger]\n"
        "liger_rms_norm: true\nswanlab_project:\nevals_per_epoch: 0\neval_steps: 5\n",
        Path("p.yaml"),
    )
    assert [notice.message.split("`")[1] for notice in loaded.notices] == ["plugins", "liger_rms_norm"]
    assert (loaded.preset.evals_per_epoch, loaded.preset.eval_steps) == (None, 5)


def test_anchors_have_keys_of_their_own() -> None:
    loaded = parse_preset(
        "_of: &of {split: train}\nx-type: &type\n  type: bradley_terry\nbase_model: m\nreward_model: true\n"
        "datasets:\n  - path: a\n    <<: [*of, *type]\n  - <<: *of\n    path: b\n    split: test\n",
        Path("p.yaml"),
    )
    first, second = loaded.preset.datasets
    assert (first.split, first.type, second.split, second.type) == ("train", "bradley_terry", "test", None)
    assert loaded.notices == ()


def problems_of(text: str) -> str:
    with pytest.raises(PresetError) as refused:
        parse_preset(text, Path("p.yaml"))
    return str(refused.value)
