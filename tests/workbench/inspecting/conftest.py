"""Rows made by hand, and a stand-in for the inspector process that answers with them."""

import asyncio
import json
import re
from dataclasses import replace

import pytest

from engine.encode.encoding import MASKED, Part, TokenSequence
from engine.inspector.check_messages import CheckReport, FindingSummary, KeptAt, LengthBudget, Lengths
from engine.inspector.messages import (
    Description,
    FindingView,
    Rows,
    RowView,
    SourceDescription,
    TokenizerDescription,
)
from engine.inspector.row_messages import NO_TOKENS, Done, Located, RowsFound, RowSummaries
from engine.progress import Progress
from engine.runs.manifest import Manifest, write_manifest
from workbench.app import WorkbenchApp

TOKEN = re.compile(r"<[a-z_]+>| ?\w{1,6}|\n| ?[^\w\s]|\s|.", re.DOTALL)


def sequence_of(chunks):
    """A sequence from (text, part, step, column) or (text, part, step, column, label of the last token)."""
    columns = {name: [] for name in ("ids", "pieces", "starts", "ends", "parts", "steps", "labels", "special")}
    fields, field_starts, text = [], [], ""
    for chunk, part, step, column, *label in chunks:
        found = list(TOKEN.finditer(chunk))
        for number, token in enumerate(found):
            piece = token[0]
            columns["ids"].append(sum(map(ord, piece)) * 7 % 50_000)
            columns["pieces"].append(piece.replace(" ", "▁").replace("\n", "<0x0A>"))
            columns["starts"].append(len(text))
            text += piece
            columns["ends"].append(len(text))
            columns["parts"].append(part)
            columns["steps"].append(step)
            columns["labels"].append(label[0] if label and number == len(found) - 1 else MASKED)
            columns["special"].append(bool(re.fullmatch(r"<[a-z_]+>", piece)))
            fields.append(column)
            field_starts.append(token.start() if column else 0)
    return TokenSequence(
        text=text, fields=fields, field_starts=field_starts, kept_start=0, kept_end=len(columns["ids"]), **columns
    )


PROMPT = "What is the capital of Australia, and since when? Say how sure you are."
CHOSEN = "The capital of Australia is **Canberra**. It was chosen in 1908, and Parliament moved there in 1927."
REJECTED = "The capital of Australia is Sydney.\nI am certain."


def pair_of(row, chosen=CHOSEN, rejected=REJECTED, prompt=PROMPT, limit=None, **how):
    """A pair in Gemma's manner; `limit` cuts at the right."""
    sides = []
    for answer, column in ((chosen, "chosen"), (rejected, "rejected")):
        side = sequence_of(
            [
                ("<bos>", Part.TEMPLATE, -1, ""),
                ("<start_of_turn>user\n", Part.TEMPLATE, -1, ""),
                (prompt, Part.USER, -1, "input"),
                ("<end_of_turn>\n<start_of_turn>model\n", Part.TEMPLATE, -1, ""),
                (answer, Part.ASSISTANT, -1, column),
                ("<end_of_turn>\n", Part.TEMPLATE, -1, ""),
            ]
        )
        kept = min(len(side.ids), limit or len(side.ids))
        sides.append(replace(side, kept_end=kept, pooled=kept - 1))
    shortest = min(len(side.ids) for side in sides)
    shared = next((i for i in range(shortest) if sides[0].ids[i] != sides[1].ids[i]), shortest - 1)
    raw = json.dumps({"input": prompt, "chosen": chosen, "rejected": rejected}, indent=2)
    how = {"dataset": 0, "item": 0, "kept": True, "margin": 1.5, **how}
    return RowView(row=row, model_kind="pair", raw=raw, sequences=tuple(sides), shared_prefix=shared, **how)


def refused_row(row):
    """A row of which no tokens could be made."""
    said = "the column chosen is null"
    return RowView(
        0, row, 0, "pair", False, json.dumps({"input": "Why?", "chosen": None, "rejected": "no"}), (), 0, None,
        "missing-field", said, (FindingView("missing-field", "error", said),),
    )  # fmt: skip


def steps_of(row=0):
    """Five steps: right, right, wrong, in between, not judged."""
    steps = (
        ("Janet has 3 boxes with 12 pencils, so she has 3 * 12 = 36.", 1),
        ("She gives 10 away: 36 - 10 = 26.", 1),
        ("Doubling gives 26 * 2 = 54.", 0),
        ("So it is about fifty.", 0.7),
        ("The answer is 54.", MASKED),
    )
    chunks = [
        ("<bos>", Part.TEMPLATE, -1, ""),
        ("Janet has 3 boxes with 12 pencils each, gives 10 away and doubles the rest.", Part.PROMPT, -1, "prompt"),
        ("\n", Part.SEPARATOR, -1, ""),
    ]
    for number, (text, label) in enumerate(steps):
        chunks += [
            (text, Part.STEP, number, f"completions.{number}"),
            ("\n", Part.SEPARATOR, number, "", label),
        ]
    raw = json.dumps({"prompt": "Janet", "completions": [text for text, _ in steps]})
    finding = FindingView("soft-label", "info", "step 4 has the soft label 0.7")
    return RowView(0, row, 0, "steps", True, raw, (sequence_of(chunks),), findings=(finding,))


HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07 [red]markup[/red] \u202egnp.exe\u202c zero\u200bwidth 漢字かな 👩‍👩‍👧 "
    "e\u0301te\u0301 שלום עולם مرحبا \x00\x9b31m tab\there\r\nnext \ud800 end"
)


def hostile_row(row=0):
    """Escapes, markup, wide, combining, right-to-left, zero-width and unpaired characters."""
    finding = FindingView("encoding-suspect", "warning", f"odd characters: {HOSTILE}")
    return pair_of(row, chosen=HOSTILE, rejected=f"{HOSTILE}!", prompt=HOSTILE, findings=(finding,))


def demo_rows(count=60):
    """Rows of all kinds: every seventh is cut, every eleventh refused, the others differ in length."""
    cut = (
        FindingView("truncated", "warning", "tokens were cut from chosen"),
        FindingView("answer-cut", "error", "the reward is read in the middle of the answer"),
    )
    rows = []
    for row in range(count):
        if row % 11 == 5:
            rows.append(refused_row(row))
        elif row % 7 == 3:
            rows.append(pair_of(row, limit=45, findings=cut))
        else:
            rows.append(pair_of(row, chosen=f"Row {row}: {CHOSEN[: 10 + row]}"))
    return rows


def summaries_of(rows, start, total):
    """What the inspector says of rows in short."""
    found, reasons, parts, severities = {}, {}, {}, {}
    for at, row in enumerate(rows):
        for finding in row.findings:
            found[finding.code] = (*found.get(finding.code, ()), at)
            severities[finding.code] = finding.severity
        if row.reason:
            reasons[row.reason] = (*reasons.get(row.reason, ()), at)
        if any(len(side.ids) > side.kept_end for side in row.sequences):
            part = "answer" if row.model_kind == "pair" else "steps"
            parts[part] = (*parts.get(part, ()), at)
    lengths = [[len(side.ids) for side in row.sequences] + [NO_TOKENS] * 2 for row in rows]
    return RowSummaries(
        start=start,
        total=total,
        dataset=tuple(row.dataset for row in rows),
        row=tuple(row.row for row in rows),
        kept=tuple(row.kept for row in rows),
        first=tuple(of_row[0] for of_row in lengths),
        second=tuple(of_row[1] for of_row in lengths),
        shared=tuple(row.shared_prefix for row in rows),
        cut=tuple(sum(len(side.ids) - side.kept_end for side in row.sequences) for row in rows),
        margin=tuple(row.margin for row in rows),
        labels=tuple("✓✓✗~·" if row.model_kind == "steps" else "" for row in rows),
        reasons=reasons,
        findings=found,
        severities=severities,
        parts=parts,
    )


def lengths_of(limit=512):
    """A histogram of 100 sequences of 0 to 999 tokens, evenly spread."""
    edges = tuple(range(0, 1001, 100))
    return Lengths(edges, (10,) * 10, 0, 500, 950, 999, 50_000, limit)


BUDGET = LengthBudget(
    strategy="drop",
    limit=512,
    samples=55,
    tokens=49_500,
    at=tuple(
        KeptAt(at, kept, kept, kept * 900)
        for at, kept in ((300, 20), (400, 40), (512, 54), (600, 55), (700, 55), (999, 55))
    ),
)
REPORT = CheckReport(
    rows=60,
    kept=54,
    dropped={"missing-field": 5, "too-long": 1},
    digest="9f2c1e77aa31be0d4455",
    findings=(
        FindingSummary(
            "answer-cut", "error", 3, ((0, 3), (0, 10), (0, 17)), "the reward is read mid-answer", "Raise it."
        ),
        FindingSummary("length-shortcut", "warning", 0, (), "the longer answer wins 71 % of the pairs", "Balance it."),
    ),
    lengths={"longer": lengths_of(), "chosen": lengths_of(), "rejected": lengths_of()},
    statistics={"length_baseline": 0.71},
    eval_rows=4,
    eval_kept=4,
    budget=BUDGET,
    dropped_rows={"train": {"missing-field": ((0, 5), (0, 16), (0, 27)), "too-long": ((0, 9),)}, "eval": {}},
)
PARTIAL = replace(REPORT, rows=20, kept=18, dropped={"missing-field": 2}, digest="", complete=False, planned=64)


