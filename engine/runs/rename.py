"""Giving a run another name: its folder is renamed, and what names that folder follows."""

import json
import os
from pathlib import Path

from engine.runs.checkpoint import STATE
from engine.runs.error import RunError
from engine.runs.folder import RunFolder, check_name
from engine.runs.index import forget, remember
from engine.runs.lock import TIME_TO_END, take_lock
from engine.runs.manifest import update_manifest
from engine.runs.replace import replace_file
from engine.runs.state import run_status


def rename_run(run: RunFolder, name: str) -> RunFolder:
    """Rename the run and its folder; returns it under its new name.

    Its checkpoints' own record of where the best one lies follows, so that a resumed run finds it. Raises RunError if
    the run, or a worker it left behind, is alive, or the name is taken or unfit, or the folder cannot be renamed.
    """
    check_name(name)
    status = run_status(run)
    if status.state.live or status.workers:
        raise RunError("the run is alive", str(run.path), "rename it when it is over")
    new = RunFolder(run.path.with_name(name))
    lock = take_lock(run.path, TIME_TO_END)
    try:
        if new.path.exists():
            raise RunError(f"there is a {name} already", str(new.path), "choose another name")
        # First what fails in a folder that cannot be written, so that nothing is half renamed.
        update_manifest(run.path, name=name)
        try:
            run.path.rename(new.path)
        except OSError as error:
            update_manifest(run.path, name=run.name)
            raise RunError(
                f"the folder cannot be renamed: {error.strerror or error}", str(run.path), "check its owner and mode"
            ) from error
        forget(run.path)
        remember(new.path)
        for checkpoint in new.checkpoints():
            _follow_best(checkpoint / STATE, run.path, new.path)
    finally:
        os.close(lock)
    return new


def _follow_best(state: Path, old: Path, new: Path) -> None:
    value = json.loads(state.read_text(encoding="utf-8"))
    best = value.get("best_model_checkpoint")
    if isinstance(best, str) and Path(best).parent.name == old.name:
        replace_file(state, value | {"best_model_checkpoint": str(new / Path(best).name)})
