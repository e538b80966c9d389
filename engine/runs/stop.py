"""Ending a run: ask, then SIGTERM, then SIGKILL. Nobody else's process is ever signalled."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psutil

from engine.events.schema import End
from engine.events.writer import EventWriter
from engine.runs.error import RunError
from engine.runs.folder import RunFolder
from engine.runs.lock import is_locked, take_lock
from engine.runs.process import is_here, members
from engine.runs.state import State, run_state, run_status
from engine.visible import visible

PATIENCE = 5.0
"""Seconds that a killed run has to end by itself."""


def stop(run: RunFolder) -> None:
    """Ask the run to save a checkpoint at the step's end and to end; it can be resumed. Returns at once.

    Raises RunError if it is not alive, or its folder cannot be written.
    """
    _must_live(run)
    try:
        run.stop_request.touch()
    except OSError as error:
        raise RunError(
            f"the request to stop cannot be written: {error.strerror}", str(run.path), "kill the run instead"
        ) from error


def terminate(run: RunFolder) -> int:
    """Send SIGTERM to every process of the run; returns how many. The trainer takes it as a request to stop.

    The request is written down too, where that can be: of several processes, one that is sent SIGTERM by its launcher
    tells by it whether a person asked, or another process died.
    """
    with suppress(OSError):
        run.stop_request.touch()
    return _signal(run, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Killed:
    """How a run took being killed: whether it had to be `forced` (SIGKILL), and its last whole checkpoint."""

    forced: bool
    checkpoint: str | None


def kill(run: RunFolder, patience: float = PATIENCE) -> Killed:
    """End the run: SIGTERM to all its processes, and after `patience` seconds SIGKILL to those that are left.

    SIGTERM is a request to stop: what finishes its step and saves a checkpoint within `patience` loses nothing.
    Workers that outlived a dead leader are ended too. A run that did not live to say how it ended gets an end event
    that says it was killed. Raises RunError if none of its processes is alive, or they are on another machine, or
    cannot be ended.
    """
    manifest = run.manifest()
    living = members(manifest)
    if not living:
        if is_locked(run.path) and not is_here(manifest):
            raise RunError(f"its processes are on {visible(manifest.host or '?')}", str(run.path), "kill it there")
        _must_live(run)
    if patience > 0:
        terminate(run)
        _wait(lambda: not members(run.manifest()), patience)
    forced = _signal(run, signal.SIGKILL) > 0
    if not _wait(lambda: not members(run.manifest()), 10.0):
        left = ", ".join(str(process.pid) for process in members(run.manifest()))
        raise RunError(f"processes {left} of the run do not end", str(run.path), "they may hang in the GPU's driver")
    _record_kill(run)
    checkpoints = run.checkpoints()
    return Killed(forced, checkpoints[-1].name if checkpoints else None)


def clean_up(run: RunFolder, patience: float = PATIENCE) -> int:
    """End the processes that outlived the run's dead leader (`Status.workers`); returns how many there were.

    Raises RunError if there are none, or they cannot be ended.
    """
    workers = run_status(run).workers
    if not workers:
        raise RunError("no process outlived the one that leads the run", str(run.path), "stop or kill it if it lives")
    kill(run, patience)
    return len(workers)


def wait_until_over(run: RunFolder, timeout: float | None = None) -> bool:
    """Wait for the run to end by itself; False if it still lives after `timeout` seconds."""
    return _wait(lambda: not run_state(run).live, timeout)


def _must_live(run: RunFolder) -> None:
    state = run_state(run)
    if not state.live:
        raise RunError(
            f"the run is not alive: it has {state.value}", str(run.path), "`rm-workbench runs` lists what lives"
        )


def _signal(run: RunFolder, number: int) -> int:
    count = 0
    for process in members(run.manifest()):
        try:
            # psutil looks at the process's start time again, right before the signal.
            process.send_signal(number)
            count += 1
        except psutil.Error:
            continue
    return count


def _record_kill(run: RunFolder) -> None:
    try:
        # Its keeper may still be noting the end.
        lock = take_lock(run.path, patience=5.0)
    except RunError:
        return
    try:
        if run_state(run) is State.CRASHED:
            checkpoints = run.checkpoints()
            advice = f"resume it from {checkpoints[-1].name}" if checkpoints else ""
            with EventWriter(run.events) as events:
                events.write(End("stopped", "killed on request", advice))
            run.stop_request.unlink(missing_ok=True)
    finally:
        os.close(lock)


def _wait(condition: Callable[[], bool], timeout: float | None) -> bool:
    end = None if timeout is None else time.monotonic() + timeout
    while not condition():
        if end is not None and time.monotonic() >= end:
            return False
        time.sleep(0.05)
    return True
