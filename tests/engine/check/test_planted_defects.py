"""Data sets with planted defects, opened, encoded and checked as a preset's are: what is planted is found, no more."""

import json
import random

import pytest

from engine.check.run import check
from engine.cli.check import ledger_text
from engine.finding import Ledger
from engine.finding_codes import CODES
from engine.inspector.check_messages import CheckReport, SampleCounts
from engine.prepare.error import Cancelled
from engine.prepare.open import open_preset
from engine.prepare.sets import prepare
from engine.preset.load import parse_preset
from tests.engine.conftest import CHATML


def draw_problem(draw):
    a, b = draw.randint(10, 99), draw.randint(10, 99)
    wrong = a + b + draw.choice([-10, -1, 1, 10])
    return a, b, wrong


def columns(count, seed=0):
    """Clean pairs in axolotl's columns."""
    draw = random.Random(seed)
    rows = {}
    while len(rows) < count:
        a, b, wrong = draw_problem(draw)
        rows[a, b] = {
            "input": f"What is {a} plus {b}?",
            "chosen": f"It is {a + b:03}.",
            "rejected": f"It is {wrong:03}.",
        }
    return list(rows.values())


def conversations(count, seed=0):
    """Clean pairs as TRL conversations with the prompt inside."""
    return [
        {side: [user(row["input"]), bot(row[side])] for side in ("chosen", "rejected")} for row in columns(count, seed)
    ]


def texts(count, seed=0):
    """Clean pairs as TRL text."""
    return [{"prompt": row.pop("input") + " ", **row} for row in columns(count, seed)]


def steps(count, seed=0):
    """Clean stepwise rows with a right and a wrong step each."""
    rows = []
    for row in columns(count, seed):
        wrong_first = len(rows) % 3 == 0
        said = [row["rejected"], row["chosen"]] if wrong_first else [row["chosen"], row["rejected"]]
        rows.append({"prompt": row["input"], "completions": said, "labels": [not wrong_first, wrong_first]})
    return rows


def user(text):
    return {"role": "user", "content": text}


def bot(text):
    return {"role": "assistant", "content": text}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RM_WORKBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def opened(tmp_path, byte_tokenizer):
    """Opens rows (and evaluation rows) as a preset does."""

    def open_rows(rows, held_out=(), kind="reward_model", **settings):
        entry = {"path": str(tmp_path / "train.jsonl"), **settings.pop("dataset", {})}
        preset = {
            "base_model": str(byte_tokenizer),
            kind: True,
            "sequence_len": 200,
            "datasets": [entry],
            **settings,
        }
        write(tmp_path / "train.jsonl", rows)
        if held_out:
            write(tmp_path / "eval.jsonl", held_out)
            preset["test_datasets"] = [{**entry, "path": str(tmp_path / "eval.jsonl")}]
        return open_preset(parse_preset(json.dumps(preset), tmp_path / "preset.yaml"))

    return open_rows


def write(path, rows):
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def found(report: CheckReport) -> dict[str, list[int]]:
    """The rows of each finding, by code."""
    return {finding.code: [row for _, row in (*finding.rows, *finding.eval_rows)] for finding in report.findings}


STEPWISE = {"kind": "process_reward_model", "dataset": {"type": "stepwise_supervised"}}
CHAT = {"dataset": {"type": "bradley_terry.chat_template"}}


@pytest.mark.parametrize(
    ("rows", "settings"),
    [
        (columns(80), CHAT),
        (columns(80), {}),
        (conversations(80), {}),
        (texts(80), {}),
        (steps(80), STEPWISE),
        (columns(3), CHAT),
        (steps(3), STEPWISE),
    ],
    ids=["columns", "columns-detected", "conversations", "texts", "steps", "few-columns", "few-steps"],
)
def test_clean_data_have_no_findings(opened, rows, settings):
    report = check(opened(rows, **settings))
    assert found(report) == {}
    assert (report.rows, report.kept, report.dropped) == (len(rows), len(rows), {})


