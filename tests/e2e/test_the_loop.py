"""The product as a person uses it: the real app in a real terminal, from launch to a finished training."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.events.reader import EventReader
from engine.events.schema import End, Metric
from tests.e2e.terminal import Terminal

PRESET = """\
# A run short enough for a test.
base_model: demo:model
reward_model: true
datasets:
  - path: demo:pairs
    type: bradley_terry.chat_template
    split: train
test_datasets:
  - path: demo:pairs
    type: bradley_terry.chat_template
    split: test
sequence_len: 128
micro_batch_size: 4
eval_batch_size: 50
max_steps: {steps}
logging_steps: 1
learning_rate: 1e-3
device: cpu
num_threads: 1
"""


@pytest.fixture
def home(tmp_path):
    """A folder to work in, and an environment in which nothing outside it is read or written."""
    environment = {
        **os.environ,
        "RM_WORKBENCH_STATE": str(tmp_path / "state"),
        "RM_WORKBENCH_CACHE": str(tmp_path / "cache"),
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
    }
    return tmp_path, environment


def open_app(home, *, columns: int, lines: int, steps: int) -> Terminal:
    folder, environment = home
    (folder / "short.yaml").write_text(PRESET.format(steps=steps), encoding="utf-8")
    command = [sys.executable, "-m", "workbench", "short.yaml"]
    environment = {**environment, "PYTHONPATH": str(Path(__file__).parents[2])}
    return Terminal(command, columns=columns, lines=lines, env=environment, cwd=folder)


def command_line(home, *arguments: str) -> str:
    folder, environment = home
    done = subprocess.run(
        [sys.executable, "-m", "workbench", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def events_of(folder: Path) -> list:
    (events,) = folder.glob("runs/*/events.jsonl")
    return [record.event for record in EventReader(events).read()]


def test_from_launch_to_a_finished_run_at_80_by_24(home):
    folder, _ = home
    with open_app(home, columns=80, lines=24, steps=10) as terminal:
        terminal.wait_for("reward read here", "reward at", seconds=120)
        terminal.press("escape", "3")
        terminal.wait_for("v View")
        terminal.press("n")
        terminal.wait_for("row 1 of")
        terminal.press("4")
        terminal.wait_for("too-long", seconds=120)
        terminal.press("5")
        terminal.wait_for("Train (t)")
        terminal.press("t")
        terminal.wait_for("finished", seconds=180)
        terminal.wait_for("10/10", "10 of 10", "10 steps")
        terminal.press("6")
        terminal.wait_for("short-1")
        terminal.press("ctrl+q")
        assert terminal.wait_for_exit() == 0
        # The terminal is given back as it was: the cursor shown, the alternate screen left.
        assert terminal.raw.rfind(b"\x1b[?1049l") > terminal.raw.rfind(b"\x1b[?1049h")
        assert terminal.raw.rfind(b"\x1b[?25h") > terminal.raw.rfind(b"\x1b[?25l")
    events = events_of(folder)
    assert events[-1].status == "finished"
    assert [event.step for event in events if isinstance(event, Metric)] == list(range(1, 11))
    # One law: what check shows is what was trained.
    manifest = json.loads((folder / "runs" / "short-1" / "run.json").read_text(encoding="utf-8"))
    assert manifest["digest"] == json.loads(command_line(home, "check", "short.yaml", "--json"))["digest"]


def test_training_outlives_an_app_that_is_killed(home):
    folder, _ = home
    with open_app(home, columns=160, lines=50, steps=40) as terminal:
        terminal.wait_for("reward read here", seconds=120)
        terminal.press("escape", "5")
        terminal.wait_for("Train (t)")
        terminal.press("t")
        terminal.wait_for("accuracy", seconds=60)
        deadline = time.monotonic() + 120
        while not (list(folder.glob("runs/*/events.jsonl")) and any(isinstance(e, Metric) for e in events_of(folder))):
            assert time.monotonic() < deadline, terminal.text
            terminal.read(0.2)
        os.kill(terminal.process.pid, signal.SIGKILL)
        terminal.process.wait()
    listed = json.loads(command_line(home, "runs", "list", "--json").splitlines()[0])
    assert listed["name"] == "short-1"
    deadline = time.monotonic() + 180
    while not isinstance(events_of(folder)[-1], End):
        assert time.monotonic() < deadline, events_of(folder)[-1]
        time.sleep(0.5)
    assert events_of(folder)[-1].status == "finished"
    with open_app(home, columns=160, lines=50, steps=40) as terminal:
        terminal.wait_for("reward read here", seconds=120)
        terminal.press("escape", "6")
        terminal.wait_for("finished", seconds=30)
