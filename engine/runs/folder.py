"""A run's folder: what lies in it, and how it comes to be."""

import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from engine.preset.load import LoadedPreset
from engine.runs.checkpoint import whole_checkpoints
from engine.runs.error import RunError
from engine.runs.index import remember
from engine.runs.manifest import Manifest, read_manifest, write_manifest
from engine.runs.portable import portable_preset
from engine.visible import visible

DEFAULT_PARENT = "runs"
_ROOM = 64 << 20
_NAME = re.compile(r"[^\W_][\w.+=@-]{0,99}")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run. It need not exist; its name is the run's."""

    path: Path

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.name

    @property
    def preset(self) -> Path:
        """The resolved preset."""
        return self.path / "preset.yaml"

    @property
    def events(self) -> Path:
        """The run's events, one a line."""
        return self.path / "events.jsonl"

    @property
    def log(self) -> Path:
        """What the trainer's processes wrote to stdout and stderr."""
        return self.path / "train.log"

    @property
    def stop_request(self) -> Path:
        """The file whose existence asks the trainer to save a checkpoint at the step's end and to end."""
        return self.path / "stop"

    @property
    def model(self) -> Path:
        """The trained model, there once the run has finished."""
        return self.path / "model"

    def exists(self) -> bool:
        """Whether there is a run here."""
        return (self.path / "run.json").is_file()

    def manifest(self) -> Manifest:
        """The run's manifest. Raises RunError where it cannot be read."""
        return read_manifest(self.path)

    def checkpoints(self) -> list[Path]:
        """The checkpoints that were written to their end, earliest step first."""
        return whole_checkpoints(self.path)


def create_run(loaded: LoadedPreset, name: str | None = None) -> RunFolder:
    """Make the folder of a new run, with its resolved preset and its manifest.

    It lies in the preset's `output_dir`, else in `./runs`. Without a `name` it is called after the preset, with the
    first number that is free; two apps that create runs at once get two. Raises RunError where the name is taken or
    unfit, or the folder cannot be written, or the disk is full.
    """
    parent = Path(loaded.preset.output_dir or DEFAULT_PARENT).expanduser().absolute()
    if name is not None:
        check_name(name)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(parent).free
    except OSError as error:
        raise _unwritable(parent, error) from error
    if free < _ROOM:
        raise RunError(
            f"no room for a run: {free / 2**20:.0f} MiB are free",
            str(parent),
            "free some space, or set `output_dir` to a folder on another disk",
        )
    run = RunFolder(_claim(parent, loaded.name, name))
    manifest = Manifest(
        name=run.name,
        preset=loaded.name,
        preset_path=str(loaded.path.absolute()),
        base=str(loaded.path.absolute().parent),
        directory=str(Path.cwd()),
        model_kind=loaded.preset.model_kind,
        created=time.time(),
    )
    try:
        run.preset.write_text(portable_preset(loaded), encoding="utf-8", errors="surrogatepass")
        write_manifest(run.path, manifest)
    except (OSError, RunError) as error:
        shutil.rmtree(run.path, ignore_errors=True)
        raise error if isinstance(error, RunError) else _unwritable(run.path, error) from error
    remember(run.path)
    return run


def _claim(parent: Path, stem: str, name: str | None) -> Path:
    number = 0
    while True:
        number += 1
        path = parent / (name or f"{_NAME_SAFE.sub('-', stem).lstrip('-._') or 'run'}-{number}")
        try:
            path.mkdir()
            return path
        except FileExistsError as error:
            if name is not None:
                raise RunError(
                    f"there is a run called {name} already", str(path), "choose another --name, or remove that run"
                ) from error
        except OSError as error:
            raise _unwritable(parent, error) from error


_NAME_SAFE = re.compile(r"[^\w.+=@-]+")


def check_name(name: str) -> None:
    """Raise RunError unless `name` can be the name of a run, and so of a folder."""
    if not _NAME.fullmatch(name):
        raise RunError(
            f"{visible(name)[:120]!r} cannot name a run",
            advice="use up to 100 letters, digits and . _ - + = @, beginning with a letter or digit",
        )


def _unwritable(path: Path, error: OSError) -> RunError:
    return RunError(
        f"a run's folder cannot be made: {error.strerror or error}",
        str(path),
        "make the folder writable, free some space, or set `output_dir` to another folder",
    )
