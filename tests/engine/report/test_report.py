import json
import re
from html.parser import HTMLParser

import pytest

from engine.cli.main import main
from engine.encode.encoding import MASKED, Part, TokenSequence
from engine.error import EngineError
from engine.events.schema import Checkpoint, End, Eval, FindingEvent, Histogram, Metric, Start
from engine.events.writer import EventWriter
from engine.inspector.messages import RowView
from engine.preset.load import load_preset
from engine.report.html import html_report
from engine.report.markdown import escape, fenced, markdown_report
from engine.report.story import read_story
from engine.runs.annotation import set_note
from engine.runs.folder import create_run

HOSTILE = "<script>alert(1)</script> | `x` \x1b[31mred \u202e **bold** <img src=x onerror=y>"
PRESET = "base_model: org/model\nreward_model: true\nlearning_rate: 0.001\ndatasets:\n  - path: rows.jsonl\n"
VOID = {"meta", "br", "img", "input", "hr", "link"}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A finished run of 40 steps whose note and whose finding are hostile."""
    monkeypatch.setenv("RM_WORKBENCH_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(PRESET)
    run = create_run(load_preset("tiny.yaml"), "tiny-1")
    ledger = {"rows": 100, "kept": 90, "dropped": {"too-long": 10}}
    with EventWriter(run.events) as events:
        held_out = {"rows": 10, "kept": 8, "dropped": {"identical-pair": 2}}
        events.write(Start("tiny-1", "pair", "cpu", 40, "d1e5", ledger, 1000, 1000, {"torch": "9.9"}, None, held_out))
        for step in range(1, 41):
            loss = float("nan") if step == 7 else 0.7 - step / 100
            events.write(
                Metric(step, {"loss": loss, "accuracy": 0.5 + step / 100, "margin": step / 10, "epoch": step / 20})
            )
        events.write(Histogram(40, "train", -1.0, 0.5, {"chosen": (0, 1, 4, 2), "rejected": (3, 4, 1, 0)}))
        events.write(Eval(40, {"eval_loss": 0.4, "eval_accuracy": 0.8}))
        events.write(Checkpoint(40, "checkpoint-40"))
        events.write(FindingEvent("odd", "warning", HOSTILE, ((0, 3),)))
        events.write(End("finished", "fine"))
    visits = {"v": 1, "kind": "visits", "split": "train", "steps": [1], "epochs": [0], "counts": [2], "dataset": 0,
              "row": [3, 4], "item": 0, "loss": [2.0, 0.1], "margin": [-2.0, 2.0]}  # fmt: skip
    (run.path / "rows.jsonl").write_text(json.dumps(visits) + "\n")
    set_note(run, HOSTILE)
    return run


def sample():
    """A hostile pair, whose reward is read at its last token."""

    def sequence(words):
        text = "".join(words)
        starts = [len("".join(words[:i])) for i in range(len(words))]
        count = len(words)
        return TokenSequence(
            text, list(range(count)), list(words), starts, [s + len(w) for s, w in zip(starts, words, strict=True)],
            [Part.USER] * count, [-1] * count, [MASKED] * count, [False] * count, [""] * count, starts, 0, count,
            count - 1,
        )  # fmt: skip

    sides = (sequence(["Why? ", HOSTILE, " END"]), sequence(["Why? ", "no", " END"]))
    return RowView(0, 3, 0, "pair", True, "{}", sides, 1)


class Checker(HTMLParser):
    """Whether every element is closed by its own tag, and which tags there are."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_is_whole_and_needs_nothing_else(run):
    page = html_report(read_story(run), [sample()], {(0, 3, 0): sample()})
    checked = Checker(page)
    assert checked.open == []
    assert not {"script", "img", "link", "iframe"} & set(checked.tags)
    assert not re.search(r"""(src|href|url)\s*[=(]""", page.replace("alert(1)", "").replace("src=x", ""))
    text = " ".join(checked.text)
    dropped = ("dropped: too-long", "held out: dropped: identical-pair")
    for words in ("finished: fine", *dropped, "learning_rate", "0.001", "torch", "9.9", "0:3", "d1e5"):
        assert words in text
    assert checked.tags.count("svg") >= 4
    assert "prefers-color-scheme: dark" in page


def test_hostile_text_is_shown_and_does_nothing(run):
    story = read_story(run)
    page = html_report(story, [sample()], {})
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    text = markdown_report(story, [sample()], {})
    assert "\x1b" not in text
    outside = re.sub(r"(?ms)^(`{3,})\w*\n.*?^\1$", "", text)
    assert "<script>" not in outside
    assert r"\<script\>" in outside


def test_a_value_that_was_not_finite_is_a_gap_in_the_curve(run):
    page = html_report(read_story(run), [], {})
    loss = page[page.index('aria-label="loss"') :]
    assert loss[: loss.index("</svg>")].count("<polyline") == 3


def test_the_end_of_training_is_the_mean_of_its_last_tenth_but_where_it_arrived(run):
    text = markdown_report(read_story(run), [], {})
    assert "| accuracy | 0.8850 | 0.8000 |" in text
    assert "| epoch | 2 |" in text


def test_the_pooled_token_is_marked(run):
    page = html_report(read_story(run), [sample()], {})
    assert '<span class="pooled"> END</span>' in page
    assert "the reward is read at token 2" in page


def test_a_fence_is_longer_than_any_within():
    assert fenced("a\n````\nb").splitlines()[0] == "`````"
    assert escape("a|b") == r"a\|b"


def test_the_command_writes_both_files_without_data(run, tmp_path, capsys):
    assert main(["runs", "report", "tiny-1", "--out", "there", "--without-samples"]) == 0
    page, text = capsys.readouterr().out.split()
    assert (tmp_path / page).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    markdown = (tmp_path / text).read_text(encoding="utf-8")
    assert markdown.startswith("# tiny-1")
    assert "| accuracy |" in markdown


def test_data_that_are_gone_are_no_hindrance(run, monkeypatch):
    def gone(run, story):
        raise EngineError("no such file", "rows.jsonl", "put it back")

    monkeypatch.setattr("engine.report.write._samples", gone)
    assert main(["runs", "report", "tiny-1"]) == 0
    assert "The data cannot be shown" in (run.path / "report.md").read_text(encoding="utf-8")