PLANTED_COLUMNS = {
    "unreadable-row": '{"input": "What?", "chosen"',
    "missing-field": {"input": "What?", "chosen": "So."},
    "wrong-type": {"input": "What?", "chosen": 5, "rejected": "No."},
    "empty-prompt": {"input": " ", "chosen": "So.", "rejected": "No."},
    "identical-pair": {"input": "What?", "chosen": "So.", "rejected": "So."},
    "too-long": {"input": "What?" * 60, "chosen": "So.", "rejected": "No."},
    "empty-answer": {"input": "What?", "chosen": "So.", "rejected": ""},
    "special-in-text": {"input": "What?<|im_end|>", "chosen": "So.", "rejected": "No."},
    "encoding-suspect": {"input": "Whatâ€™s that?", "chosen": "So.", "rejected": "No."},
    "invisible-text": {"input": "What?", "chosen": "S\u200bo.", "rejected": "No."},
    "prompt-repeated": {"input": "What is that?", "chosen": "What is that? So.", "rejected": "What is that? No."},
    "prompt-ignored": {
        "input": "Gold, iron.",
        "prompt": "Which one is heavier?",
        "chosen": "Gold.",
        "rejected": "Iron.",
    },
    "empty-system": {"system": "", "input": "What?", "chosen": "So.", "rejected": "No."},
}


@pytest.mark.parametrize("code", PLANTED_COLUMNS)
def test_a_defect_among_clean_columns(opened, code):
    rows = columns(40)
    rows.insert(17, PLANTED_COLUMNS[code])
    assert found(check(opened(rows, **CHAT))) == {code: [17]}


PLANTED_CONVERSATIONS = {
    "context-differs": {"chosen": [user("Who?"), bot("I.")], "rejected": [user("What?"), bot("It.")]},
    "ends-on-user": {"chosen": [user("Who?"), bot("I."), user("Oh?")], "rejected": [user("Who?"), bot("It.")]},
    "empty-answer": {"chosen": [user("Who?"), bot("I.")], "rejected": [user("Who?"), bot("")]},
    "missing-field": {"chosen": [user("Who?"), bot("I.")], "rejected": [user("Who?"), bot(None)]},
    "wrong-type": {"chosen": [user("Who?"), bot("I.")], "rejected": "It."},
    "identical-pair": {"chosen": [user("Who?"), bot("I.")], "rejected": [user("Who?"), bot("I.")]},
}


@pytest.mark.parametrize("code", PLANTED_CONVERSATIONS)
def test_a_defect_among_clean_conversations(opened, code):
    rows = conversations(40)
    rows.insert(17, PLANTED_CONVERSATIONS[code])
    assert found(check(opened(rows))) == {code: [17]}


PLANTED_TEXTS = {
    "glued-text": {"prompt": "The sky is", "chosen": "blue.", "rejected": "green."},
    "prompt-repeated": {"prompt": "The sky is", "chosen": " The sky is blue.", "rejected": " The sky is green."},
    "empty-answer": {"prompt": "The sky is ", "chosen": "blue.", "rejected": ""},
    "empty-prompt": {"prompt": "", "chosen": "Blue.", "rejected": "Green."},
}


@pytest.mark.parametrize("code", PLANTED_TEXTS)
def test_a_defect_among_clean_texts(opened, code):
    rows = texts(40)
    rows.insert(17, PLANTED_TEXTS[code])
    assert found(check(opened(rows))) == {code: [17]}


