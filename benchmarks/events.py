"""What a run's events cost: writing them, reading them, and how long one takes to the screen.

    python benchmarks/events.py [EVENTS]

Four measurements, medians where they are repeated:

- a metric event of 20 values written, beside the bare `write` of the same line;
- telling as a share of training: the demo trained for 200 steps that are all reported, the time spent in the writer
  against the time from the first step to the last;
- EVENTS events (100 000) read back, beside `json.loads` on the same lines;
- a metric, from the moment it is written by another process to the screen having painted it, in the app without a
  terminal at 160x50, with a run of EVENTS / 10 events behind it.
"""

import asyncio
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from engine.events.reader import EventReader
from engine.events.schema import Metric, PhaseEvent, Start
from engine.events.writer import EventWriter, encode_event
from engine.preset.load import load_preset
from engine.runs.folder import RunFolder, create_run
from engine.runs.manifest import update_manifest

NAMES = (
    "loss",
    "accuracy",
    "ties",
    "margin",
    "reward_mean",
    "reward_std",
    "reward_min",
    "reward_max",
    "chosen_reward",
    "rejected_reward",
    "grad_norm",
    "learning_rate",
    "tokens_per_second",
    "padding_fraction",
    "step_time",
    "data_time",
    "host_memory_gib",
    "tokens",
    "epoch",
    "gpu_memory_gib",
)
SHOWN = 40
STEPS = 200
WRITER = """
import sys, time
from pathlib import Path
from engine.events.schema import Metric
from engine.events.writer import EventWriter
first, count = int(sys.argv[2]), int(sys.argv[3])
with EventWriter(Path(sys.argv[1])) as writer:
    for step in range(first, first + count):
        writer.write(Metric(step, {"loss": 0.5, "accuracy": 0.5, "sent": time.monotonic()}))
        time.sleep(0.237)
"""
TRAINER = """
import sys, time
from pathlib import Path
from engine.events.schema import Metric
from engine.events.writer import EventWriter
spent = [0.0]
inner = EventWriter.write
def write(writer, event):
    began = time.perf_counter()
    try:
        return inner(writer, event)
    finally:
        spent[0] += time.perf_counter() - began
        if isinstance(event, Metric):
            moments.append((time.perf_counter(), spent[0]))
moments = []
EventWriter.write = write
from engine.trainer.begin import begin
code = begin(Path(sys.argv[1]))
(first, before), (last, after) = moments[0], moments[-1]
print("told", (after - before) / (last - first), (last - first) / (len(moments) - 1), flush=True)
sys.exit(code)
"""


def metric(step: int) -> Metric:
    """A metric as a training of pairs reports it."""
    return Metric(step, {name: math.sin(step + place) / 3 for place, name in enumerate(NAMES)})


def microseconds(action: Any, times: int) -> float:
    """The median of five: CPU microseconds of one of `times` calls."""
    taken = []
    for _ in range(5):
        began = time.process_time()
        for number in range(times):
            action(number)
        taken.append((time.process_time() - began) / times * 1e6)
    return statistics.median(taken)


def writing(folder: Path) -> None:
    """The cost of one event written."""
    writer = EventWriter(folder / "written")
    ours = microseconds(lambda number: writer.write(metric(number)), 2000)
    making = microseconds(metric, 2000)
    line = encode_event(metric(1), 1, time.time())
    descriptor = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    bare = microseconds(lambda _: os.write(descriptor, line), 2000)
    print(f"a metric event written: {ours - making:.0f} us of CPU; the bare write of its line {bare:.0f} us")
    for step_time in (0.01, 0.1, 1.0):
        print(f"  of a step of {step_time * 1000:.0f} ms: {(ours - making) / step_time / 1e4:.3f} %")


