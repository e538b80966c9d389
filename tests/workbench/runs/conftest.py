"""Runs without a trainer: folders whose events the tests write."""

import json
import math
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from engine.events.schema import Checkpoint, Eval, Metric, PhaseEvent, Record, Start
from engine.runs.lock import take_lock
from engine.runs.manifest import Manifest, write_manifest


@pytest.fixture
def make_records():
    """Records of a run that learns: `make_records(steps, kind=..., evals_every=..., bad_step=..., end=...)`."""

    def make(steps=120, *, kind="pair", evals_every=40, bad_step=None, end=None, total=None, first=1, resumed=None):
        events = [PhaseEvent("starting", "launch 1")]
        events.append(
            Start("run", kind, "cpu", total or steps, "d1e5", {"rows": 1200, "kept": 1180}, 1_234_567, 1_234_567,
                  resumed_from=resumed)
        )  # fmt: skip
        events.append(PhaseEvent("training", done=first - 1, total=total or steps))
        for step in range(first, steps + 1):
            events.append(_metric(step, kind, bad=step == bad_step))
            if evals_every and step % evals_every == 0:
                learned = 1 - math.exp(-step / 40)
                events.append(Eval(step, {"eval_loss": 0.7 - 0.4 * learned, "eval_accuracy": 0.5 + 0.35 * learned}))
                events.append(Checkpoint(step, f"checkpoint-{step}"))
        if end is not None:
            events.append(end)
        return [Record(seq, 1_700_000_000.0 + seq * 0.5, event) for seq, event in enumerate(events)]

    return make


def _metric(step, kind, bad):
    learned, wave = 1 - math.exp(-step / 40), math.sin(step * 2.4)
    values = {
        "loss": None if bad else 0.69 - 0.5 * learned + 0.04 * wave,
        "accuracy": min(1.0, 0.5 + 0.4 * learned + 0.05 * wave),
        "grad_norm": 2.0 + 0.3 * wave,
        "learning_rate": 1e-4,
        "epoch": step / 40,
        "tokens_per_second": 8000.0 + 200 * wave,
    }
    if kind == "pair":
        values |= {"margin": 2 * learned, "chosen_reward": learned, "rejected_reward": -learned, "reward_std": 0.5}
    else:
        values |= {"balanced_accuracy": 0.5 + 0.4 * learned, "majority_baseline": 0.78}
    return Metric(step, values, ("loss",) if bad else ())


@pytest.fixture
def write_events():
    """`write_events(run_folder, records)` appends records to a run's events as the trainer would."""

    def write(folder, records):
        with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
            for record in records:
                line = {"v": 1, "seq": record.seq, "time": record.time, **asdict(record.event)}
                file.write(json.dumps(line) + "\n")

    return write


@pytest.fixture
def make_run(tmp_path, write_events):
    """A run's folder in `./runs` without a process: `make_run(name, records, log="", live=False)`.

    A live one has its lock held by this test's own process for as long as the test lasts.
    """
    held = []

    def make(name, records=(), log="", live=False, preset="learning_rate: 2.0e-5\n", created=1_700_000_000.0):
        folder = Path("runs").absolute() / name
        folder.mkdir(parents=True)
        text = "base_model: some/model\nreward_model: true\ndatasets:\n  - path: rows.jsonl\n"
        (folder / "preset.yaml").write_text(text + preset)
        manifest = Manifest(
            name=name, preset="demo-pairs", created=created, launches=1, launched=created, directory=str(Path.cwd())
        )
        write_manifest(folder, manifest)
        (folder / "train.log").write_text(log)
        write_events(folder, records)
        if live:
            held.append(take_lock(folder))
        return folder

    yield make
    for descriptor in held:
        os.close(descriptor)
