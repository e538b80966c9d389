import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from engine.events.schema import PhaseEvent
from engine.events.writer import EventWriter
from engine.runs.heartbeat import SILENT, SIZE, Heartbeat, encode_heartbeat, read_heartbeat, stalled
from engine.runs.launch import launch
from engine.runs.state import State, run_status
from engine.runs.stop import kill
from engine.trainer import pulse


def beat(run, **values):
    now = time.monotonic()
    beat = Heartbeat(**({"launch_id": "a", "pid": os.getpid(), "at": now, "moved": now, "limit": 300.0} | values))
    (run.path / "heartbeat").write_bytes(encode_heartbeat(beat))
    return now


@pytest.mark.parametrize(
    ("ago", "says"),
    [
        ({}, ""),
        ({"at": SILENT - 5}, ""),
        ({"at": SILENT + 5, "moved": SILENT + 5}, "is alive, but has given no sign for 65 s"),
        ({"moved": 290}, ""),
        ({"moved": 1200}, "it has not got on for 20 min, in all_reduce (a.py:3)"),
    ],
)
def test_a_run_is_stalled_by_what_its_heartbeat_says(run, ago, says):
    now = time.monotonic()
    beat(run, **{name: now - seconds for name, seconds in ago.items()}, place="all_reduce (a.py:3)")
    told = stalled(run.path, "a", now)
    assert says in told
    assert bool(told) == bool(says)


@pytest.mark.parametrize("content", [None, b"", b"\0" * SIZE, b"[]", b'{"pid": 1}', b'{"launch_id": "a", "pid":'])
def test_without_a_heartbeat_of_its_own_launch_nothing_is_concluded(run, content):
    if content is not None:
        (run.path / "heartbeat").write_bytes(content)
    assert read_heartbeat(run.path) is None
    assert stalled(run.path, "a") == ""
    beat(run, launch_id="the launch before", at=0.0, moved=0.0)
    assert stalled(run.path, "a") == ""


def test_a_heartbeat_is_written_over_in_place_whatever_it_says(run):
    first = beat(run, place="x" * 5000)
    assert (run.path / "heartbeat").stat().st_size == SIZE
    assert read_heartbeat(run.path).at == first


def test_a_suspended_trainer_is_stalled_and_goes_on(run, trainer):
    script = "import sys; from pathlib import Path; from engine.trainer.pulse import beat_from_now; import time;"
    script += "beat_from_now(Path(sys.argv[1])); time.sleep(60)"
    trainer(run)
    with EventWriter(run.events) as events:
        events.write(PhaseEvent("training"))
    launch(run, [sys.executable, "-c", script, str(run.path)])
    until = time.monotonic() + 20
    while read_heartbeat(run.path) is None and time.monotonic() < until:
        time.sleep(0.02)
    pid = run.manifest().pid
    os.kill(pid, signal.SIGSTOP)
    while psutil.Process(pid).status() != psutil.STATUS_STOPPED and time.monotonic() < until:
        time.sleep(0.01)
    status = run_status(run)
    assert (status.state, status.state.live) == (State.STALLED, True)
    assert "is suspended" in status.message
    os.kill(pid, signal.SIGCONT)
    while run_status(run).state is State.STALLED and time.monotonic() < until:
        time.sleep(0.01)
    assert run_status(run).state is State.STARTING
    kill(run, patience=0)


def test_how_long_a_step_may_take_is_told_from_those_before(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(pulse.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(pulse, "_marks", pulse._Marks())
    assert pulse._marks.limit == pulse.FIRST
    for _ in range(6):
        now[0] += 2
        pulse.moved()
    assert pulse._marks.limit == pulse.LEAST
    now[0] += 100
    pulse.moved()
    assert pulse._marks.limit == 1000


def test_where_a_main_thread_hangs_is_in_the_heartbeat_and_in_the_log(run):
    script = (
        "import sys, time; from pathlib import Path; from engine.trainer import pulse\n"
        "pulse.FIRST, pulse.EVERY = 0.1, 0.05\n"
        "def all_reduce(): time.sleep(60)\n"
        "pulse.beat_from_now(Path(sys.argv[1])); all_reduce()"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(run.path)], stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 20
    while not ((last := read_heartbeat(run.path)) and last.place) and time.monotonic() < until:
        time.sleep(0.02)
    child.kill()
    _, log = child.communicate()
    assert last.place.startswith("all_reduce (")
    assert "no progress for" in log
    assert "in all_reduce" in log
