"""The demo's labels, computed again from the text alone; its balance; its files."""

import hashlib
import json
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from engine.demo.build import materialise
from engine.demo.model import write_model
from engine.demo.pairs import ASKED
from engine.demo.tokenizer import END
from engine.error import EngineError


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def rows(cache: Path, reference: str, split: str) -> list[dict[str, Any]]:
    text = (materialise(reference, cache) / f"{split}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def question_of(text: str) -> str:
    """The story without sentences that do not matter."""
    return text[re.search(r"[A-Z][a-z]+ has \d+ ", text).start() :]  # type: ignore[union-attr]


def right_result(question: str) -> tuple[str, str]:
    """The right result of a pair's question, and the thing it is about."""
    first = re.search(r"^([A-Z][a-z]+) has (\d+) ([a-z]+)\.", question)
    assert first, question
    one, number = first[1], int(first[2])
    thing = first[3] if first[3].endswith("s") else f"{first[3]}s"
    second = re.search(r"\. ([A-Z][a-z]+) has (\d+)\.", question)
    if "Who has" in question:
        assert second, question
        more = "more" in question
        return (one if (number > int(second[2])) == more else second[1]), thing
    if second:
        return str(number + int(second[2])), thing
    gain = re.search(r" (\d+) more\. ", question)
    loss = re.search(r"(?:loses|sells|drops|gives away) (\d+)\. ", question)
    assert (gain is None) != (loss is None), question
    return str(number + int(gain[1]) if gain else number - int(loss[1])), thing  # type: ignore[index]


def is_right(question: str, answer: str) -> bool:
    """Whether everything that an answer says is so."""
    result, thing = right_result(question)
    working, _, said = answer.rpartition(": ")
    if working:
        equation = re.fullmatch(r"(\d+) ([+-]) (\d+) = (\d+)", working)
        comparison = re.fullmatch(r"(\d+) is (more|fewer) than (\d+)", working)
        if equation:
            a, b, c = int(equation[1]), int(equation[3]), int(equation[4])
            if (a + b if equation[2] == "+" else a - b) != c or str(c) != result:
                return False
        else:
            assert comparison, answer
            if (int(comparison[1]) > int(comparison[3])) != (comparison[2] == "more"):
                return False
    if said.rstrip(".") == result:
        return True
    named = set(re.findall(r"\b[a-z]+s\b", said)) - {"has"}
    singular = {f"{word}s" for word in re.findall(r"\b1 ([a-z]+)\b", said)}
    return result in re.findall(r"\w+", said) and (named | singular) == {thing}


def form_of(answer: str) -> str:
    if ": " in answer:
        return "working"
    return "sentence" if " " in answer else "short"


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_better_answer_of_a_pair_is_better_by_rule(cache: Path, split: str) -> None:
    forms = {text: form for form, text in ASKED.items()}
    by_form = 0
    for row in rows(cache, "demo:pairs", split):
        question = question_of(row["input"])
        assert is_right(question, row["chosen"]), row
        if is_right(question, row["rejected"]):
            by_form += 1
            assert form_of(row["chosen"]) == forms[row["system"]] != form_of(row["rejected"]), row
        elif row["system"]:
            assert form_of(row["chosen"]) == forms[row["system"]], row
    assert by_form > 0


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_labels_of_steps_follow_from_the_story(cache: Path, split: str) -> None:
    seen = {True: 0, False: 0}
    for row in rows(cache, "demo:steps", split):
        story = question_of(row["prompt"])
        name, start = re.match(r"([A-Z][a-z]+) has (\d+) ", story).groups()  # type: ignore[union-attr]
        told = story.partition(". ")[2].partition(". ")[0]
        changes = [(1 if more else -1) * int(amount) for amount, more in re.findall(r" (\d+)( more)?(?:,|$)", told)]
        assert len(row["completions"]) == len(row["labels"]) == len(changes) + 1
        number = int(start)
        for change, step, label in zip(changes, row["completions"], row["labels"], strict=False):
            a, sign, b, c = re.search(r": (\d+) ([+-]) (\d+) = (\d+)$", step).groups()  # type: ignore[union-attr]
            right = int(a) == number and int(f"{sign}{b}") == change and int(c) == number + change
            assert label is right, row
            number = int(c)
            seen[label] += 1
        assert row["labels"][-1] is (row["completions"][-1].startswith(f"{name} has {number} ")), row
    assert 0.5 < seen[True] / sum(seen.values()) < 0.7


def test_length_says_nothing(cache: Path) -> None:
    for split in ("train", "test"):
        sides = [(len(row["chosen"]), len(row["rejected"])) for row in rows(cache, "demo:pairs", split)]
        longer = sum((chosen > rejected) + 0.5 * (chosen == rejected) for chosen, rejected in sides)
        assert 0.45 <= longer / len(sides) <= 0.55
        assert sum(chosen != rejected for chosen, rejected in sides) > len(sides) / 4


def test_no_test_prompt_is_a_training_prompt(cache: Path) -> None:
    for reference, column in (("demo:pairs", "input"), ("demo:steps", "prompt")):
        train, test = (
            [question_of(row[column]) for row in rows(cache, reference, split)] for split in ("train", "test")
        )
        assert not set(train) & set(test)
        assert len(set(train)) == len(train) >= 2000
        assert len(test) >= 200


def test_the_same_seed_gives_the_same_files(cache: Path, tmp_path: Path) -> None:
    for reference in ("demo:pairs", "demo:steps", "demo:model"):
        assert digests(materialise(reference, cache)) == digests(materialise(reference, tmp_path))
    other = tmp_path / "other"
    other.mkdir()
    (other / "tokenizer.json").write_bytes((materialise("demo:model", cache) / "tokenizer.json").read_bytes())
    write_model(other, seed=1)
    assert digests(other)["model.safetensors"] != digests(materialise("demo:model", cache))["model.safetensors"]


def test_several_processes_may_build_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: materialise("demo:steps", tmp_path), range(4)))
    assert len(folders) == 1
    folder = folders.pop()
    assert [path.name for path in folder.parent.iterdir()] == ["steps"], "nothing half-built is left"


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RM_WORKBENCH_CACHE", str(tmp_path / "there"))
    assert materialise("demo:steps").is_relative_to(tmp_path / "there")


