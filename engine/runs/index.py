"""Where the runs are: an index in the user's state folder, one small file a run, beside the `./runs` of this folder."""

import hashlib
import logging
import os
from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_path

LOG = logging.getLogger(__name__)
STATE_FOLDER = "RM_WORKBENCH_STATE"
"""The environment variable that moves the folder in which state is kept."""


def remember(run_dir: Path) -> None:
    """Note that there is a run in `run_dir`. An index that cannot be written costs a warning, never the run."""
    path = run_dir.resolve()
    entry = _entry(path)
    temporary = entry.with_suffix(f".{os.getpid()}")
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(os.fsencode(path))
        temporary.replace(entry)
    except OSError as error:
        LOG.warning("the run is not in the index (%s): list it from its own folder", error)


def forget(run_dir: Path) -> None:
    """Drop the run from the index."""
    with suppress(OSError):
        _entry(run_dir.resolve()).unlink()


def known_run_folders() -> list[Path]:
    """The folders of every run that is in the index or in `./runs` and still there, each once."""
    found: dict[Path, None] = {}
    for path in [*_indexed(), *_beneath(Path("runs").absolute())]:
        with suppress(OSError):
            if (path / "run.json").is_file():
                found[path.resolve()] = None
    return list(found)


def _indexed() -> list[Path]:
    paths = []
    for entry in _beneath(_folder()):
        with suppress(OSError, ValueError):
            if entry.suffix == ".run":
                paths.append(Path(os.fsdecode(entry.read_bytes())))
    return paths


def _beneath(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _entry(path: Path) -> Path:
    return _folder() / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:24]}.run"


def state_folder() -> Path:
    """Where state is kept: RM_WORKBENCH_STATE, or the platform's own place for it."""
    moved = os.environ.get(STATE_FOLDER)
    return Path(moved) if moved else user_state_path("rm-workbench")


def _folder() -> Path:
    return state_folder() / "runs"
