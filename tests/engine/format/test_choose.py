"""Which format reads a data set, why, and what it makes of a row."""

import pytest

from engine.finding import Refusal
from engine.format.choose import TYPES, choose_format
from engine.format.format import FormatError
from engine.preset.schema import DatasetConfig
from engine.preset.vocabulary import FORMATS
from engine.sample import Conversation, Pair, PlainText, Steps, TokenIds
from engine.source.row import RowError

ASK = {"role": "user", "content": "q"}
YES, NO = {"role": "assistant", "content": "yes"}, {"role": "assistant", "content": "no"}


def choose(row, type_=None, kind="pair", **config):
    return choose_format(type_, list(row), [row], DatasetConfig(path="rows.jsonl", **config), kind)


def only(format_, row):
    converted = format_.convert(row)
    assert converted.refusal is None, converted.refusal
    (sample,) = converted.samples
    return sample


def reason_of(format_, row):
    refusal = format_.convert(row).refusal
    assert isinstance(refusal, Refusal)
    return refusal.reason


@pytest.mark.parametrize(
    ("row", "side", "said"),
    [
        ({"system": "s", "input": "i", "chosen": "c", "rejected": "r"}, Conversation, "axolotl's columns"),
        ({"prompt": "p", "chosen": "c", "rejected": "r"}, PlainText, "TRL standard, explicit prompt"),
        ({"chosen": "c", "rejected": "r"}, PlainText, "TRL standard, implicit prompt"),
        ({"prompt": [ASK], "chosen": [YES], "rejected": [NO]}, Conversation, "TRL conversational, explicit prompt"),
        (
            {"chosen": [ASK, YES], "rejected": [ASK, NO]},
            Conversation,
            "`chosen` is a list of messages and there is no `prompt`: TRL conversational, implicit prompt",
        ),
        ({"prompt": "q", "chosen": [YES], "rejected": [NO]}, Conversation, "becomes the user's message"),
        ({"prompt": "q", "chosen": [ASK, YES], "rejected": [ASK, NO]}, Conversation, "`prompt` (text) is not read"),
        ({"chosen_input_ids": [1, 2], "rejected_input_ids": [1]}, TokenIds, "already tokenised"),
        ({"prompt": "q", "responses": ["a", "b"], "scores": [0.1, 0.9]}, PlainText, "each answer is paired with every"),
        ({"prompt": "q", "ranked_answers": ["a", "b"]}, PlainText, "ranked best first"),
        (
            {"question": "q", "answers": [{"answer": "a", "rank": 2}, {"answer": "b", "rank": 1}]},
            PlainText,
            "`rank` of each, 1 the best",
        ),
        ({"prompt": [ASK], "completions": [[YES], [NO]], "scores": [1, 2]}, Conversation, "ordered by `scores`"),
    ],
)
def test_layouts_of_pairs_are_found_and_explained(row, side, said):
    format_ = choose(row)
    assert said in format_.reason
    sample = only(format_, row)
    assert isinstance(sample, Pair)
    assert isinstance(sample.chosen, side)


@pytest.mark.parametrize(
    ("row", "name", "said"),
    [
        ({"prompt": "p", "completions": ["a"], "labels": [True]}, "stepwise_supervised", "are there"),
        (
            {"prompt": [ASK], "completions": ["a"], "labels": [True]},
            "stepwise_supervised.chat_template",
            "list of messages",
        ),
        (
            {"input": "q Step 1: a ки\nStep 2: b ки", "label": "q Step 1: a +\nStep 2: b -", "task": "GSM8K"},
            "stepwise_supervised.math_shepherd",
            "raw Math-Shepherd",
        ),
        (
            {"question": {"problem": "p"}, "label": {"steps": [{"completions": [{"text": "t", "rating": 1}]}]}},
            "stepwise_supervised.prm800k",
            "raw PRM800K",
        ),
    ],
)
def test_layouts_of_steps_are_found_and_explained(row, name, said):
    format_ = choose(row, kind="steps")
    assert (format_.name, said in format_.reason) == (name, True)
    assert isinstance(only(format_, row), Steps)


