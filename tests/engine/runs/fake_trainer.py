"""A trainer without a model: it holds the lock, writes events, and dies in the way it is told to.

Usage: fake_trainer.py RUN_DIR BEHAVIOUR [STEPS]
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from engine.events.schema import Checkpoint, End, Eval, Metric, PhaseEvent, Start
from engine.events.writer import EventWriter
from engine.runs.lock import hold_lock


def save(run_dir, step):
    checkpoint = run_dir / f"checkpoint-{step}"
    checkpoint.mkdir(exist_ok=True)
    (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    return Checkpoint(step, checkpoint.name)


def main(run_dir, behaviour, steps=40):
    terminated = []
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: terminated.append(True))
    hold_lock(run_dir)
    writer = EventWriter(run_dir / "events.jsonl")
    if behaviour == "workers":
        ignoring = "import signal, time; signal.signal(15, signal.SIG_IGN); print('worker', flush=True); time.sleep(60)"
        subprocess.Popen([sys.executable, "-c", ignoring], start_new_session=True)
    if behaviour == "fail":
        writer.write(End("failed", "the data \x1b[31mcannot be read", "look at the path"))
        return 1
    saved = sorted(int(path.name.split("-")[1]) for path in run_dir.glob("checkpoint-*"))
    first = saved[-1] + 1 if saved else 1
    ledger = {"rows": 10, "kept": 8, "dropped": {"identical-pair": 2}}
    resumed = f"checkpoint-{saved[-1]}" if saved else None
    held_out = {"rows": 4, "kept": 3, "dropped": {"too-long": 1}}
    writer.write(Start(run_dir.name, "pair", "cpu", steps, "d1", ledger, 1000, 10, {}, resumed, held_out))
    writer.write(PhaseEvent("training"))
    for step in range(first, steps + 1):
        time.sleep(0.02)
        writer.write(Metric(step, {"loss": 0.7 / step, "accuracy": min(1.0, 0.5 + step / 100)}))
        if behaviour == "crash" and step == 5:
            print("RuntimeError: CUDA out of memory\x1b[2J. Tried to allocate", flush=True)
            os._exit(3)
        if behaviour == "killed" and step == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        if step == 3:
            writer.write(save(run_dir, step))
        if behaviour != "stubborn" and ((run_dir / "stop").exists() or terminated):
            writer.write(save(run_dir, step))
            (run_dir / "stop").unlink(missing_ok=True)
            writer.write(End("stopped", f"after step {step}"))
            return 0
    writer.write(Eval(steps, {"eval_accuracy": 0.875, "eval_length_baseline": 0.5}))
    (run_dir / "model").mkdir(exist_ok=True)
    writer.write(End("finished", f"{steps} steps"))
    if behaviour == "lingers":
        time.sleep(1.5)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])))
