"""A run's manifest, `run.json`: what it is, and the process that trains it."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.runs.error import RunError
from engine.runs.replace import replace_file

FILE = "run.json"


class Manifest(BaseModel):
    """What a run is, and who trains it. Keys of a newer version are kept as they are.

    `base` is the folder that the preset's relative paths were relative to, `directory` the current folder when the
    run was created, where it is launched again. The process of the last launch is told apart from any other by
    `host`, `pid` and `process_identity` (engine/runs/process.py); every process of that launch carries `launch_id`
    in its environment. `pid` is the trainer's, or that of the `accelerate launch` that leads several; it is None while
    the run waits its turn. `keeper_pid` is the process that started it and notes its end: `exit_code`, negative where
    a signal ended it, and `memory_kills`, how many processes the kernel killed for lack of memory meanwhile. Times are
    Unix seconds. `digest` and `ledger` are what the trainer found it was fed.

    The run takes `devices`; where it is `queued`, it waits until nobody else holds them. It comes after the runs whose
    folders are in `after`.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    version: int = 1
    name: str
    preset: str = ""
    preset_path: str = ""
    base: str = ""
    directory: str = ""
    model_kind: Literal["pair", "steps"] = "pair"
    created: float = 0.0
    launches: int = 0
    launch_id: str | None = None
    launched: float | None = None
    host: str | None = None
    pid: int | None = None
    pgid: int | None = None
    process_start_time: float | None = None
    process_identity: str | None = None
    argv: tuple[str, ...] = ()
    keeper_pid: int | None = None
    keeper_identity: str | None = None
    devices: tuple[str, ...] = ()
    queued: bool = False
    after: tuple[str, ...] = ()
    exit_code: int | None = None
    memory_kills: int | None = None
    resumed_from: str | None = None
    versions: dict[str, str] = {}
    digest: str | None = None
    ledger: dict[str, Any] | None = None


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the run in `folder`. Raises RunError where there is none, or none that can be read."""
    try:
        return Manifest.model_validate_json((folder / FILE).read_bytes())
    except FileNotFoundError as error:
        raise RunError("no run here: it has no run.json", str(folder), "`rm-workbench runs` lists the runs") from error
    except OSError as error:
        raise RunError(f"run.json cannot be read: {error.strerror}", str(folder), "check its owner and mode") from error
    except ValidationError as error:
        raise RunError("run.json is damaged", str(folder), "its events, log and checkpoints are still there") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest in one step. Raises RunError where the folder cannot be written."""
    replace_file(folder / FILE, manifest.model_dump(mode="json"))


def update_manifest(folder: Path, **changes: Any) -> Manifest:
    """Change some keys of the manifest and leave the others, whoever else is changing it; returns the new one."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Where the file system has no locks, two who write at the very same moment are not kept apart.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        manifest = Manifest.model_validate(read_manifest(folder).model_dump() | changes)
        write_manifest(folder, manifest)
        return manifest
    finally:
        os.close(descriptor)
