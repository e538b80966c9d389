"""Checkpoints in a run's folder: which are whole, which are damaged, and which is the last."""

import json
import os
import shutil
from pathlib import Path

from engine.runs.error import RunError

STATE = "trainer_state.json"
"""The file that is written last: a checkpoint without it, or with half of it, was cut off while saving."""

FILES = "files.json"
"""What else belongs to a checkpoint: the size of each file, by its path. Checkpoints of other trainers have none."""

MODEL_PART = "model.part"
"""The trained model while it is being saved."""


def whole_checkpoints(run_dir: Path) -> list[Path]:
    """The run's complete checkpoints, earliest step first."""
    return [path for path in sealed_checkpoints(run_dir) if not damage(path)]


def sealed_checkpoints(run_dir: Path) -> list[Path]:
    """The run's checkpoints that were written to their end, damaged ones among them, earliest step first."""
    return sorted((path for path in _all(run_dir) if _has_state(path)), key=_step)


def damage(checkpoint: Path) -> str:
    """What has become of the checkpoint's files since they were written, in words; empty if nothing has."""
    try:
        listed = json.loads((checkpoint / FILES).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ""
    except (OSError, ValueError):
        return f"{FILES} cannot be read"
    for name, size in listed.items() if isinstance(listed, dict) else ():
        try:
            found = (checkpoint / name).stat().st_size
        except OSError:
            return f"{name} is missing"
        if found != size:
            return f"{name} has {found} bytes of {size}"
    return ""


def seal(checkpoint: Path) -> None:
    """Write down what the checkpoint consists of, and return when all of it is on the disk: only its state may follow.

    OSErrors are the caller's.
    """
    found = {path.relative_to(checkpoint).as_posix(): path.stat().st_size for path in _files(checkpoint)}
    # Not what an earlier life left here, which is about to be written anew.
    found = {name: size for name, size in found.items() if name not in (STATE, FILES)}
    (checkpoint / FILES).write_text(json.dumps(found), encoding="utf-8")
    flush(checkpoint)


def unseal(checkpoint: Path) -> None:
    """Let a folder that is about to be saved into, or removed, pass for no checkpoint."""
    (checkpoint / STATE).unlink(missing_ok=True)


def flush(checkpoint: Path) -> None:
    """Let a checkpoint outlive the machine: return when its files are on the disk. OSErrors are the caller's."""
    for path in [*checkpoint.rglob("*"), checkpoint, checkpoint.parent]:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def discard_broken(run_dir: Path) -> list[Path]:
    """Remove what was cut off while saving: checkpoints, and the model; returns what was removed."""
    broken = [path for path in _all(run_dir) if not _has_state(path)]
    if (part := run_dir / MODEL_PART).is_dir():
        broken.append(part)
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
    advice = "Name a checkpoint-N folder, or remove `resume_from_checkpoint`."
    if not named.exists():
        raise RunError("There is no such checkpoint.", str(named), advice)
    if not _has_state(named):
        raise RunError("There is no complete checkpoint there.", str(named), advice)
    if damaged := damage(named):
        raise RunError(f"This checkpoint is damaged: {damaged}.", str(named), advice)
    return named


def _all(run_dir: Path) -> list[Path]:
    return [path for path in run_dir.glob("checkpoint-*") if path.is_dir() and path.name.split("-")[-1].isdigit()]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _has_state(checkpoint: Path) -> bool:
    try:
        state = json.loads((checkpoint / STATE).read_text())
    except (OSError, ValueError):
        return False
    return isinstance(state, dict) and "global_step" in state


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.split("-")[-1])