@pytest.mark.parametrize("type_", TYPES)
def test_a_type_of_the_other_kind_of_model_is_refused(type_):
    wrong = "pair" if type_.startswith("stepwise") else "steps"
    with pytest.raises(FormatError, match="reads"):
        choose_format(type_, [], [], DatasetConfig(path="rows.jsonl"), wrong)


def test_what_cannot_be_read_is_said():
    with pytest.raises(FormatError, match="no format named 'alpaca'") as caught:
        choose({"a": 1}, "alpaca")
    assert "bradley_terry.chat_template" in caught.value.advice
    with pytest.raises(FormatError, match="has these columns: `a`, `b`"):
        choose({"a": 1, "b": 2})
    with pytest.raises(FormatError, match="`input`") as caught:
        choose({"question": "q", "chosen": "c", "rejected": "r"}, "bradley_terry.chat_template")
    assert "`question`" in caught.value.advice


def test_fields_can_be_mapped():
    row = {"sys": "s", "question": "q", "good": "c", "bad": "r", "gap": 2}
    names = {"system": "sys", "input": "question", "chosen": "good", "rejected": "bad", "margin": "gap"}
    format_ = choose(row, "bradley_terry.chat_template", **{f"field_{name}": column for name, column in names.items()})
    sample = only(format_, row)
    assert [message["content"] for message in sample.chosen.messages] == ["s", "q", "c"]
    assert sample.margin == 2.0
    assert sample.rejected.fields == ("sys", "question", "bad")


def test_messages_with_other_names():
    row = {
        "chosen": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}],
        "rejected": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "b"}],
    }
    sample = only(choose(row, message_property_mappings={"role": "from", "content": "value"}), row)
    assert sample.chosen.messages == (ASK, {"role": "assistant", "content": "a"})
    assert (sample.chosen.answer_start, sample.chosen.fields[1]) == (1, "chosen.1.value")


def test_content_parts_are_joined_in_axolotls_columns():
    row = {"input": "q", "chosen": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "rejected": "r"}
    sample = only(choose(row, "bradley_terry.chat_template"), row)
    assert sample.chosen.messages[-1]["content"] == "ab"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"chosen": None}, "missing-field"),
        ({"chosen": True}, "wrong-type"),
        ({"chosen": 3}, "wrong-type"),
        ({"input": ["q"]}, "wrong-type"),
        ({"input": {"a": 1}}, "wrong-type"),
        ({"system": 5}, "wrong-type"),
        ({"system": None}, None),
    ],
)
def test_values_of_axolotls_columns(change, reason):
    row = {"system": "s", "input": "q", "chosen": "a", "rejected": "b"}
    format_ = choose(row, "bradley_terry.chat_template")
    refusal = format_.convert({**row, **change}).refusal
    assert (refusal.reason if refusal else None) == reason


def test_a_line_that_is_no_row():
    format_ = choose({"chosen": "a", "rejected": "b"})
    assert format_.convert(RowError("line 3: not JSON")).refusal == Refusal("unreadable-row", "line 3: not JSON")


def test_tools_and_template_arguments():
    row = {
        "prompt": [ASK],
        "chosen": [YES],
        "rejected": [NO],
        "tools": '[{"type": "function"}]',
        "chat_template_kwargs": {"x": 1},
    }
    format_ = choose(row)
    sample = only(format_, row)
    assert (sample.chosen.tools, sample.chosen.template_kwargs) == (({"type": "function"},), {"x": 1})
    assert only(format_, {**row, "tools": None}).chosen.tools is None
    assert reason_of(format_, {**row, "tools": "no json"}) == "wrong-type"
    assert reason_of(format_, {**row, "tools": [1]}) == "wrong-type"
    assert reason_of(format_, {**row, "chat_template_kwargs": None}) == "wrong-type"


def test_a_message_that_calls_tools_needs_no_content():
    call = {"role": "assistant", "content": None, "tool_calls": [{"type": "function"}]}
    row = {"prompt": [ASK], "chosen": [call], "rejected": [NO]}
    assert "content" not in only(choose(row), row).chosen.messages[-1]


