import sys
from pathlib import Path

import pytest

from engine.preset.load import parse_preset
from engine.runs.error import RunError
from engine.runs.folder import create_run
from engine.runs.process import members

TRAINER = Path(__file__).with_name("fake_trainer.py")
PRESET = "base_model: org/model\nreward_model: true\ndatasets:\n  - path: rows.jsonl\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Each test has a current folder and an index of its own."""
    monkeypatch.setenv("RM_WORKBENCH_STATE", str(tmp_path / "state"))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)


@pytest.fixture
def loaded(tmp_path):
    path = tmp_path / "here" / "tiny.yaml"
    path.write_text(PRESET)
    return parse_preset(PRESET, path)


@pytest.fixture
def trainer():
    """The command line of a fake trainer; what is left of it is ended after the test."""
    started = []

    def command(run, behaviour="train", steps=40):
        started.append(run)
        return [sys.executable, str(TRAINER), str(run.path), behaviour, str(steps)]

    yield command
    for run in started:
        try:
            for process in members(run.manifest()):
                process.kill()
        except RunError:
            continue


@pytest.fixture
def run(loaded):
    return create_run(loaded)