def telling(folder: Path) -> None:
    """The share of a real training that goes into its events."""
    sets = [f"max_steps={STEPS}", "logging_steps=1", "num_threads=1", "saves_per_epoch=null", "evals_per_epoch=null"]
    run = create_run(load_preset("demo-pairs", sets), "told")
    done = subprocess.run(
        [sys.executable, "-c", TRAINER, str(run.path)], capture_output=True, text=True, check=False, cwd=folder
    )
    told = [line.split() for line in done.stdout.splitlines() if line.startswith("told")]
    if not told:
        print(f"the demo could not be trained:\n{done.stderr[-2000:]}", file=sys.stderr)
        return
    share, step = float(told[0][1]), float(told[0][2])
    print(f"telling, of a training that reports all of its {STEPS} steps of {step * 1000:.0f} ms: {share * 100:.2f} %")


def reading(folder: Path, count: int) -> None:
    """Reading a long run back."""
    path = folder / "long"
    path.write_bytes(b"".join(encode_event(metric(step), step, 1e9 + step) for step in range(count)))
    ours, peers = [], []
    for _ in range(5):
        began = time.process_time()
        reader, records = EventReader(path), 0
        while batch := reader.read():
            records += len(batch)
        ours.append(time.process_time() - began)
        began = time.process_time()
        for line in path.read_bytes().splitlines():
            json.loads(line)
        peers.append(time.process_time() - began)
        assert records == count
    size = path.stat().st_size / 2**20
    mine, bare = statistics.median(ours), statistics.median(peers)
    print(
        f"{count} events ({size:.0f} MiB) read: {mine:.2f} s of CPU; json.loads alone {bare:.2f} s ({bare / mine:.1f}x)"
    )


def screen(folder: Path, behind: int) -> None:
    """From a metric written to a metric painted."""
    run = create_run(load_preset("demo-pairs"), "shown")
    total = behind + SHOWN
    update_manifest(run.path, launched=time.time(), host="elsewhere", launch_id="x")
    start = Start(run.name, "pair", "cpu", total, "d", {"rows": 1, "kept": 1, "dropped": {}}, 1, 1)
    with EventWriter(run.events) as writer:
        for event in (start, PhaseEvent("training"), *map(metric, range(1, behind + 1))):
            writer.write(event)
    lock = hold(run)
    late = asyncio.run(watched(run, behind + 1))
    os.close(lock)
    late.sort()
    print(
        f"a metric written to a metric painted, {behind} events behind it: median"
        f" {statistics.median(late) * 1000:.0f} ms, nine of ten within {late[int(0.9 * len(late))] * 1000:.0f} ms"
        f" ({len(late)} metrics, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)"
    )


def hold(run: RunFolder) -> int:
    """Keep the run alive for who looks at it."""
    from engine.runs.lock import take_lock

    return take_lock(run.path)


async def watched(run: RunFolder, first: int) -> list[float]:
    """The delays of the metrics that another process writes while the app shows the run."""
    from workbench.app import WorkbenchApp
    from workbench.widgets.run_view import RunView

    delays: list[float] = []
    app = WorkbenchApp("demo-pairs")
    async with app.run_test(size=(160, 50)) as pilot:
        await app.action_go("train")
        app.run_folder = run.path
        view = app.screen.query_one(RunView)
        inner = view.take

        def take(news: Any) -> None:
            sent = [
                record.event.values["sent"] for record in news.records if "sent" in getattr(record.event, "values", ())
            ]
            inner(news)
            app.call_after_refresh(lambda: delays.extend(time.monotonic() - moment for moment in sent))

        view.take = take  # type: ignore[method-assign]
        while view.history.step < first - 1:
            await pilot.pause(0.1)
        await pilot.pause(2)
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(run.events), str(first), str(SHOWN)])
        until = time.monotonic() + 120
        while len(delays) < SHOWN and time.monotonic() < until:
            await pilot.pause(0.05)
        writer.wait()
    return delays


def main() -> None:
    """Measure, and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    root = str(Path(__file__).resolve().parent.parent)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.update(RM_WORKBENCH_STATE=f"{name}/state", PYTHONPATH=root, OMP_NUM_THREADS="1")
        os.environ.setdefault("RM_WORKBENCH_CACHE", f"{name}/cache")
        os.chdir(folder)
        writing(folder)
        reading(folder, count)
        telling(folder)
        screen(folder, count // 10)


if __name__ == "__main__":
    main()
