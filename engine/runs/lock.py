"""The lock of a run, held by every process that trains it, for as long as it lives.

A freed lock is how a reader knows that nobody trains any more: the kernel frees it however the process ended. It is
an `flock` on the file `lock` in the run's folder: shared among the processes of one launch, exclusive against any
other launch.
"""

import fcntl
import os
import time
from pathlib import Path

from engine.runs.error import RunError
from engine.runs.rank import process_count

FILE = "lock"
INHERITED = "RM_WORKBENCH_LOCK"
"""The environment variable in which a launched process finds the descriptor that holds the lock since its birth."""
TIME_TO_END = 20.0
"""Seconds that a trainer may take from its end event to its end: it frees memory, and closes trackers."""


def hold_lock(run_dir: Path) -> int:
    """Hold the run's lock from now until this process ends; returns the descriptor, which is not to be closed.

    The trainer calls this first, in each of its processes. A launched trainer has the lock already, as a descriptor
    inherited from `launch`; the further processes of `accelerate launch` share it; a trainer that was started by hand
    takes it. Raises RunError if another trainer holds it.
    """
    path = run_dir / FILE
    inherited = _inherited(path)
    if inherited is not None:
        os.set_inheritable(inherited, False)
        return inherited
    descriptor = _open(path)
    by_hand = INHERITED not in os.environ and process_count() == 1
    if (by_hand and not _flock(descriptor, fcntl.LOCK_EX)) or not _flock(descriptor, fcntl.LOCK_SH):
        os.close(descriptor)
        raise _taken(run_dir)
    return descriptor


def take_lock(run_dir: Path, patience: float = 0.5) -> int:
    """Take the run's lock against everyone else, to hand it to the process about to be launched, or to remove the run.

    `patience` is how many seconds to wait for it: a trainer that has written its end event still takes a moment to
    end. Returns the descriptor; closing it gives the lock back, unless a child has inherited it. Raises RunError if
    the run is alive.
    """
    descriptor = _open(run_dir / FILE)
    # Turning an exclusive lock into a shared one is not atomic: whoever got in between is noticed by the second call.
    if not _flock(descriptor, fcntl.LOCK_EX, patience) or not _flock(descriptor, fcntl.LOCK_SH):
        os.close(descriptor)
        raise _taken(run_dir)
    return descriptor


def is_locked(run_dir: Path) -> bool:
    """Whether some process holds the run's lock; True where the file system has no locks, and cannot tell."""
    try:
        descriptor = os.open(run_dir / FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _flock(descriptor, fcntl.LOCK_EX, patience=0.01, without_locks=False)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise RunError(
            f"the run's lock cannot be opened: {error.strerror}", str(path), "the folder must be there and writable"
        ) from error


def _flock(descriptor: int, kind: int, patience: float = 0.5, without_locks: bool = True) -> bool:
    """Lock, waiting for no more than `patience` seconds: someone may just be looking whether the lock is free.

    On a file system without locks (some clusters' are mounted so) the answer is `without_locks`: a run must not be
    refused there, and its process is still known by its number and its birth.
    """
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.002)
        except OSError:
            return without_locks


def _inherited(path: Path) -> int | None:
    try:
        descriptor = int(os.environ.get(INHERITED, ""))
        there, here = os.fstat(descriptor), path.stat()
    except (ValueError, OSError, OverflowError):
        return None
    return descriptor if (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino) else None


def _taken(run_dir: Path) -> RunError:
    return RunError("this run is being trained already", str(run_dir), "watch it, or stop it first")
