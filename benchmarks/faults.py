"""Kills a trainer again and again, anywhere, and looks at what it left.

Every life of the run is a process that runs the trainer's own entry on a small model, and is ended by SIGKILL: half of
them at a random moment, half right before a random one of its file operations (opening for writing, renaming, making
and removing folders), which is where a half-written file would come from. After each death:

- the manifest, the preset and every whole checkpoint can be read, weights and optimizer included;
- every event that was in the file before is in it still, in its place, and none is missing between them;
- the next life goes on from the last whole checkpoint;
- there is a model only if all of it is there.

A run that has finished is compared with one that nobody killed: its losses must be the same. Then the next begins;
every other one cuts its steps into micro-batches by tokens.

    python benchmarks/faults.py [--kills 200] [--seed 0]
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

STEPS = 8
PRESET = f"""\
base_model: demo:model
reward_model: true
datasets:
  - path: rows.jsonl
    type: bradley_terry.chat_template
sequence_len: 64
micro_batch_size: 1
gradient_accumulation_steps: 2
max_steps: {STEPS}
save_steps: 1
save_total_limit: 3
logging_steps: 1
learning_rate: 1e-3
device: cpu
num_threads: 1
"""
FILE_OPERATIONS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the trial; 1 if anything was lost or broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("RM_WORKBENCH_STATE", f"{folder}/state")
        os.environ.setdefault("RM_WORKBENCH_CACHE", f"{folder}/cache")
        os.environ["OMP_NUM_THREADS"] = "1"
        os.chdir(folder)
        return trial(Path(folder), arguments.kills, random.Random(arguments.seed))


def trial(folder: Path, kills: int, rng: random.Random) -> int:
    """Kill so many lives of runs in `folder`, and print what came of it."""
    # Imported once, here: every life is forked from this process, and begins at once.
    import engine.trainer.process  # noqa: F401
    from engine.preset.load import load_preset
    from engine.runs.folder import create_run

    rows = [{"input": f"What is {i} + 1?", "chosen": f"{i + 1}.", "rejected": f"{i + 2}."} for i in range(16)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "preset.yaml").write_text(PRESET, encoding="utf-8")
    (folder / "tokens.yaml").write_text(f"{PRESET}micro_batch_tokens: 40\n", encoding="utf-8")
    presets = [load_preset(str(folder / name)) for name in ("preset.yaml", "tokens.yaml")]
    expected = []
    for number, loaded in enumerate(presets):
        began = time.monotonic()
        whole = create_run(loaded, f"whole-{number}")
        assert live(whole.path) == 0, whole.log.read_text()
        lasts = time.monotonic() - began
        operations = int((whole.path / "operations").read_text())
        expected.append(losses(whole.path))

    counts: Counter[str] = Counter()
    problems: list[str] = []
    run = create_run(presets[0], "killed-0")
    while counts["killed"] < kills:
        before = lines(run.path)
        left = last_checkpoint(run.path)
        point: dict[str, Any] = {}
        if counts["lives"] % 2:
            point["operation"] = rng.randrange(1, operations + 1)
        else:
            point["seconds"] = rng.uniform(0, 1.1 * lasts)
        counts["lives"] += 1
        ended = live(run.path, **point)
        problems += [f"{run.name} {point}: {text}" for text in examine(run.path, before, left, counts)]
        if ended == 0:
            if losses(run.path) != expected[counts["finished"] % 2]:
                problems.append(f"{run.name}: other losses than those of the run that nobody killed")
            counts["finished"] += 1
            run = create_run(presets[counts["finished"] % 2], f"killed-{counts['finished']}")
        else:
            counts["killed"] += 1
            counts[f"killed at step {len(losses(run.path))}"] += 1
    for name, count in sorted(counts.items()):
        print(f"{count:6d}  {name}")
    print(f"{len(problems):6d}  problems")
    for problem in problems[:20]:
        print(f"        {problem}")
    return 1 if problems else 0


def live(run_dir: Path, operation: int | None = None, seconds: float | None = None) -> int:
    """One life of the run; 0 if it ended by itself. Writes down how many file operations a whole one takes."""
    pid = os.fork()
    if pid == 0:
        log = os.open(run_dir / "train.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        count = [0]

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event not in FILE_OPERATIONS or str(run_dir) not in str(arguments[0]):
                return
            if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
            count[0] += 1
            if count[0] == operation:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        from engine.trainer.begin import begin

        code = begin(run_dir)
        (run_dir / "operations").write_text(str(count[0]))
        os._exit(code)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def examine(run_dir: Path, before: list[bytes], left: str | None, counts: Counter[str]) -> list[str]:
    """What is wrong with the folder after a death."""
    import torch
    from safetensors.torch import load_file

    from engine.preset.load import load_preset
    from engine.runs.checkpoint import whole_checkpoints
    from engine.runs.folder import RunFolder
    from engine.runs.lock import is_locked
    from engine.runs.state import State, run_status

    problems = []
    run = RunFolder(run_dir)
    if is_locked(run_dir):
        problems.append("its lock is held")
    if run_status(run).state not in {State.CRASHED, State.FINISHED}:
        problems.append(f"it is {run_status(run).state}")
    load_preset(str(run.preset))
    after = lines(run_dir)
    if after[: len(before)] != before:
        problems.append("events that were there are gone")
    records = [json.loads(line) for line in after]
    if [record["seq"] for record in records] != list(range(len(records))):
        problems.append("events are missing between others")
    starts = [record for record in records[len(before) :] if record["kind"] == "start"]
    if any(start["resumed_from"] != left for start in starts):
        problems.append(f"resumed from {starts[0]['resumed_from']}, not from {left}")
    checkpoints = whole_checkpoints(run_dir)
    for checkpoint in checkpoints:
        load_file(checkpoint / "model.safetensors")
        torch.load(checkpoint / "optimizer.pt", weights_only=True)
    if run.model.exists():
        load_file(run.model / "model.safetensors")
        if not (run.model / "tokenizer.json").exists():
            problems.append("a part of the model is missing")
    named = [record["path"] for record in records if record["kind"] == "checkpoint"]
    if named and not checkpoints:
        problems.append(f"{named[-1]} was told, and no checkpoint is whole")
    counts["half-written checkpoints"] += len([*run_dir.glob("checkpoint-*")]) - len(checkpoints)
    return problems


def last_checkpoint(run_dir: Path) -> str | None:
    """The name of the checkpoint that a next life must go on from."""
    from engine.runs.checkpoint import whole_checkpoints

    checkpoints = whole_checkpoints(run_dir)
    return checkpoints[-1].name if checkpoints else None


def lines(run_dir: Path) -> list[bytes]:
    """The whole lines of the run's events that are JSON: what a reader has acknowledged."""
    try:
        data = (run_dir / "events.jsonl").read_bytes()
    except OSError:
        return []
    found = []
    for line in data[: data.rfind(b"\n") + 1].splitlines():
        try:
            json.loads(line)
        except ValueError:
            continue
        found.append(line)
    return found


def losses(run_dir: Path) -> dict[int, float]:
    """The loss of each step, as the last life that came there had it."""
    records = [json.loads(line) for line in lines(run_dir)]
    return {record["step"]: record["values"]["loss"] for record in records if record["kind"] == "metric"}


if __name__ == "__main__":
    sys.exit(main())