def test_what_cannot_be_built_is_said(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no such demo data") as caught:
        materialise("demo:pear", tmp_path)
    assert "demo:pairs" in caught.value.advice
    blocked = tmp_path / "file"
    blocked.write_text("")
    blocked.chmod(stat.S_IRUSR)
    with pytest.raises(EngineError, match="cannot be built") as caught:
        materialise("demo:steps", blocked)
    assert "RM_WORKBENCH_CACHE" in caught.value.advice


def test_model_and_tokenizer_load_as_a_pretrained_model_does(cache: Path) -> None:
    from transformers import (
        AutoModelForSequenceClassification,
        AutoModelForTokenClassification,
        AutoTokenizer,
    )

    folder = materialise("demo:model", cache)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.eos_token == END
    assert tokenizer.pad_token_id not in {None, tokenizer.eos_token_id}
    text = "Mia has 7 apples. She finds 2: 7 + 2 = 9\n"
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids) == text
    assert len(tokenizer("\n")["input_ids"]) == 1
    assert len(ids) < len(text) / 2, "numbers and words are tokens of their own"
    assert tokenizer.decode(tokenizer("größer 🐈")["input_ids"]) == "größer 🐈"
    rendered = tokenizer.apply_chat_template([{"role": "user", "content": "a"}], tokenize=False)
    assert rendered.endswith(END)
    pairs = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1)
    steps = AutoModelForTokenClassification.from_pretrained(folder, num_labels=2)
    assert pairs.config.pad_token_id == steps.config.pad_token_id == tokenizer.pad_token_id
    assert pairs.config.eos_token_id == tokenizer.eos_token_id
    assert len(tokenizer) <= pairs.config.vocab_size
