"""Apps with a state folder, a cache and runs of their own, and a stand-in for the inspector process."""

import re

import pytest
from pytest_textual_snapshot import SVGImageExtension

from engine.encode.encoding import MASKED, Part, TokenSequence
from engine.inspector.messages import (
    Description,
    Failure,
    FindingView,
    Rows,
    RowView,
    SourceDescription,
    TokenizerDescription,
)
from workbench.app import WorkbenchApp

PAIR_PRESET = """\
base_model: model
reward_model: true
num_labels: 1
chat_template: chatml
datasets:
  - path: rows.jsonl
    type: bradley_terry.chat_template
sequence_len: 64
"""
STEPS_PRESET = """\
base_model: model
process_reward_model: true
num_labels: 2
datasets:
  - path: steps.jsonl
    type: stepwise_supervised
"""


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """Nothing a test does reaches the state, the cache or the folder of the person who runs it."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("RM_WORKBENCH_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("RM_WORKBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    for name in ("NO_COLOR", "VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    return here


@pytest.fixture
def pair_preset(own_folders):
    """A valid preset of pairs in the current folder."""
    path = own_folders / "pairs.yaml"
    path.write_text(PAIR_PRESET, encoding="utf-8")
    return path


@pytest.fixture
def steps_preset(own_folders):
    """A valid preset of steps in the current folder."""
    path = own_folders / "steps.yaml"
    path.write_text(STEPS_PRESET, encoding="utf-8")
    return path


def words(*parts, pooled=False, labels=None, kept=None):
    """A token sequence with a token a word; `parts` are (Part, text), or (Part, text, step)."""
    text, columns = "", []
    for part, piece, *step in parts:
        for word in re.findall(r"\S+\s*|\s+", piece):
            columns.append((word, len(text), len(text) + len(word), part, step[0] if step else -1))
            text += word
    end = len(columns) if kept is None else min(kept, len(columns))
    return TokenSequence(
        text=text,
        ids=[100 + sum(map(ord, word)) % 900 for word, *_ in columns],
        pieces=[column[0] for column in columns],
        starts=[column[1] for column in columns],
        ends=[column[2] for column in columns],
        parts=[column[3] for column in columns],
        steps=[column[4] for column in columns],
        labels=labels or [MASKED] * len(columns),
        special=[column[3] is Part.TEMPLATE and column[0].startswith("<") for column in columns],
        fields=["" if column[3] is Part.TEMPLATE else "input" for column in columns],
        field_starts=[column[1] for column in columns],
        kept_start=0,
        kept_end=end,
        pooled=end - 1 if pooled else -1,
    )


def pair_row(index, template="chatml", limit=64):
    """Row `index` of a data set of sums: the chosen answer is right."""
    prompt = ((Part.TEMPLATE, f"<{template}> "), (Part.USER, f"What is {index} plus {index} ? "))
    chosen = words(
        *prompt, (Part.ASSISTANT, f"It is {2 * index} . "), (Part.TEMPLATE, "<end>"), pooled=True, kept=limit
    )
    rejected = words(*prompt, (Part.ASSISTANT, "I do not know . "), (Part.TEMPLATE, "<end>"), pooled=True, kept=limit)
    shared = next(i for i, (a, b) in enumerate(zip(chosen.ids, rejected.ids, strict=False)) if a != b)
    cut = limit < len(rejected.ids)
    findings = (FindingView("truncated", "warning", f"cut to {limit} tokens"),) if cut else ()
    raw = f'{{"input": "What is {index} plus {index} ?"}}'
    return RowView(0, index, 0, "pair", True, raw, (chosen, rejected), shared, findings=findings)


def steps_row(index):
    """Row `index` of a data set of two steps each, the second of them wrong."""
    steps = ((Part.STEP, "Add them . ", 0), (Part.STEP, "So it is 7 .", 1))
    parts = ((Part.PROMPT, f"What is {index} plus 1 ? "), *steps)
    count = len(words(*parts).ids)
    labels = [MASKED] * count
    labels[words(parts[0], parts[1]).ids.__len__() - 1] = 1
    labels[-1] = 0
    return RowView(0, index, 0, "steps", True, "{}", (words(*parts, labels=labels),))


class StandInInspector:
    """Answers at once, from made-up data: rows of sums whose template and length are the preset's.

    `failure` is answered to everything while it is set; `asked` lists (split, start, stop) as rows were asked for.
    """

    def __init__(self, total=12):
        self.total = total
        self.checked = None
        self.failure = None
        self.asked = []
        self.restarts = 0
        self.closed = False

    async def __aenter__(self):
        return self

    async def describe(self, preset):
        if self.failure:
            return self.failure
        kind = "steps" if "process_reward_model: true" in preset.text else "pair"
        source = SourceDescription("rows.jsonl", self.total, ("input", "chosen", "rejected"), kind, "its columns")
        tokenizer = TokenizerDescription("model", 1000, None, "<end>", "<end>", "chatml (built in)")
        return Description(kind, (source,), tokenizer, self.total, 0)

    async def rows(self, preset, split, start, stop):
        self.asked.append((split, start, stop))
        if self.failure:
            return self.failure
        template = re.search(r"chat_template: (\S+)", preset.text)
        limit = re.search(r"sequence_len: (\d+)", preset.text)
        there = range(max(0, start), min(stop, self.total))
        if "process_reward_model: true" in preset.text:
            return Rows(tuple(steps_row(index) for index in there), self.total)
        rows = (
            pair_row(index, template[1] if template else "none", int(limit[1]) if limit else 512) for index in there
        )
        return Rows(tuple(rows), self.total)

    async def check(self, preset):
        yield self.failure or Failure("The stand-in checks nothing.")

    async def close(self):
        self.closed = True


@pytest.fixture
def inspector():
    """A stand-in for the inspector process."""
    return StandInInspector()


@pytest.fixture
def make_app(inspector):
    """Makes an app (optionally on a preset) that asks the stand-in."""

    def make(preset=None):
        return WorkbenchApp(None if preset is None else str(preset), inspector=inspector)

    return make


@pytest.fixture
def settle():
    """Waits until a condition of the app holds, up to some seconds, and says so if it never does."""

    async def wait(pilot, condition, seconds=5.0):
        for _ in range(int(seconds / 0.02)):
            await pilot.pause(0.02)
            if condition():
                await pilot.pause()
                return
        raise AssertionError("it did not come about in time")

    return wait


@pytest.fixture
def still(monkeypatch):
    """No clock, no machine and no folder shows on the screen: what is drawn is the same everywhere."""
    monkeypatch.setattr("workbench.screens.home._machine", lambda: "8 cores · 30.0 of 32.0 GiB free · no GPU")
    monkeypatch.setattr("textual.widgets.TextArea._draw_cursor", True)


@pytest.fixture
def looks_as_before(snapshot):
    """Compares an app that stands where it should with its accepted pictures at some sizes, one start for all."""
    pictures = snapshot.use_extension(SVGImageExtension)

    async def compare(pilot, name, *sizes):
        for size in sizes or (pilot.app.size,):
            await pilot.resize_terminal(*size)
            before, now = "", pilot.app.export_screenshot(simplify=True)
            while before != now:
                await pilot.pause(0.2)
                before, now = now, pilot.app.export_screenshot(simplify=True)
            assert now == pictures(name=f"{name}-{size[0]}x{size[1]}")

    return compare
