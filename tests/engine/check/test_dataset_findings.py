"""Findings of a data set as a whole: duplicates, conflicts, leaks, margins, classes, cuts."""

from engine.check.dataset import DataSetChecks
from engine.encode.encoding import EncodedRow, StepsEncoding
from engine.finding import Refusal, Severity
from engine.sample import Conversation, Pair, PlainText, SampleId, Steps, TokenIds


def text_pair(prompt, chosen, rejected, margin=None):
    return Pair(PlainText(prompt, chosen), PlainText(prompt, rejected), margin)


def chat_pair(prompt, chosen, rejected, system=None):
    context = ({"role": "system", "content": system},) if system else ()
    context += ({"role": "user", "content": prompt},)
    sides = [
        Conversation((*context, {"role": "assistant", "content": text}), len(context)) for text in (chosen, rejected)
    ]
    return Pair(*sides)


def encoded(row, encoding=None, refusal=None, dataset=0):
    return EncodedRow(SampleId(dataset, row), encoding, refusal)


def findings(train, held_out=(), pairs=True):
    checks = DataSetChecks(pairs)
    for row, sample in enumerate(train):
        checks.add(sample, encoded(row), "train")
    for row, sample in enumerate(held_out):
        checks.add(sample, encoded(row, dataset=1), "eval")
    return {found.code: found for found in checks.findings()}


def test_a_repeated_pair_is_named_by_its_copies():
    train = [text_pair("q", "a", "b"), text_pair("q2", "a", "b"), text_pair("q", "a", "b"), text_pair("q ", "a", "b")]
    found = findings(train)
    assert set(found) == {"duplicate-row"}
    assert found["duplicate-row"].rows == [(0, 2), (0, 3)]


def test_the_same_in_messages_and_ids_and_steps():
    assert set(findings([chat_pair("q", "a", "b"), chat_pair("q", "a", "b")])) == {"duplicate-row"}
    ids = Pair(TokenIds((1, 2)), TokenIds((1, 3)))
    assert set(findings([ids, ids])) == {"duplicate-row"}
    steps = [Steps("q", ("a", "b"), (1.0, 0.0))] * 2
    assert set(findings(steps, pairs=False)) == {"duplicate-row"}


def test_pairs_that_share_less_are_not_duplicates():
    train = [
        chat_pair("q", "a", "b"),
        chat_pair("q", "a", "c"),
        chat_pair("q", "d", "b"),
        chat_pair("q", "\na", "b"),
        chat_pair("Q", "a", "b"),
        chat_pair("q", "a", "b", system="Be kind."),
    ]
    assert findings(train) == {}


def test_pairs_that_say_the_opposite():
    found = findings([text_pair("q", "a", "b"), text_pair("x", "b", "a"), text_pair("q", "b", "a")])
    assert set(found) == {"conflicting-pair"}
    assert found["conflicting-pair"].rows == [(0, 0), (0, 2)]


def test_orders_that_agree_are_no_conflict():
    train = [text_pair("q", "a", "b"), text_pair("q", "b", "c"), text_pair("q", "a", "c"), text_pair("p", "x", "x")]
    assert findings(train) == {}


def test_steps_with_other_labels_are_a_conflict():
    train = [Steps("q", ("a", "b"), (1.0, 1.0)), Steps("q", ("a", "c"), (1.0, 0.0)), Steps("q", ("a", "b"), (1.0, 0.0))]
    found = findings(train, pairs=False)
    assert set(found) == {"conflicting-pair"}
    assert found["conflicting-pair"].rows == [(0, 0), (0, 2)]
    agreeing = [Steps("q", ("a", "b"), labels) for labels in ((1.0, 0.0), (0.9, 0.0), (1.0, None))]
    assert findings(agreeing, pairs=False) == {}


