"""Presets as files: read into a session, written back; what ships with the product is never written to."""

import os
from pathlib import Path

from engine.error import EngineError
from engine.preset.names import find_preset, preset_folders
from engine.preset.problem import PresetError, Problem
from workbench.session import Session

PRESET_ENDINGS = (".yaml", ".yml")
LARGEST = 2_000_000
"""Bytes beyond which a file is no preset."""


def read_preset(name_or_path: str) -> Session:
    """The session on a preset's file, valid or not: an invalid one is opened to be mended.

    Raises PresetError where there is no such file, or it cannot be read as text.
    """
    path = Path(os.path.abspath(find_preset(name_or_path)))  # noqa: PTH100 (a symlink keeps its own name)
    try:
        raw = path.read_bytes()
        text = _one_newline(raw.decode("utf-8-sig"))
    except OSError as error:
        raise PresetError([Problem(path, 0, 0, f"cannot be read: {error.strerror or error}")]) from error
    except UnicodeDecodeError as error:
        raise PresetError([Problem(path, 0, 0, "not UTF-8 text: save the file as UTF-8")]) from error
    if len(raw) > LARGEST:
        raise PresetError([Problem(path, 0, 0, f"{len(raw)} bytes: this is no preset")])
    return Session(path, text, text, built_in=is_built_in(path))


def read_text(path: Path) -> str | None:
    """The text of a file as `read_preset` reads it; None where it cannot be read."""
    try:
        return _one_newline(path.read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        return None


def copy_target(path: Path, *, free: bool = False) -> Path:
    """Where a built-in preset is copied to: its name in the current folder, or (`free`) a name not taken there."""
    target = Path.cwd() / path.name
    return free_path(target) if free else target


def free_path(path: Path) -> Path:
    """`path`, or the first of `NAME-2`, `NAME-3` … beside it that is not taken."""
    free, number = path, 2
    while free.exists():
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return free


def is_built_in(path: Path) -> bool:
    """Whether the file ships with the product."""
    return any(origin == "built in" and path.resolve().parent == folder for origin, folder in preset_folders())


def write_preset(path: Path, text: str) -> None:
    """Write a preset's file, whole or not at all. Raises EngineError, which says what to do."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with new.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
        if path.exists():
            new.chmod(path.stat().st_mode & 0o777)
        new.replace(path.resolve() if path.is_symlink() else path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise EngineError(
            f"The preset cannot be saved: {error.strerror or error}", str(path), "Save it elsewhere: F3."
        ) from error


def _one_newline(text: str) -> str:
    """`text` with one kind of line end, as the editor keeps it: CRLF where every line has it, else LF."""
    crlf = text.count("\r\n")
    if crlf and crlf == text.count("\n") == text.count("\r"):
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n")
