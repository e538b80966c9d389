"""Taking turns: runs that want the same device, and runs that are to come after others.

A run holds a shared `flock` on a file of each device it takes, in each of its processes, for as long as it lives. One
that waits its turn asks for the exclusive lock, which the kernel gives when all the others are gone, however they
ended, and then shares it again. A second file a device, the door, is held by the first of those who wait: the kernel
lets the others in one by one, in about the order in which they came. Nobody polls, and nothing is left behind by who
dies.
"""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from engine.runs.index import state_folder

HELD = "RM_WORKBENCH_DEVICES"
"""The environment variable that names the files of the devices of a run to each of its processes."""


def device_files(devices: Sequence[str]) -> list[Path]:
    """The files of these devices of this machine, in the order in which everybody locks them."""
    folder = state_folder() / "devices" / (os.uname().nodename or "here")
    return [folder / device for device in sorted(set(devices))]


def wait_for_runs(folders: Sequence[Path]) -> None:
    """Return when no process of these runs is alive. Without locks on the file system, at once."""
    for folder in folders:
        try:
            descriptor = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            continue
        finally:
            os.close(descriptor)


def take_devices(files: Sequence[Path], wait: bool) -> list[int]:
    """Hold the devices until the returned descriptors are closed; with `wait`, first until nobody else holds them.

    Where the state folder cannot be written, or has no locks, nothing is held, and nobody waits.
    """
    held: list[int] = []
    for file in files:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            continue
        held.append(descriptor)
        try:
            if wait:
                with file.with_suffix(".door").open("ab") as door:
                    fcntl.flock(door, fcntl.LOCK_EX)
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                    fcntl.flock(descriptor, fcntl.LOCK_SH)
            else:
                fcntl.flock(descriptor, fcntl.LOCK_SH)
        except OSError:
            continue
    return held


def hold_devices() -> list[int]:
    """Hold the devices that the run took, also in this process; for as long as it lives, if nobody closes them."""
    return take_devices([Path(name) for name in os.environ.get(HELD, "").split(os.pathsep) if name], wait=False)
