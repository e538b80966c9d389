"""What is shown is what is trained: for every layout, the tokens of the preview, of the check, and of the trainer."""

import json
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML
from transformers import LlamaConfig, LlamaForSequenceClassification, LlamaForTokenClassification

from engine.check.run import check
from engine.cli.main import main
from engine.encode.digest import Digest
from engine.encode.encoding import MASKED, EncodedRow, PairEncoding, StepsEncoding
from engine.events.reader import EventReader
from engine.events.schema import FindingEvent
from engine.format.choose import TYPES
from engine.inspector.view import view_rows
from engine.prepare.open import open_preset
from engine.prepare.sets import prepare
from engine.preset.load import load_preset
from engine.runs.folder import create_run
from engine.runs.launch import trainer_command
from engine.sample import SampleId
from engine.trainer import process
from engine.trainer.request import StopRequest
from engine.trainer.train import RewardTrainer
from tests.engine import recording_trainer

LONG = "and on it goes, "
LIMIT = 160
"""`sequence_len`, in bytes: the tokenizer has a token for each. LONG * 8 is 128 of them."""


def user(text):
    return {"role": "user", "content": text}


def bot(text):
    return {"role": "assistant", "content": text}


def texts(prompt, n):
    """Prompts and answers that fit, that are too long in the prompt, in the answer, and alike before they are cut."""
    asked = [f"{prompt} {i}?" for i in range(n)]
    better = [f"It is {i}, é…🙂" if i % 3 else f"{i}." for i in range(n)]
    worse = [f"It is {i + 1}." for i in range(n)]
    asked[2] += LONG * 8
    better[3] += LONG * 12
    better[4], worse[4] = LONG * 12 + "yes", LONG * 12 + "no"
    better[5] = worse[5]
    return list(zip(asked, better, worse, strict=True))


def steps(n, labels=((True, False), (True,), (None, True, False), (False, False))):
    """Steps of different number, long ones among them, one row without its labels."""
    rows = []
    for i in range(n):
        judged = labels[i % len(labels)]
        done = [f"Step {k}: {i} + {k} = {i + k}é." for k in range(len(judged))]
        rows.append({"prompt": f"Add up to {i}.", "completions": done, "labels": list(judged)})
    rows[1]["prompt"] += LONG * 8
    rows[4]["completions"][0] += LONG * 7
    rows[6]["labels"] = rows[6]["labels"][:-1]
    return rows


def said(by, text):
    return {"from": by, "value": text}


COLUMNS = [
    {"input": p, "chosen": c, "rejected": r} | ({"system": "Be brief."} if i % 2 else {"system": None})
    for i, (p, c, r) in enumerate(texts("What is", 9))
]
TOOL = {"type": "function", "function": {"name": "add", "parameters": {}}}
SHEPHERD = [
    {
        "input": f"Add to {i}. Step 1: {i} + 1 = {i + 1} ки\nStep 2: {LONG * (i % 4 * 3)} ки",
        "label": f"Add to {i}. Step 1: {i} + 1 = {i + 1} +\nStep 2: {LONG * (i % 4 * 3)} {'+-'[i % 2]}",
    }
    for i in range(8)
]
PRM = [
    {
        "question": {"problem": f"Add to {i}."},
        "label": {
            "steps": [
                {
                    "completions": [{"text": f"Step {i}.", "rating": 1}, {"text": "Hm.", "rating": [-1, 0][i % 2]}],
                    "chosen_completion": 0,
                },
                {"completions": [{"text": LONG * (i * 2), "rating": -1}], "chosen_completion": None},
            ]
        },
    }
    for i in range(6)
]


@dataclass(frozen=True)
class Layout:
    """A layout as a preset has it: rows, and the data set's keys."""

    kind: str
    rows: list
    keys: dict


def pairs(rows, type_=None, **keys):
    return Layout("pair", rows, ({"type": type_} if type_ else {}) | keys)