def test_ranked_answers():
    row = {"prompt": "q", "responses": ["a", "b", "c", "d"], "scores": [1, 3, None, 3]}
    converted = choose(row).convert(row)
    assert [(pair.chosen.answer, pair.rejected.answer) for pair in converted.samples] == [("b", "a"), ("d", "a")]
    assert reason_of(choose(row), {**row, "scores": [1, 1, 1, 1]}) == "no-pair"
    assert reason_of(choose(row), {**row, "scores": [1]}) == "label-count"
    assert reason_of(choose(row), {**row, "scores": ["high", 1, 1, 1]}) == "wrong-type"


def test_math_shepherd_becomes_steps_with_their_places():
    source = "Tom has 2. How many? Step 1: Tom has 2. ки\nStep 2: The answer is 3 ки"
    row = {"input": source, "label": source.replace("ки", "+", 1).replace("ки", "-")}
    sample = only(choose(row, kind="steps"), row)
    assert sample.prompt == "Tom has 2. How many?"
    assert sample.steps == ("Step 1: Tom has 2.", "Step 2: The answer is 3")
    assert sample.labels == (1.0, 0.0)
    for step, offset in zip(sample.steps, sample.step_offsets, strict=True):
        assert source[offset:].startswith(step)
    format_ = choose(row, kind="steps")
    assert reason_of(format_, {**row, "label": source}) == "label-value"
    assert reason_of(format_, {**row, "input": source + " and more"}) == "label-count"
    assert reason_of(format_, {**row, "input": "no marker"}) == "missing-field"


def test_prm800k_becomes_a_sample_for_each_branch():
    def tried(*completions, chosen=None, human=None):
        entries = [{"text": text, "rating": rating} for text, rating in completions]
        return {"completions": entries, "chosen_completion": chosen, "human_completion": human}

    row = {
        "question": {"problem": "p"},
        "label": {
            "steps": [
                tried(("a", 1), ("b", -1), chosen=0),
                tried(("c", 0), ("d", None), human={"text": "e"}),
                tried(("f", -1)),
            ]
        },
    }
    samples = choose(row, kind="steps").convert(row).samples
    assert [(sample.steps, sample.labels) for sample in samples] == [
        (("b",), (0.0,)),
        (("a", "c"), (1.0, None)),
        (("a", "d"), (1.0, None)),
        (("a", "e", "f"), (1.0, None, 0.0)),
    ]
    assert samples[-1].step_fields[1] == "label.steps.1.human_completion.text"
    assert reason_of(choose(row, kind="steps"), {**row, "label": {"steps": [tried(("a", 5))]}}) == "label-value"


@pytest.mark.parametrize("type_", [None, "bradley_terry", "bradley_terry.chat_template", "bradley_terry.llama3"])
def test_a_mapping_to_no_column_is_said_with_the_nearest(type_):
    row = {"input": "q", "better_answer": "c", "rejected": "r"}
    with pytest.raises(FormatError) as said:
        choose(row, type_, field_chosen="better_anwser")
    assert "`field_chosen: better_anwser`: there is no such column" in said.value.what
    assert said.value.advice == "Did you mean `better_answer`? The columns are `input`, `better_answer`, `rejected`."


def test_a_mapped_column_that_rows_may_lack_is_missed_only_where_another_is_near():
    row = {"input": "q", "chosen": "c", "rejected": "r"}
    assert choose(row, field_system="instructions", field_margin="gap").name == "bradley_terry.chat_template"
    with pytest.raises(FormatError, match="field_margin: mrgin"):
        choose(row | {"margin": 1.0}, field_margin="mrgin")


def test_a_pinned_type_without_its_columns_says_how_to_map_them():
    with pytest.raises(FormatError) as said:
        choose({"question": "q", "chosen": "c", "rejected": "r"}, "bradley_terry.chat_template")
    assert said.value.what == "`bradley_terry.chat_template` reads `input`, which the data do not have."
    assert "`field_input: …`" in said.value.advice
    with pytest.raises(FormatError, match="There is no format") as said:
        choose({"input": "q"}, "bradley_terry.chat_templates")
    assert "Did you mean `bradley_terry.chat_template`?" in said.value.advice


