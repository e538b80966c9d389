"""The heartbeat of a run: a small file that its first process writes anew every few seconds, from a thread of its own.

It says two things apart: that the process lives and its threads run, and when its main thread last got on (an event,
a step, a batch). Times are of the monotonic clock, which all processes of a machine share and nobody sets, so a clock
that jumps stalls nobody; on another machine they mean nothing, and are not looked at.
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

FILE = "heartbeat"
SIZE = 1024
"""Bytes of the file: written over in place, so that a full disk does not stop it."""
SILENT = 60.0
"""Seconds without a beat after which a living process is called stalled."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One beat: of process `pid` of launch `launch_id`, at `at`, whose main thread last got on at `moved`.

    `limit` is how many seconds the main thread may take for what it does now; `place` says where in the code it was.
    """

    launch_id: str
    pid: int
    at: float
    moved: float
    limit: float
    place: str = ""


def encode_heartbeat(beat: Heartbeat) -> bytes:
    """The file's content: always SIZE bytes."""
    text = json.dumps(asdict(beat))
    if len(text) >= SIZE:
        text = json.dumps(asdict(beat) | {"place": ""})
    return text.ljust(SIZE - 1).encode() + b"\n"


def read_heartbeat(run_dir: Path) -> Heartbeat | None:
    """The last beat, None where there is none that can be read."""
    try:
        value: Any = json.loads((run_dir / FILE).read_bytes())
        return Heartbeat(**value)
    except (OSError, ValueError, TypeError):
        return None


def stalled(run_dir: Path, launch_id: str | None, now: float | None = None) -> str:
    """Why a run of this machine, whose process is alive, is stalled; "" where nothing says so.

    A run that has not begun to beat is not judged. `now` is for tests.
    """
    beat = read_heartbeat(run_dir)
    if beat is None or beat.launch_id != launch_id:
        return ""
    now = time.monotonic() if now is None else now
    try:
        status = psutil.Process(beat.pid).status()
    except psutil.Error:
        return ""
    if status in {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP}:
        return f"process {beat.pid} is suspended: `kill -CONT {beat.pid}` lets it go on"
    if now - beat.at > SILENT:
        waits = " (it waits for a disk or a driver)" if status == psutil.STATUS_DISK_SLEEP else ""
        return f"process {beat.pid} is alive, but has given no sign for {_duration(now - beat.at)}{waits}"
    if now - beat.moved > beat.limit:
        where = f", in {beat.place}" if beat.place else ""
        return f"it has not got on for {_duration(now - beat.moved)}{where}"
    return ""


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
