"""Removing a run, with everything in its folder."""

import os
import shutil

from engine.runs.error import RunError
from engine.runs.folder import RunFolder
from engine.runs.index import forget
from engine.runs.lock import TIME_TO_END, take_lock
from engine.runs.state import run_status


def remove_run(run: RunFolder) -> None:
    """Delete the run's folder. Raises RunError if the run, or a worker it left behind, is alive."""
    status = run_status(run)
    if status.state.live or status.workers:
        raise RunError("the run is alive", str(run.path), "stop or kill it first")
    lock = take_lock(run.path, TIME_TO_END)
    try:
        shutil.rmtree(run.path)
    except OSError as error:
        raise RunError(
            f"the folder cannot be removed: {error.strerror or error}", str(run.path), "check its owner and mode"
        ) from error
    finally:
        os.close(lock)
    forget(run.path)