@pytest.mark.parametrize(
    "row",
    [
        {"input": "q", "chosen": "c", "rejected": "r"},
        {"prompt": "p", "chosen": "c", "rejected": "r"},
        {"chosen": [ASK, YES], "rejected": [ASK, NO]},
        {"chosen_ids": [1, 2], "rejected_ids": [1]},
    ],
)
def test_a_margin_that_no_row_has_is_none(row):
    def chosen_from(margins):
        rows = [row | {"gap": margin, "chat_template_kwargs": None} for margin in margins]
        config = DatasetConfig(path="rows.jsonl", field_margin="gap")
        return choose_format(None, list(rows[0]), rows, config, "pair"), rows

    format_, rows = chosen_from([None, None, None])
    assert "`gap` is null in the first rows" in format_.reason
    assert [only(format_, row).margin for row in rows] == [None, None, None]
    assert only(format_, row | {"gap": 2}).margin == 2.0
    format_, rows = chosen_from([None, 0.5])
    assert reason_of(format_, rows[0]) == "missing-field"
    assert only(format_, rows[1]).margin == 0.5


@pytest.mark.parametrize(
    ("row", "kind", "advice"),
    [
        ({"q": "a", "good_chosen": "b", "bad_rejected": "c"}, "pair", "`field_chosen: good_chosen`"),
        ({"prompt": "p", "completions": ["a"], "labels": [1]}, "pair", "set `process_reward_model: true` instead"),
        ({"prompt": "p", "chosen": "a", "rejected": "b"}, "steps", "set `reward_model: true` instead"),
        ({"problem_prompt": "p", "completion": ["a"], "label": [1]}, "steps", "`field_prompt: problem_prompt`"),
        ({"input;chosen;rejected": "a;b;c"}, "pair", "commas between the columns"),
        ({"data": [{"input": "q", "chosen": "a", "rejected": "b"}], "version": 1}, "pair", "`data` holds a list"),
        ({"a": 1}, "pair", "Map the columns (field_prompt, field_chosen, field_rejected, …)"),
    ],
)
def test_what_to_do_about_columns_that_are_no_layout(row, kind, advice):
    with pytest.raises(FormatError, match="No known layout") as said:
        choose(row, kind=kind)
    assert advice in said.value.advice


def test_rows_that_are_no_rows_are_no_columns():
    with pytest.raises(FormatError, match="None of the first rows") as said:
        choose_format(
            None, [], [RowError("data.json:1: a row must be an object")] * 3, DatasetConfig(path="rows.jsonl"), "pair"
        )
    assert "data.json:1: a row must be an object" in said.value.advice


def test_refusals_name_what_the_row_has_instead():
    row = {"chosen": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "rejected": [ASK, NO]}
    refusal = choose(row).convert(row).refusal
    assert (
        refusal.message == "`chosen.0` has no `role`; its keys: `from`, `value` (`message_property_mappings` maps them)"
    )
    row = {"prompt": "p", "completions": ["a"], "labels": ["good"]}
    assert "`labels.0` is the text 'good'" in choose(row, kind="steps").convert(row).refusal.message


def test_the_preset_takes_every_type_there_is_and_no_other():
    assert set(FORMATS) == set(TYPES)


@pytest.mark.parametrize(
    ("type_", "kind", "columns", "key"),
    [
        ("bradley_terry.chat_template", "pair", ["prompt", "completions", "labels"], "process_reward_model"),
        ("stepwise_supervised", "steps", ["input", "chosen", "rejected"], "reward_model"),
    ],
)
def test_a_pinned_type_on_data_of_the_other_kind_says_which_kind_it_is(type_, kind, columns, key):
    values = {"prompt": "q", "completions": ["a"], "labels": [True], "input": "q", "chosen": "a", "rejected": "b"}
    row = {column: values[column] for column in columns}
    with pytest.raises(FormatError) as said:
        choose_format(type_, columns, [row], DatasetConfig(path="rows.jsonl"), kind)
    assert f"set `{key}: true` instead, and leave `type` out" in said.value.advice