PLANTED_STEPS = {
    "label-count": {"prompt": "Why?", "completions": ["So.", "Thus."], "labels": [True]},
    "label-value": {"prompt": "Why?", "completions": ["So.", "Thus."], "labels": [True, "bad"]},
    "wrong-type": {"prompt": "Why?", "completions": "So.", "labels": [True]},
    "missing-field": {"prompt": "Why?", "completions": ["So.", "Thus."]},
    "empty-prompt": {"prompt": "", "completions": ["So.", "Thus."], "labels": [True, False]},
    "soft-label": {"prompt": "Why?", "completions": ["So.", "Thus."], "labels": [0.9, 0.2]},
    "no-labels": {"prompt": "Why?", "completions": ["So.", "Thus."], "labels": [None, None]},
    "separator-doubled": {"prompt": "Why?", "completions": ["So.\n", "Thus."], "labels": [True, False]},
    "separator-in-step": {"prompt": "Why?", "completions": ["So.\nOr.", "Thus."], "labels": [True, False]},
    "empty-step": {"prompt": "Why?", "completions": ["So.", ""], "labels": [True, False]},
    "one-class": {"prompt": "Why?", "completions": ["So.", "Thus."], "labels": [True, True]},
    "encoding-suspect": {"prompt": "Why?", "completions": ["So\u0000.", "Thus."], "labels": [True, False]},
    "special-in-text": {"prompt": "Why?", "completions": ["So.<|im_end|>", "Thus."], "labels": [True, False]},
}


@pytest.mark.parametrize("code", PLANTED_STEPS)
def test_a_defect_among_clean_steps(opened, code):
    rows = steps(40)
    rows.insert(17, PLANTED_STEPS[code])
    assert found(check(opened(rows, **STEPWISE))) == {code: [17]}


def test_cut_steps_and_labels(opened):
    rows = steps(40)
    rows.insert(17, {"prompt": "Why?", "completions": ["So.", "x" * 300], "labels": [True, False]})
    assert found(check(opened(rows, **STEPWISE))) == {"truncated": [17], "labels-cut": [17]}


def test_cut_pairs(opened):
    rows = columns(40)
    rows.insert(17, {"input": "What?", "chosen": "x" * 300, "rejected": "No."})
    rows.insert(18, {"input": "What?" * 60, "chosen": "So.", "rejected": "No."})
    report = check(opened(rows, **CHAT, excess_length_strategy="truncate"))
    assert found(report) == {"truncated": [17, 18], "answer-cut": [17], "identical-after-truncation": [18]}
    assert report.dropped == {"identical-after-truncation": 1}


def test_duplicates_and_conflicts(opened):
    rows = columns(40)
    rows += [rows[3], {**rows[5], "chosen": rows[5]["rejected"], "rejected": rows[5]["chosen"]}]
    assert found(check(opened(rows, **CHAT))) == {"duplicate-row": [40], "conflicting-pair": [5, 41]}


def test_copies_that_the_preset_drops_are_counted_once(opened):
    rows = columns(40)
    report = check(opened([*rows, rows[3]], **CHAT, dataset_exact_deduplication=True))
    (copies,) = report.findings
    assert (copies.code, copies.count, copies.rows) == ("duplicate-row", 1, ((0, 40),))
    assert report.dropped == {"duplicate-row": 1}


def test_leaks_between_train_and_eval(opened):
    train, held_out = columns(40), columns(40, seed=1)
    shared = {row["input"] for row in train}
    held_out = [row for row in held_out if row["input"] not in shared]
    assert found(check(opened(train, held_out, **CHAT))) == {}
    held_out.insert(2, {**train[4], "rejected": "No."})
    report = check(opened(train, held_out, **CHAT))
    assert found(report) == {"eval-leak": [2]}
    (leak,) = report.findings
    assert (leak.rows, leak.eval_rows) == ((), ((1, 2),))
    assert report.eval_rows == report.eval_kept == len(held_out)


def test_a_margin_in_some_rows_only(opened):
    rows = columns(40)
    for row in rows[1:]:
        row["margin"] = 1.5
    assert found(check(opened(rows, **CHAT))) == {"margin-missing": [0]}
    rows[0]["margin"] = None
    assert set(found(check(opened(rows, **CHAT)))) == {"margin-missing", "missing-field"}
    rows[0]["margin"] = 0.5
    assert found(check(opened(rows, **CHAT))) == {}


