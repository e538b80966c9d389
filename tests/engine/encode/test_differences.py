"""Where we differ from the peers on purpose, each with its own test; the numbers are those of docs/formats.md."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

ROW = {"system": "Be brief.", "input": "What is 2 + 2?", "chosen": "It is 4.", "rejected": "It is 5."}
STEPS = {"prompt": "What is 2 + 2?", "completions": ["First, add.", "So it is 4."], "labels": [True, False]}
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('No system role') }}{% endif %}"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
THINKING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)


def codes(outcome):
    return {finding.code for finding in outcome.findings}


def pair(encode, tokenizer, row, type_="bradley_terry.chat_template", **preset):
    (outcome,), _ = encode(row, tokenizer=tokenizer, type_=type_, columns=list(ROW), preset=preset)
    return outcome


def steps(encode, tokenizer, row, dataset=None, evaluating=False, type_="stepwise_supervised", **preset):
    (outcome,), _ = encode(
        row,
        tokenizer=tokenizer,
        type_=type_,
        kind="steps",
        columns=list(STEPS),
        preset=preset,
        dataset=dataset,
        evaluating=evaluating,
    )
    return outcome


def text_of(tokenizer, ids):
    return tokenizer.decode(ids)


@pytest.mark.parametrize("system", ["absent", None, ""])
def test_1_no_system_text_is_no_system_turn(encode, chatml, system):
    row = {**ROW, "system": system}
    if system == "absent":
        del row["system"]
    outcome = pair(encode, chatml, row)
    assert text_of(chatml, outcome.encoding.chosen_ids).startswith("<|im_start|>user\nWhat is 2 + 2?")
    assert ("empty-system" in codes(outcome)) is (system == "")


def test_2_a_refused_system_role_goes_before_the_users_text(encode, chatml):
    outcome = pair(encode, chatml, ROW, chat_template_jinja=GEMMA)
    text = text_of(chatml, outcome.encoding.chosen_ids)
    assert "<start_of_turn>user\nBe brief.\n\nWhat is 2 + 2?<end_of_turn>" in text
    assert "system-merged" in codes(outcome)


def test_2_drop_system_message_still_drops_it(encode, chatml):
    (outcome,), _ = encode(
        ROW,
        tokenizer=chatml,
        type_="bradley_terry.chat_template",
        preset={"chat_template_jinja": GEMMA},
        dataset={"drop_system_message": True},
    )
    assert "Be brief." not in text_of(chatml, outcome.encoding.chosen_ids)
    assert codes(outcome) & {"system-dropped", "system-merged"} == {"system-dropped"}


@pytest.mark.parametrize("row", [{**ROW, "chosen": "\nIt is 4."}, {**ROW, "chosen": "\n", "rejected": "\n\n"}])
def test_3_tokens_that_merge_across_the_generation_prompt_are_the_full_renders(encode, chatml, row):
    outcome = pair(encode, chatml, row)
    turns = [
        {"role": r, "content": row[c]} for r, c in (("system", "system"), ("user", "input"), ("assistant", "chosen"))
    ]
    assert outcome.encoding.chosen_ids == chatml.apply_chat_template(turns, return_dict=False)
    assert outcome.kept
    assert "template-splice" in codes(outcome)


def test_3_a_generation_prompt_that_is_no_head_of_the_render(encode, chatml):
    outcome = pair(encode, chatml, ROW, chat_template_jinja=THINKING)
    assert "template-splice" in codes(outcome)
    assert text_of(chatml, outcome.encoding.chosen_ids).endswith("<|im_start|>assistant\nIt is 4.<|im_end|>\n")
    assert "template-splice" not in codes(pair(encode, chatml, ROW))


LONG = {**ROW, "input": "What is 2 + 2? " * 20, "chosen": "It is 4, since two and two are four."}


def test_4_over_long_pairs_are_dropped_and_keep_their_tokens_to_look_at(encode, chatml):
    outcome = pair(encode, chatml, LONG, sequence_len=64)
    assert outcome.refusal.reason == "too-long"
    assert len(outcome.encoding.chosen_ids) > 64


def test_4_truncate_cuts_right(encode, chatml):
    whole = pair(encode, chatml, LONG).encoding
    limit = len(whole.chosen_ids) - 8
    cut = pair(encode, chatml, LONG, sequence_len=limit, excess_length_strategy="truncate")
    assert cut.encoding.chosen_ids == whole.chosen_ids[:limit]
    assert cut.encoding.chosen_cut == 8
    assert {"truncated", "answer-cut"} <= codes(cut)


def test_4_a_cut_of_the_templates_end_alone_cuts_no_answer(encode, chatml):
    row = {**LONG, "rejected": "No."}
    whole = pair(encode, chatml, row).encoding
    cut = pair(encode, chatml, row, sequence_len=len(whole.chosen_ids) - 2, excess_length_strategy="truncate")
    assert text_of(chatml, cut.encoding.chosen_ids).endswith("are four.")
    assert "truncated" in codes(cut)
    assert "answer-cut" not in codes(cut)


def test_4_truncate_prompt_keeps_the_answers_whole_and_the_head_shared(encode, chatml):
    whole = pair(encode, chatml, LONG).encoding
    cut = pair(encode, chatml, LONG, sequence_len=40, excess_length_strategy="truncate_prompt").encoding
    removed = len(whole.chosen_ids) - 40
    assert cut.chosen_ids == whole.chosen_ids[removed:]
    assert cut.rejected_ids == whole.rejected_ids[removed:]
    assert cut.shared_prefix == whole.shared_prefix - removed
    assert cut.chosen_cut == cut.rejected_cut == removed


def test_4_truncate_prompt_drops_what_has_no_prompt_left_to_cut(encode, chatml):
    outcome = pair(
        encode, chatml, {**ROW, "chosen": "word " * 90}, sequence_len=48, excess_length_strategy="truncate_prompt"
    )
    assert outcome.refusal.reason == "too-long"


def test_4_raise_leaves_the_row_to_be_looked_at(encode, chatml):
    outcome = pair(encode, chatml, LONG, sequence_len=48, excess_length_strategy="raise")
    assert outcome.refusal.reason == "too-long"


def test_4_identical_pairs_are_never_trained_on(encode, chatml, llama3):
    assert pair(encode, chatml, {**ROW, "rejected": ROW["chosen"]}).refusal.reason == "identical-pair"
    # Llama 3's template strips answers, so that these two become the same tokens.
    assert pair(encode, llama3, {**ROW, "chosen": "Same.\n", "rejected": "Same."}).refusal.reason == "identical-pair"
    cut = pair(encode, chatml, LONG, sequence_len=48, excess_length_strategy="truncate")
    assert cut.refusal.reason == "identical-after-truncation"


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([True], "label-count"),
        ([True, False, True], "label-count"),
        (["1", "0"], "label-value"),
        ([2, 0], "label-value"),
        ([1, -1], "label-value"),
        ([float("nan"), 0], "label-value"),
        ([[True], [False]], "label-value"),
        ("10", "wrong-type"),
        (None, "missing-field"),
        ([None, None], "no-labels"),
    ],
)
def test_5_labels_that_are_none_refuse_the_row(encode, chatml, labels, reason):
    assert steps(encode, chatml, {**STEPS, "labels": labels}).refusal.reason == reason


@pytest.mark.parametrize(
    ("labels", "trained"),
    [([True, False], [1, 0]), ([1.0, 0], [1, 0]), ([None, 1], [1]), ([0.7, 0.2], [0.7, 0.2]), ([1, 0.5], [1, 0.5])],
)
def test_5_hard_labels_are_classes_soft_ones_stay_soft_null_is_masked(encode, chatml, labels, trained):
    outcome = steps(encode, chatml, {**STEPS, "labels": labels})
    assert [label for label in outcome.encoding.labels if label != -100] == trained
    assert ("soft-label" in codes(outcome)) is any(0 < (label or 0) < 1 for label in labels)


def test_6_a_row_without_a_label_left_is_dropped(encode, chatml):
    outcome = steps(encode, chatml, STEPS, sequence_len=10)
    assert outcome.refusal.reason == "no-labels"
    assert outcome.encoding.labels_cut == 2
    assert "labels-cut" in codes(outcome)
    some = steps(encode, chatml, STEPS, sequence_len=16)
    assert some.kept
    assert some.encoding.labels_cut == 1


def test_7_train_on_last_step_only_is_for_training_rows(encode, chatml):
    knob = {"train_on_last_step_only": True}
    training = steps(encode, chatml, STEPS, knob).encoding
    evaluating = steps(encode, chatml, STEPS, knob, evaluating=True).encoding
    assert [label for label in training.labels if label != -100] == [0]
    assert [label for label in evaluating.labels if label != -100] == [1, 0]


def test_8_an_empty_step_with_an_empty_separator_has_no_place_for_its_label(encode, chatml):
    outcome = steps(encode, chatml, {**STEPS, "completions": ["a", ""]}, {"step_separator": ""})
    assert outcome.refusal.reason == "empty-step"


@pytest.mark.parametrize("margin", [None, "0.5", True, float("inf"), [1], 10**400])
def test_9_a_margin_that_is_no_number_refuses_the_row(encode, chatml, margin):
    row = {"prompt": "p", "chosen": "a", "rejected": "b", "margin": margin}
    (outcome,), _ = encode(row, tokenizer=chatml, type_="bradley_terry")
    assert outcome.refusal.reason in ("wrong-type", "missing-field")


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": None},
        {"role": "assistant"},
        {"content": "x"},
        {"role": "assistant", "content": 3},
    ],
)
def test_10_a_message_without_content_refuses_the_row(encode, llama3, message):
    row = {
        "prompt": [{"role": "user", "content": "q"}],
        "chosen": [message],
        "rejected": [{"role": "assistant", "content": "x"}],
    }
    (outcome,), _ = encode(row, tokenizer=llama3, type_="bradley_terry")
    assert outcome.refusal.reason in ("missing-field", "wrong-type")


def test_11_a_lone_surrogate_refuses_the_row_and_no_other(encode, chatml):
    assert pair(encode, chatml, {**ROW, "chosen": "a\ud800b"}).refusal.reason == "encoding-suspect"
    assert steps(encode, chatml, {**STEPS, "completions": ["a", "\udfff"]}).refusal.reason == "encoding-suspect"


def test_setup_findings(encode, chatml, llama3, byte_tokenizer):
    assert "pooled-on-whitespace" in codes(pair(encode, chatml, ROW))
    assert "pad-is-eos" in codes(pair(encode, llama3, ROW))
    assert "pad-is-eos" not in codes(pair(encode, chatml, ROW))
    assert {"bos-missing", "eos-missing"} <= codes(pair(encode, llama3, ROW, chat_template="chatml"))
    clean = pair(encode, AutoTokenizer.from_pretrained(byte_tokenizer), ROW)
    assert codes(clean) == set()


def test_bos_doubled(encode, llama3):
    row = {"prompt": "<|begin_of_text|>p", "chosen": "a", "rejected": "b"}
    (outcome,), _ = encode(row, tokenizer=llama3, type_="bradley_terry")
    assert "bos-doubled" in codes(outcome)
    assert "bos-doubled" in codes(steps(encode, llama3, {**STEPS, "prompt": "<|begin_of_text|>p"}))
    assert "bos-doubled" not in codes(steps(encode, llama3, STEPS))


def test_separator_merged(encode, chatml):
    assert "separator-merged" in codes(steps(encode, chatml, STEPS))  # ".\n" is one token of this vocabulary
    assert "separator-merged" not in codes(steps(encode, chatml, STEPS, {"step_separator": "<|im_end|>"}))


def test_separator_missing(encode, chatml):
    words = Tokenizer(models.WordLevel({"<unk>": 0, "<end>": 1}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    spaceless = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", pad_token="<end>")
    assert "separator-missing" in codes(steps(encode, spaceless, STEPS))
    assert "separator-missing" not in codes(steps(encode, spaceless, STEPS, {"step_separator": "<end>"}))
    assert "separator-missing" not in codes(steps(encode, spaceless, STEPS, {"step_separator": ""}))
    assert "separator-missing" not in codes(steps(encode, chatml, STEPS))
