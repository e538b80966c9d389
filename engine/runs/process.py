"""The processes of a run: told apart from any other that later got the same number."""

import math
import os
import platform
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from engine.runs.manifest import Manifest

MARK = "RM_WORKBENCH_RUN"
"""The environment variable that carries a launch's id into every process it starts, in whatever session or group."""


def host() -> str:
    """The name of this machine, as manifests record it."""
    return platform.node()


def identity(pid: int) -> str | None:
    """What tells the living process `pid` from every other that had or will have this number; None if it is dead.

    Where there is /proc: the boot, and the clock tick of its start, which no change of the system's clock moves.
    Elsewhere the time of its start. A zombie is dead.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists():
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            # Field 22, counted after the process's name, which may itself hold spaces and brackets.
            return f"{boot}:{stat.read_text().rpartition(')')[2].split()[19]}"
        return f"{process.create_time():.2f}"
    except (psutil.Error, OSError, IndexError):
        return None


def is_here(manifest: Manifest) -> bool:
    """Whether the run was launched on this machine, so that its processes can be seen."""
    return manifest.host == host()


def start_time(pid: int) -> float | None:
    """When the process started, in Unix seconds; None if it is dead."""
    try:
        started: float = psutil.Process(pid).create_time()
        return started
    except psutil.Error:
        return None


def leader_alive(manifest: Manifest) -> bool:
    """Whether the process that leads the training is alive on this machine, and is that very process."""
    return is_here(manifest) and _is_alive(manifest.pid, manifest.process_identity)


def keeper_alive(manifest: Manifest) -> bool:
    """Whether the process that started the trainer and notes its end is alive on this machine."""
    return is_here(manifest) and _is_alive(manifest.keeper_pid, manifest.keeper_identity)


def _is_alive(pid: int | None, known: str | None) -> bool:
    return pid is not None and known is not None and identity(pid) == known


def members(manifest: Manifest) -> list[psutil.Process]:
    """Every living process of the run's last launch on this machine: the leader, and what it and they started.

    They are known by the mark in their environment, so that workers in sessions of their own (torch's elastic
    launcher makes them) are found, also after their leader died. The keeper is among them only where it is the last:
    while the run waits its turn, and for the moment in which it notes the end.
    """
    if not is_here(manifest) or manifest.launch_id is None:
        return []
    found: dict[int, psutil.Process] = {}
    if manifest.pid is not None and leader_alive(manifest):
        leader = psutil.Process(manifest.pid)
        found[leader.pid] = leader
        with suppress(psutil.Error):
            found |= {child.pid: child for child in leader.children(recursive=True)}
    found |= {process.pid: process for process in _marked().get(manifest.launch_id, ())}
    keeper = found.pop(manifest.keeper_pid, None) if manifest.keeper_pid is not None else None
    living = [process for process in found.values() if _lives(process)]
    return living or ([keeper] if keeper is not None and keeper_alive(manifest) else [])


def survivors(manifest: Manifest) -> tuple[int, ...]:
    """The numbers of the processes that are left of a launch whose leader is dead, least first.

    Looks at all processes of this user no more than once a second, however many dead runs are asked about.
    """
    global _look  # noqa: PLW0603
    if not is_here(manifest) or manifest.launch_id is None:
        return ()
    if time.monotonic() - _look.at > _LOOK_AGAIN or _look.time <= (manifest.launched or math.inf):
        _look = _Look(time.monotonic(), time.time(), frozenset(_marked()))
    if manifest.launch_id not in _look.launches:
        return ()
    return tuple(sorted(process.pid for process in members(manifest)))


_LOOK_AGAIN = 1.0


class _Look(NamedTuple):
    """When it was looked, by the monotonic clock and by the system's, and the launches that had living processes."""

    at: float
    time: float
    launches: frozenset[str]


_look = _Look(-math.inf, -math.inf, frozenset())


def _marked() -> dict[str, list[psutil.Process]]:
    """The processes of this user that carry a launch's mark, by launch."""
    mine = os.getuid()
    found: dict[str, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        try:
            mark = process.environ().get(MARK) if process.uids().real == mine else None
        except (psutil.Error, OSError):
            continue
        if mark:
            found.setdefault(mark, []).append(process)
    return found


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