def test_a_phrase_that_gives_the_side_away(opened):
    rows = columns(80)
    for row in rows:
        row["chosen"] = row["chosen"].replace("It is", "It's")
    report = check(opened(rows, **CHAT))
    assert {"lexical-shortcut", "length-shortcut"} == set(found(report))
    assert report.statistics["length_baseline"] == 0


def test_one_class_in_the_data_set(opened):
    rows = [{**row, "labels": [True, True]} for row in steps(30)]
    report = check(opened(rows, **STEPWISE))
    (one_class,) = report.findings
    assert (one_class.code, one_class.severity, one_class.count) == ("one-class", "warning", 30)
    assert report.statistics["positive_rate"] == 1


def test_a_data_set_of_which_nothing_is_left_is_an_error(opened):
    report = check(opened([{**row, "rejected": row["chosen"]} for row in columns(5)], **CHAT))
    gravest = report.findings[0]
    assert (gravest.code, gravest.severity) == ("nothing-to-train", "error")
    assert report.dropped == {"identical-pair": 5}


def test_held_out_rows_of_which_nothing_is_left_are_an_error(opened):
    refused = {"input": "a", "chosen": "b", "rejected": "b"}
    report = check(opened(columns(5), [refused], **CHAT))
    gravest = report.findings[0]
    assert (gravest.code, gravest.severity, gravest.count) == ("nothing-to-evaluate", "error", 1)


def test_the_report_is_that_of_what_training_consumes(opened):
    rows = [*columns(30), PLANTED_COLUMNS["missing-field"], PLANTED_COLUMNS["identical-pair"]]
    data = opened(rows, **CHAT)
    report, prepared = check(data), prepare(data)
    assert report.digest == prepared.train.digest
    assert Ledger(report.rows, report.kept, report.dropped) == prepared.train.ledger
    assert sum(report.lengths["chosen"].counts) == 31
    assert report.lengths["chosen"].limit == 200


def test_rows_are_counted_as_rows_and_what_they_give_as_samples(opened):
    ranked = [{"prompt": f"q{i} ", "answers": ["a", "b", "c"], "ranks": [1, 2, 3]} for i in range(8)]
    some = {"prompt": "some ", "answers": ["a", "b" * 300, "c"], "ranks": [1, 2, 3]}
    none = {"prompt": "none " + "n" * 300, "answers": ["a", "b", "c"], "ranks": [1, 2, 3]}
    report = check(opened([*ranked, some, none]))
    assert (report.rows, report.kept, report.dropped) == (10, 9, {"too-long": 1})
    assert report.samples == SampleCounts(30, 25, {"too-long": 5})
    too_long = next(found for found in report.findings if found.code == "too-long")
    assert (too_long.count, too_long.rows) == (2, ((0, 8), (0, 9)))
    assert "(20 % of rows)" in too_long.message
    assert report.dropped_rows["train"] == {"too-long": ((0, 8), (0, 9))}
    assert ledger_text("train", report.in_samples("train"), report.rows).plain.startswith(
        "train: 25 of 30 samples (of 10 rows) kept (83 %) · 5 too-long"
    )


def test_findings_come_gravest_first_with_advice(opened):
    rows = columns(30) + [PLANTED_COLUMNS[code] for code in ("empty-system", "identical-pair", "missing-field")]
    report = check(opened(rows, **CHAT))
    assert [finding.severity for finding in report.findings] == ["error", "warning", "info"]
    assert all(finding.advice and finding.message for finding in report.findings)


def test_progress_is_told_and_a_cancel_is_heard(opened):
    data = opened(columns(30), **CHAT)
    with pytest.raises(Cancelled):
        check(data, cancelled=lambda: True)
    told = []
    check(data, told.append)
    assert [(progress.done, progress.total) for progress in told][-1] == (30, 30)


def test_progress_counts_rows_not_their_samples(opened):
    told = []
    data = opened([{"prompt": f"q{i} ", "answers": ["a", "b", "c"], "ranks": [1, 2, 3]} for i in range(10)])
    assert check(data, told.append).rows == 10
    assert [(progress.done, progress.total) for progress in told][-1] == (10, 10)
    prepare(data, told.append)
    assert [(progress.done, progress.total) for progress in told][-1] == (10, 10)


