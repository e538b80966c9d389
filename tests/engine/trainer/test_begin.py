"""What a trainer process hears before it has imported anything heavy."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.events.reader import EventReader
from engine.events.schema import End
from engine.preset.load import parse_preset
from engine.runs.folder import create_run

PRESET = "base_model: org/model\nreward_model: true\ndatasets:\n  - path: rows.jsonl\nlearning_rate: 1e-5\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("RM_WORKBENCH_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return create_run(parse_preset(PRESET, tmp_path / "tiny.yaml"))


@pytest.fixture
def importing(run, tmp_path):
    """A trainer in the middle of importing torch, which takes a minute."""
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "torch.py").write_text("print('importing', flush=True)\nimport time\ntime.sleep(60)\n")
    trainer = subprocess.Popen(
        [sys.executable, "-P", "-m", "engine", "run", str(run.path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "slow"), str(Path(__file__).parents[3])])},
        stdout=subprocess.PIPE,
    )
    assert trainer.stdout.readline() == b"importing\n"
    yield trainer
    trainer.kill()
    trainer.communicate()


@pytest.mark.parametrize("by", ["request", "signal"])
def test_a_stop_is_heard_while_torch_is_being_imported(run, importing, by):
    began = time.monotonic()
    if by == "request":
        run.stop_request.touch()
    else:
        importing.send_signal(signal.SIGTERM)
    assert importing.wait(timeout=30) == 0
    assert time.monotonic() - began < 30
    (end,) = [record.event for record in EventReader(run.events).read() if isinstance(record.event, End)]
    assert (end.status, end.message) == ("stopped", "Stopped before the first step.")
    assert not run.stop_request.exists()