def stepwise(rows, type_=None, **keys):
    return Layout("steps", rows, ({"type": type_} if type_ else {}) | keys)


LAYOUTS = {
    "columns": pairs(COLUMNS, "bradley_terry.chat_template"),
    "columns-mapped": pairs(
        [{"q": r["input"], "good": r["chosen"], "bad": r["rejected"], "gap": i / 2} for i, r in enumerate(COLUMNS)],
        "bradley_terry.chat_template",
        field_input="q",
        field_chosen="good",
        field_rejected="bad",
        field_margin="gap",
    ),
    "columns-no-system": pairs(COLUMNS, "bradley_terry.chat_template", drop_system_message=True),
    "columns-detected": pairs(COLUMNS, "bradley_terry"),
    **{name: pairs(COLUMNS, f"bradley_terry.{name}") for name in ("llama3", "llama3.icr", "llama3.load_icr")},
    "standard-explicit": pairs(
        [{"prompt": f"{p} ", "chosen": c, "rejected": r, "margin": 0.25} for p, c, r in texts("Tell me", 9)]
    ),
    "standard-implicit": pairs([{"chosen": f"{p} {c}", "rejected": f"{p} {r}"} for p, c, r in texts("Tell", 9)]),
    "null-margins": pairs(
        [{"prompt": f"{p} ", "chosen": c, "rejected": r, "margin": None} for p, c, r in texts("Tell me", 9)]
    ),
    "conversation-explicit": pairs(
        [
            {"prompt": [user("Hi"), bot("Hello"), user(p)], "chosen": [bot(c)], "rejected": [bot(r)], "tools": [TOOL]}
            for p, c, r in texts("How is", 9)
        ]
    ),
    "conversation-implicit": pairs(
        [{"chosen": [user(p), bot(c)], "rejected": [user(p), bot(r)]} for p, c, r in texts("How is", 9)]
    ),
    "conversation-after-text": pairs(
        [{"prompt": p, "chosen": [bot(c)], "rejected": [bot(r)]} for p, c, r in texts("How is", 9)]
    ),
    "alpaca": pairs(
        [{"instruction": p, "input": "", "chosen": c, "rejected": r} for p, c, r in texts("How is", 9)],
        "bradley_terry.alpaca",
    ),
    "sharegpt": pairs(
        [
            {"conversations": [said("human", p)], "chosen": said("gpt", c), "rejected": said("gpt", r)}
            for p, c, r in texts("How is", 9)
        ],
        "bradley_terry.sharegpt",
    ),
    "ranked": pairs([{"prompt": p, "ranked_answers": [c, r, "Hm."]} for p, c, r in texts("Which is", 9)]),
    "scored": pairs(
        [
            {"prompt": p, "responses": [r, c, "Hm.", "Well."], "scores": [0, i % 3, 1, None]}
            for i, (p, c, r) in enumerate(texts("Which is", 9))
        ]
    ),
    "tokenised": pairs(
        [{"chosen_ids": [9, 8, 7, *range(20 * i + 1)], "rejected_ids": [9, 8, 7, *range(5, 30)]} for i in range(9)]
    ),
    "steps": stepwise(steps(9), "stepwise_supervised"),
    "steps-detected": stepwise(steps(9)),
    "steps-soft": stepwise(steps(9, ((0.25, 1), (0.5,), (None, 0.125, 0))), "stepwise_supervised"),
    "steps-knobs": stepwise(
        steps(9),
        "stepwise_supervised",
        step_separator=" ##\n",
        max_completion_length=60,
        train_on_last_step_only=True,
    ),
    "steps-in-template": stepwise(steps(9), "stepwise_supervised.chat_template", step_separator="\n\n"),
    "shepherd": stepwise(SHEPHERD),
    "shepherd-pinned": stepwise(SHEPHERD, "stepwise_supervised.math_shepherd", train_on_last_step_only=True),
    "prm800k": stepwise(PRM),
    "prm800k-pinned": stepwise(PRM, "stepwise_supervised.prm800k", step_separator="<|im_end|>"),
}

