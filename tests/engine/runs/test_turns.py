"""Runs that take turns: on one device, and after one another."""

import os
import signal
import time

import pytest

from engine.events.reader import EventReader
from engine.events.schema import End, Metric, PhaseEvent, Start
from engine.preset.schema import Preset
from engine.runs.devices import wanted_devices
from engine.runs.folder import create_run
from engine.runs.launch import launch
from engine.runs.process import keeper_alive
from engine.runs.state import State, run_state, run_status
from engine.runs.stop import kill, stop, wait_until_over


def wait_for(condition, timeout=20.0):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def times(run, kind):
    return [record.time for record in EventReader(run.events).read() if isinstance(record.event, kind)]


@pytest.fixture
def on_gpu_0(monkeypatch):
    """Runs take GPU 0, which need not be there: nobody asks the driver."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")


def test_runs_that_want_one_gpu_come_one_after_the_other_in_their_order(on_gpu_0, loaded, trainer):
    first, second, third = runs = [create_run(loaded) for _ in range(3)]
    launch(first, trainer(first, steps=2000))
    for run in (second, third):
        launch(run, trainer(run, steps=5))
        assert run_status(run).state is State.QUEUED
    assert run_status(second).message == "waits for GPU 0, which tiny-1 takes"
    assert run_status(third).message == "waits for GPU 0, which tiny-1, tiny-2 take"
    stop(first)
    for run in runs:
        assert wait_until_over(run, 30)
    assert [run_state(run) for run in runs] == [State.STOPPED, State.FINISHED, State.FINISHED]
    assert times(first, End)[-1] <= times(second, Start)[0]
    assert times(second, End)[-1] <= times(third, Start)[0]


def test_a_holder_that_is_killed_frees_its_gpu(on_gpu_0, loaded, trainer):
    first, second = (create_run(loaded) for _ in range(2))
    launch(first, trainer(first, steps=2000))
    launch(second, trainer(second, steps=5))
    manifest = first.manifest()
    for pid in (manifest.keeper_pid, manifest.pid):
        os.kill(pid, signal.SIGKILL)
    assert wait_until_over(second, 30)
    assert run_state(second) is State.FINISHED


@pytest.mark.parametrize("end", [stop, kill])
def test_a_run_that_waits_can_be_stopped_and_killed(on_gpu_0, loaded, trainer, end):
    first, second = (create_run(loaded) for _ in range(2))
    launch(first, trainer(first, steps=2000))
    launch(second, trainer(second, steps=5))
    end(second)
    assert wait_until_over(second, 15)
    assert run_status(second).message == "Stopped while it waited for its turn."
    assert run_state(first).live
    assert not times(second, Metric)
    wait_for(lambda: not keeper_alive(second.manifest()))


def test_a_run_may_refuse_to_wait_and_the_cpu_is_shared_unless_asked(on_gpu_0, loaded, trainer, monkeypatch):
    first, second = (create_run(loaded) for _ in range(2))
    launch(first, trainer(first, steps=2000))
    launch(second, trainer(second, steps=5), queue=False)
    assert wait_until_over(second, 15)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    on_cpu, also, later = (create_run(loaded) for _ in range(3))
    launch(on_cpu, trainer(on_cpu, steps=2000))
    launch(also, trainer(also, steps=5))
    launch(later, trainer(later, steps=5), queue=True)
    assert "waits for the CPU, which tiny-3" in run_status(later).message
    assert wait_until_over(also, 15)
    assert run_state(later) is State.QUEUED
    kill(on_cpu, patience=0)
    assert wait_until_over(later, 15)


def test_a_run_comes_after_another_however_that_ends(loaded, trainer):
    first, second = (create_run(loaded) for _ in range(2))
    launch(first, trainer(first, steps=2000))
    launch(second, trainer(second, steps=5), after=[first])
    assert run_status(second).message == "waits for tiny-1"
    os.kill(first.manifest().pid, signal.SIGKILL)
    assert wait_until_over(second, 20)
    assert run_state(first) is State.CRASHED
    phases = [record.event for record in EventReader(second.events).read() if isinstance(record.event, PhaseEvent)]
    assert [phase.phase for phase in phases][:3] == ["starting", "queued", "starting"]
    assert run_state(second) is State.FINISHED


@pytest.mark.parametrize(
    ("visible", "values", "devices"),
    [
        ("2,3", {}, ("gpu-2",)),
        ("2,3", {"num_processes": 2}, ("gpu-2", "gpu-3")),
        ("GPU-8932f937-d72c", {}, ("gpu-GPU-8932f937-d72c",)),
        ("", {}, ("cpu",)),
        ("0,-1,1", {"num_processes": 3}, ("gpu-0",)),
        ("0", {"device": "cpu"}, ("cpu",)),
    ],
)
def test_the_devices_are_those_that_cuda_shows(monkeypatch, visible, values, devices):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    preset = Preset.model_validate(
        {"base_model": "m", "reward_model": True, "datasets": [{"path": "p"}], "learning_rate": 1e-5} | values
    )
    assert wanted_devices(preset) == devices