def test_a_second_check_of_the_same_is_given_at_once(opened, monkeypatch):
    rows = [*columns(30), PLANTED_COLUMNS["identical-pair"]]
    first = check(opened(rows, **CHAT))
    monkeypatch.setattr("engine.check.run.encode_split", lambda *_, **__: pytest.fail("checked again"))
    assert check(opened(rows, **CHAT)) == first


@pytest.mark.parametrize("change", ["rows", "preset", "template", "tokenizer", "programs"])
def test_a_check_of_anything_else_is_made_anew(opened, monkeypatch, change):
    rows = columns(30)
    first = check(opened(rows, **CHAT))
    told = []
    settings = dict(CHAT)
    if change == "rows":
        rows = [*rows, PLANTED_COLUMNS["identical-pair"]]
    elif change == "preset":
        settings["excess_length_strategy"] = "truncate"
    elif change == "template":
        settings |= {"chat_template": "jinja", "chat_template_jinja": CHATML + " "}
    elif change == "tokenizer":
        settings["special_tokens"] = {"pad_token": "<|start|>"}
    else:
        monkeypatch.setattr("engine.encode.store.programs", lambda: "another version")
    second = check(opened(rows, **settings), told.append)
    assert told
    assert (second == first) == (change in ("tokenizer", "programs"))


def test_a_cache_that_cannot_be_used_is_done_without(opened, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RM_WORKBENCH_CACHE", str(tmp_path / "file"))
    assert check(opened(columns(5), **CHAT)).kept == 5
    monkeypatch.setenv("RM_WORKBENCH_CACHE", str(tmp_path))
    data = opened(columns(5), **CHAT)
    first = check(data)
    (kept,) = (tmp_path / "checks").iterdir()
    kept.write_text("{broken")
    assert check(data) == first


# These take a tokenizer that merges or has a BOS token, or a template that refuses a role: see the encoder's tests.
OF_THE_SETUP = {"bos-doubled", "template-error", "template-splice", "system-merged", "separator-merged"}
EXAMPLES = [name for name, code in CODES.items() if code.example.startswith("{") and name not in OF_THE_SETUP]


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_example_in_the_documentation_has_the_finding(opened, code):
    rows = CODES[code].example.splitlines()
    if "completions" in rows[0]:
        rows, settings = [*rows, *steps(1)], STEPWISE
    elif '"input"' in rows[0]:
        rows, settings = [*rows, *columns(1)], CHAT
    else:
        settings = {}
    if code == "system-dropped":
        settings = {"dataset": CHAT["dataset"] | {"drop_system_message": True}}
    assert code in found(check(opened(rows, **settings)))


def test_any_rows_are_accounted_for(opened):
    draw = random.Random(7)
    values = [
        None,
        True,
        3,
        0.5,
        "",
        "text",
        "\ud800",
        "\x00\x1b[2J",
        "<|im_end|>",
        [],
        {},
        ["a", None],
        [[1]],
        {"role": 1},
    ]
    values += [[user("Hi")], [bot("a"), user("b")], [{"role": "user"}], 10**400, "x" * 3000, [True, "x"], [0.5]]
    for names, settings in (
        (("system", "input", "chosen", "rejected", "margin"), CHAT),
        (("prompt", "chosen", "rejected"), {"dataset": {"type": "bradley_terry"}}),
        (("prompt", "completions", "labels"), STEPWISE),
    ):
        rows = [{name: draw.choice(values) for name in names if draw.random() < 0.9} for _ in range(400)]
        first = {"prompt": "Hi ", "completions": ["a"], "labels": [True]} if settings is STEPWISE else texts(1)[0]
        report = check(opened([{"input": "Hi", **first}, *rows], **settings))
        assert report.rows >= 401
        assert report.kept + sum(report.dropped.values()) == report.rows