STRATEGIES = {"pair": ("drop", "truncate", "truncate_prompt"), "steps": ("drop", "truncate")}
CASES = [(name, strategy) for name, layout in LAYOUTS.items() for strategy in STRATEGIES[layout.kind]]


def test_every_type_is_among_the_layouts():
    assert {layout.keys.get("type") for layout in LAYOUTS.values()} == {None, *TYPES}


@pytest.fixture(scope="module")
def models(tmp_path_factory, byte_tokenizer):
    """A tiny random model of either kind, with the tokenizer of bytes."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    for kind, cls, labels in (("pair", LlamaForSequenceClassification, 1), ("steps", LlamaForTokenClassification, 2)):
        config = LlamaConfig(
            vocab_size=260,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=512,
            num_labels=labels,
        )
        cls(config).save_pretrained(folder / kind)
        for file in byte_tokenizer.iterdir():
            (folder / kind / file.name).write_bytes(file.read_bytes())
    return folder


@pytest.fixture
def preset_of(tmp_path, models, monkeypatch):
    """The preset of a layout, with its rows on disk: its path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RM_WORKBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def write(layout, **values):
        lines = [json.dumps(row, ensure_ascii=False) for row in [*layout.rows, {"no": "such row"}]]
        lines.insert(3, "no JSON at all")
        Path("rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
        preset = {
            "base_model": str(models / layout.kind),
            "reward_model" if layout.kind == "pair" else "process_reward_model": True,
            "datasets": [{"path": "rows.jsonl"} | layout.keys],
            "sequence_len": LIMIT,
            "micro_batch_size": 3,
            "num_epochs": 1,
            "learning_rate": 1e-3,
            "logging_steps": 100,
            "device": "cpu",
        }
        with Path("law.yaml").open("w") as file:
            YAML().dump(preset | values, file)
        return tmp_path / "law.yaml"

    return write


def encoded(view):
    """The encoding that a row of the preview shows, from its sequences as they are drawn."""
    cut = [(sequence, slice(sequence.kept_start, sequence.kept_end)) for sequence in view.sequences]
    if view.model_kind == "steps":
        ((sequence, kept),) = cut
        return StepsEncoding(sequence.ids[kept], sequence.labels[kept])
    (chosen, of_chosen), (rejected, of_rejected) = cut
    pooled = (chosen.pooled - chosen.kept_start, rejected.pooled - rejected.kept_start)
    return PairEncoding(chosen.ids[of_chosen], rejected.ids[of_rejected], *pooled, 0, view.margin)


def printed(line):
    """The encoding in a line of `preview --json`."""
    row = json.loads(line)
    if not row["kept"]:
        return None
    if row["kind"] == "steps":
        return StepsEncoding(row["input_ids"], row["labels"])
    sides = (row["chosen_ids"], row["rejected_ids"])
    shared = row["shared_prefix"]
    assert sides[0][:shared] == sides[1][:shared]
    assert 0 <= shared < min(map(len, sides))
    return PairEncoding(*sides, row["chosen_pooled"], row["rejected_pooled"], shared, row["margin"])


def digest(encodings):
    total = Digest()
    for encoding in encodings:
        total.update(EncodedRow(SampleId(0, 0), encoding, None))
    return total.hexdigest()


def targets(encodings):
    """What the objective must be given, each as often as it must be: as `recording_trainer` writes it down."""
    expected = []
    for encoding in encodings:
        if isinstance(encoding, PairEncoding):
            sides = (
                encoding.chosen_ids[: encoding.chosen_pooled + 1],
                encoding.rejected_ids[: encoding.rejected_pooled + 1],
            )
            expected.append([*sides, encoding.margin or 0.0])
        else:
            judged = [(at, label) for at, label in enumerate(encoding.labels) if label != MASKED]
            expected += [[encoding.input_ids[: at + 1], float(label)] for at, label in judged]
    return Counter(map(json.dumps, expected))


def shown(preset):
    """What the preview shows of a preset's training rows, looked at a few at a time."""
    opened = open_preset(load_preset(str(preset)))
    views = [view for start in range(0, len(opened.train), 4) for view in view_rows(opened, "train", start, start + 4)]
    return [encoded(view) for view in views if view.kept]


@pytest.mark.parametrize(("name", "strategy"), CASES)
def test_preview_check_and_prepare_have_one_digest(preset_of, capsys, name, strategy):
    preset = preset_of(LAYOUTS[name], excess_length_strategy=strategy)
    seen = shown(preset)
    assert main(["preview", str(preset), "--rows", "0:", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    first, again = (prepare(open_preset(load_preset(str(preset)))).train for _ in range(2))
    report = check(open_preset(load_preset(str(preset))))
    digests = {digest(seen), digest(filter(None, map(printed, lines))), first.digest, again.digest, report.digest}
    assert len(digests) == 1
    assert digest(row.encoding for row in again.rows) in digests
    counts = report.in_samples("train")
    assert first.ledger.kept == counts.kept == len(seen)
    assert first.ledger.dropped == counts.dropped
    assert report.dropped["unreadable-row"] == report.dropped["missing-field"] == 1
    assert first.ledger.rows == counts.samples == len(lines) == counts.kept + sum(counts.dropped.values())


@pytest.fixture
def train():
    """Trains a run in this process and gives what it consumed."""

    def consume(run, stop_after=None):
        to = run.path / "consumed"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(RewardTrainer, "compute_loss", RewardTrainer.compute_loss)
            recording_trainer.record(to, run.path, stop_after)
            assert process.main(run.path, StopRequest(run.path)) == 0, run.events.read_text()
        return Counter(to.read_text().splitlines())

    return consume


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_trainer_consumes_what_is_shown_and_nothing_else(preset_of, train, name):
    strategy = STRATEGIES[LAYOUTS[name].kind][-1]
    packed = list(LAYOUTS).index(name) % 2 == 0
    preset = preset_of(LAYOUTS[name], excess_length_strategy=strategy, sample_packing=packed)
    run = create_run(load_preset(str(preset)), None)
    assert train(run) == targets(shown(preset))
    assert run.manifest().digest == digest(shown(preset))
    found = [record.event for record in EventReader(run.events).read()]
    (packing,) = (event for event in found if isinstance(event, FindingEvent) and event.code == "packing")
    assert packing.message.startswith("Samples are packed" if packed else "Batches are padded")


@pytest.mark.parametrize("name", ["conversation-explicit", "steps-in-template"])
def test_a_stopped_run_goes_on_with_the_rows_that_it_has_not_had(preset_of, train, name):
    preset = preset_of(LAYOUTS[name], excess_length_strategy="truncate", gradient_accumulation_steps=1)
    run = create_run(load_preset(str(preset)), None)
    expected = targets(shown(preset))
    before = train(run, stop_after=1)
    assert 0 < before.total() < expected.total()
    assert run.manifest().digest == digest(shown(preset))
    assert train(run) == expected
    assert run.manifest().digest == digest(shown(preset))
    assert run.manifest().resumed_from == "checkpoint-1"


def test_two_processes_consume_it_between_them(preset_of, monkeypatch):
    layout = LAYOUTS["ranked"]
    preset = preset_of(layout, excess_length_strategy="truncate", num_processes=2)
    run = create_run(load_preset(str(preset)), None)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    command = trainer_command(run)
    command[-4:] = [recording_trainer.__file__, str(run.path), str(run.path / "consumed")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    shares = [Counter((run.path / f"consumed.{rank}").read_text().splitlines()) for rank in range(2)]
    assert all(shares)
    assert shares[0] + shares[1] == targets(shown(preset))
    assert run.manifest().digest == digest(shown(preset))