class StandIn:
    """Answers what the inspector would, from rows in memory. `failure` is answered instead where it is set."""

    def __init__(self, rows, eval_rows=(), kind="pair"):
        self.data = {"train": list(rows), "eval": list(eval_rows)}
        self.kind = kind
        self.failure = None
        self.asked, self.summarised, self.searched = [], [], []
        self.checks = 0
        self.chunk = 16
        self.summary_gate = asyncio.Event()
        self.summary_gate.set()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __aenter__(self):
        return self

    async def describe(self, preset):
        if self.failure:
            return self.failure
        return Description(
            self.kind,
            (
                SourceDescription(
                    "data/demo.jsonl",
                    len(self.data["train"]),
                    ("input",),
                    "bradley_terry.chat_template",
                    "`type` says so",
                    fingerprint="0123abcd",
                ),
            ),
            TokenizerDescription("google/gemma-2-2b", 256_000, "<bos>", "<eos>", "<pad>", "gemma"),
            len(self.data["train"]),
            len(self.data["eval"]),
        )

    async def rows(self, preset, split, start, stop):
        self.asked.append((split, start, stop))
        await self.gate.wait()
        return self.failure or Rows(tuple(self.data[split][start:stop]), len(self.data[split]))

    async def locate(self, preset, split, places):
        here = [(row.dataset, row.row) for row in self.data[split]]
        return Located(tuple(here.index(place) if place in here else None for place in places))

    async def summarise(self, preset, split, start=0, stop=None):
        self.summarised.append((split, start, stop))
        rows = self.data[split]
        for at in range(start, len(rows) if stop is None else stop, self.chunk):
            await self.summary_gate.wait()
            yield summaries_of(rows[at : min(at + self.chunk, stop or len(rows))], at, len(rows))
        yield self.failure or Done(f"digest of {split}" if start == 0 and stop is None else None)

    async def search(self, preset, split, text, start=0):
        self.searched.append((text, start))
        rows = self.data[split]
        for at in [*range(start, len(rows)), *range(min(start, len(rows)))]:
            await self.gate.wait()
            here = text.lower() in rows[at].raw.lower() or any(
                f"#{i}" == text for s in rows[at].sequences for i in s.ids
            )
            yield RowsFound((at,) if here else (), 1, len(rows))
        yield Done()

    async def check(self, preset):
        self.checks += 1
        yield Progress("checking train rows", 20, 60)
        yield PARTIAL
        await self.gate.wait()
        yield self.failure or REPORT

    async def close(self):
        pass


PRESET = """\
base_model: google/gemma-2-2b
reward_model: true
datasets:
  - path: data/demo.jsonl
    type: bradley_terry.chat_template
"""


@pytest.fixture
def open_on(tmp_path):
    """An app with a preset open; `inspector` answers for its data."""

    def make(inspector):
        path = tmp_path / "demo.yaml"
        path.write_text(PRESET)
        return WorkbenchApp(str(path), inspector=inspector)

    return make


@pytest.fixture
def stand_in():
    """Makes stand-ins for the inspector, by default with 60 rows of all kinds."""

    def make(rows=None, eval_rows=(), kind="pair"):
        return StandIn(demo_rows() if rows is None else rows, eval_rows, kind)

    return make


@pytest.fixture
def pairs():
    """Makes rows of all kinds."""
    return demo_rows


@pytest.fixture
def steps():
    """Makes stepwise samples."""
    return lambda count: [steps_of(row) for row in range(count)]


@pytest.fixture
def hostile():
    """A row full of what a terminal or a layout could stumble over."""
    return hostile_row()


@pytest.fixture
def make_pair():
    """Makes one pair; see `pair_of`."""
    return pair_of


@pytest.fixture
def summarise():
    """Rows in short, as the inspector says them: (rows, position of the first, number of all)."""
    return summaries_of


@pytest.fixture
def make_run(tmp_path, monkeypatch):
    """Makes runs of pairs that say what they made of rows: (name, the digest of what it trained on, losses by row)."""
    monkeypatch.chdir(tmp_path)

    def make(name, digest, losses):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        write_manifest(folder, Manifest(name=name, created=len(losses), digest=digest))
        visits = {
            "v": 1, "kind": "visits", "split": "train", "steps": [1], "epochs": [0.5], "counts": [len(losses)],
            "dataset": 0, "row": list(losses), "item": 0, "loss": list(losses.values()),
            "margin": [-loss for loss in losses.values()],
        }  # fmt: skip
        (folder / "rows.jsonl").write_text(json.dumps(visits) + "\n")

    return make
