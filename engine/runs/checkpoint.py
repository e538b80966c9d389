"""Checkpoints in a run's folder: which are whole, and which is the last."""

import json
import os
import shutil
from pathlib import Path

from engine.runs.error import RunError

STATE = "trainer_state.json"
"""The file that transformers writes last: a checkpoint without it, or with half of it, was cut off while saving."""


def whole_checkpoints(run_dir: Path) -> list[Path]:
    """The run's complete checkpoints, earliest step first."""
    return sorted((path for path in _all(run_dir) if is_whole(path)), key=_step)


def is_whole(checkpoint: Path) -> bool:
    """Whether a checkpoint was written to its end."""
    try:
        state = json.loads((checkpoint / STATE).read_text())
    except (OSError, ValueError):
        return False
    return isinstance(state, dict) and "global_step" in state


def flush(checkpoint: Path) -> None:
    """Let a checkpoint outlive the machine: return when its files are on the disk. OSErrors are the caller's."""
    for path in [*checkpoint.rglob("*"), checkpoint, checkpoint.parent]:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def discard_broken(run_dir: Path) -> list[Path]:
    """Remove checkpoints that were cut off while saving; returns what was removed."""
    broken = [path for path in _all(run_dir) if not is_whole(path)]
    for path in broken:
        shutil.rmtree(path, ignore_errors=True)
    return broken


def resume_point(run_dir: Path, wanted: str | None) -> Path | None:
    """The checkpoint to go on from: the run's own last one, else the one that the preset names, else None.

    Raises RunError where the named one is not there or not whole.
    """
    if own := whole_checkpoints(run_dir):
        return own[-1]
    if not wanted:
        return None
    named = Path(wanted).expanduser().resolve()
    if is_whole(named):
        return named
    raise RunError(
        "There is no complete checkpoint there." if named.exists() else "There is no such checkpoint.",
        str(named),
        "Name a checkpoint-N folder, or remove `resume_from_checkpoint`.",
    )


def _all(run_dir: Path) -> list[Path]:
    return [path for path in run_dir.glob("checkpoint-*") if path.is_dir() and path.name.split("-")[-1].isdigit()]


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.split("-")[-1])
