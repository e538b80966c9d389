"""LLaMA-Factory's preference layouts: found, pinned, and read as its converters read them."""

import pytest

from engine.format.choose import choose_format
from engine.preset.schema import DatasetConfig

ALPACA = {"instruction": "Translate to French.", "input": "Good day", "chosen": "Bonjour", "rejected": "Hola"}
SHAREGPT = {
    "conversations": [
        {"from": "human", "value": "Hi"},
        {"from": "gpt", "value": "Hello!"},
        {"from": "human", "value": "Bye"},
    ],
    "chosen": {"from": "gpt", "value": "See you"},
    "rejected": {"from": "gpt", "value": "No"},
}


def choose(row, type_=None, **config):
    return choose_format(type_, list(row), [row], DatasetConfig(path="rows.jsonl", **config), "pair")


def read(row, type_=None, **config):
    format_ = choose(row, type_, **config)
    converted = format_.convert(row)
    assert converted.refusal is None, converted.refusal
    (pair,) = converted.samples
    return pair, [finding.code for finding in converted.findings]


def turns(side):
    return [(message["role"], message["content"]) for message in side.messages]


@pytest.mark.parametrize("type_", [None, "bradley_terry", "bradley_terry.alpaca"])
def test_instruction_and_input_are_the_users_message(type_):
    assert choose(ALPACA, type_).name == "bradley_terry.alpaca"
    pair, found = read(ALPACA, type_)
    assert turns(pair.chosen) == [("user", "Translate to French.\nGood day"), ("assistant", "Bonjour")]
    assert turns(pair.rejected)[-1] == ("assistant", "Hola")
    assert (pair.chosen.answer_start, pair.chosen.fields) == (1, ("instruction + input", "chosen"))
    assert not found


@pytest.mark.parametrize("more", [{}, {"input": ""}, {"input": None}])
def test_an_instruction_without_input_stands_alone(more):
    row = {"instruction": "Why?", "chosen": "So.", "rejected": "No.", **more}
    pair, _ = read(row)
    assert turns(pair.chosen) == [("user", "Why?"), ("assistant", "So.")]


def test_system_and_history_come_before_it():
    row = {**ALPACA, "system": "Be kind.", "history": [["Hi", "Hello!"]]}
    pair, _ = read(row)
    assert turns(pair.chosen)[:3] == [("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello!")]
    assert pair.chosen.fields[:3] == ("system", "history.0.0", "history.0.1")
    pair, found = read(row, drop_system_message=True)
    assert turns(pair.chosen)[0] == ("user", "Hi")
    assert found == ["system-dropped"]
    refused = choose(ALPACA).convert({**row, "history": [["Hi"]]}).refusal
    assert (refused.reason, "history.0" in refused.message) == ("wrong-type", True)


def test_a_preset_that_maps_or_pins_the_message_reads_that_column_alone():
    for how in ({"type_": "bradley_terry.chat_template"}, {"field_input": "input"}):
        pair, _ = read(ALPACA, **how)
        assert turns(pair.chosen)[0] == ("user", "Good day")


@pytest.mark.parametrize("type_", [None, "bradley_terry", "bradley_terry.sharegpt"])
def test_a_conversation_with_two_answers(type_):
    assert choose(SHAREGPT, type_).name == "bradley_terry.sharegpt"
    pair, found = read({**SHAREGPT, "system": "Be kind.", "tools": ""}, type_)
    expected = [("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello!"), ("user", "Bye")]
    assert turns(pair.chosen) == [*expected, ("assistant", "See you")]
    assert turns(pair.rejected) == [*expected, ("assistant", "No")]
    assert pair.chosen.fields[-2:] == ("conversations.2.value", "chosen.value")
    assert (pair.chosen.answer_start, pair.chosen.tools, found) == (4, None, [])


def test_an_answer_that_is_no_message_is_refused():
    refused = choose(SHAREGPT).convert({**SHAREGPT, "rejected": "No"}).refusal
    assert (refused.reason, "`rejected` is text" in refused.message) == ("wrong-type", True)
