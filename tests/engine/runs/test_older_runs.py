"""A run of version 0.1.0, recorded by that version: its trainer was killed after step 27 of 400 (weights left out)."""

import shutil
from pathlib import Path

import pytest

from engine.events.reader import EventReader
from engine.events.schema import Metric, Start
from engine.runs.annotation import tag
from engine.runs.compare import compare
from engine.runs.find import find_run
from engine.runs.folder import RunFolder
from engine.runs.launch import resume
from engine.runs.rename import rename_run
from engine.runs.state import State, run_state, run_status
from engine.runs.stop import wait_until_over
from engine.runs.summary import list_runs

RECORDED = Path(__file__).with_name("recorded_0_1") / "cut-short"


@pytest.fixture
def old(tmp_path):
    shutil.copytree(RECORDED, tmp_path / "here" / "runs" / "cut-short")
    return find_run("cut-short")


def test_it_is_listed_read_and_compared(old):
    (summary,) = list_runs()
    assert (summary.state, summary.step, summary.total_steps) == (State.CRASHED, 27, 400)
    status = run_status(old)
    assert "nobody saw how it ended" in status.message
    assert "resume it from checkpoint-27" in status.advice
    reader = EventReader(old.events)
    records = reader.read()
    assert (len(records), reader.damaged, reader.unknown) == (46, 0, 0)
    assert [record.event.step for record in records if isinstance(record.event, Metric)] == list(range(1, 28))
    assert compare([old]).results["step"] == (27,)


def test_it_goes_on_where_it_was(old, trainer):
    resume(old, trainer(old, steps=30))
    assert wait_until_over(old, 20)
    assert run_state(old) is State.FINISHED
    records = EventReader(old.events).read()
    assert [record.seq for record in records] == list(range(len(records)))
    assert [record.event.resumed_from for record in records if isinstance(record.event, Start)][-1] == "checkpoint-27"


def test_it_can_be_written_on_and_renamed(old):
    tag(old, ["old"])
    assert rename_run(old, "older").name == "older"
    assert [(summary.name, summary.tags) for summary in list_runs()] == [("older", ("old",))]
    assert isinstance(RunFolder(find_run("older").path).manifest().launches, int)