def test_prompts_of_the_evaluation_set_that_are_trained_on():
    train = [chat_pair("q1", "a", "b"), chat_pair("q2", "a", "b")]
    held_out = [chat_pair("q1", "c", "d"), chat_pair(" q2 ", "a", "b"), chat_pair("q3", "a", "b")]
    found = findings(train, held_out)
    assert set(found) == {"eval-leak"}
    assert found["eval-leak"].rows == [(1, 0), (1, 1)]
    assert "2 of 3" in found["eval-leak"].message


def test_the_prompt_within_plain_conversations_counts():
    def talk(question, answer):
        return f"\n\nHuman: {question}\n\nAssistant: {answer}"

    train = [text_pair("", talk("q1", "a"), talk("q1", "b"))]
    assert set(findings(train, [text_pair("", talk("q1", "c"), talk("q1", "d"))])) == {"eval-leak"}
    assert findings(train, [text_pair("", talk("q2", "a"), talk("q2", "b"))]) == {}


def test_a_shared_system_message_or_a_missing_prompt_is_no_leak():
    train = [chat_pair("q1", "a", "b", system="Be kind."), text_pair("", "a", "b"), chat_pair("", "a", "b", system="S")]
    held_out = [
        chat_pair("q2", "a", "b", system="Be kind."),
        text_pair("", "c", "d"),
        chat_pair("", "c", "d", system="S"),
    ]
    assert findings(train, held_out) == {}


def test_an_instruction_that_all_rows_share_is_no_leak_but_an_equal_row_is():
    train = [chat_pair("Write a sentence.", f"a{i}", f"b{i}") for i in range(100)]
    assert findings(train, [chat_pair("Write a sentence.", "c", "d")]) == {}
    found = findings(train, [chat_pair("Write a sentence.", "c", "d"), train[7]])
    assert found["eval-leak"].rows == [(1, 1)]


def test_margins_in_some_rows_only():
    found = findings([text_pair("q1", "a", "b", 1.0), text_pair("q2", "a", "b"), text_pair("q3", "a", "b", 0.0)])
    assert set(found) == {"margin-missing"}
    assert found["margin-missing"].rows == [(0, 1)]
    assert findings([text_pair("q1", "a", "b", 1.0), text_pair("q2", "a", "b", 2.0)]) == {}
    assert findings([text_pair("q1", "a", "b"), text_pair("q2", "a", "b")]) == {}


def test_a_null_margin_that_refused_its_row_counts_as_missing():
    checks = DataSetChecks(True)
    checks.add(text_pair("q", "a", "b", 1.0), encoded(0), "train")
    checks.add(None, encoded(1, refusal=Refusal("missing-field", "`margin` is null")), "train", margin_is_null=True)
    assert [(found.code, found.rows) for found in checks.findings()] == [("margin-missing", [(0, 1)])]


def test_one_class_in_the_whole_data_set_is_a_warning():
    found = findings([Steps("q1", ("a",), (1.0,)), Steps("q2", ("b", "c"), (1.0, None))], pairs=False)
    assert found["one-class"].severity is Severity.WARNING
    assert findings([Steps("q1", ("a",), (1.0,)), Steps("q2", ("b",), (0.0,))], pairs=False) == {}
    assert findings([Steps("q1", ("a",), (1.0,))], pairs=False) == {}


def test_statistics_of_labels():
    checks = DataSetChecks(False)
    for row, labels in enumerate([(1.0, 1.0, 0.0), (0.9, None, 1.0)]):
        checks.add(Steps(f"q{row}", ("a", "b", "c"), labels), encoded(row), "train")
    statistics = checks.statistics()
    assert statistics["labels"] == 5
    assert statistics["positive_rate"] == statistics["majority_baseline"] == 0.8
    assert statistics["soft_share"] == 0.2
    assert statistics["steps_per_row"] == 3


def test_the_evaluation_set_does_not_count_among_the_training_rows():
    checks = DataSetChecks(False)
    checks.add(Steps("q", ("a",), (1.0,)), encoded(0, StepsEncoding([1], [1])), "train")
    checks.add(Steps("p", ("a",), (0.0,)), encoded(1, StepsEncoding([1], [0])), "eval")
    assert checks.statistics()["labels"] == 1
