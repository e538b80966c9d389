"""What a path that is being typed may go on to: the files and folders that fit it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path

MOST = 500
"""Entries looked at; a folder of a million files must not stop the screen."""


@dataclass(frozen=True, slots=True)
class PathEntry:
    """A file or folder that fits. `text` is the path as it would be typed, with `/` after a folder."""

    text: str
    is_folder: bool
    size: int = 0
    modified: float = 0.0

    @property
    def name(self) -> str:
        """The last part, with `/` after a folder."""
        return self.text.rstrip("/").rpartition("/")[2] + ("/" if self.is_folder else "")


def path_entries(typed: str, here: Path, endings: Sequence[str] = ()) -> tuple[PathEntry, ...]:
    """The entries of the folder that `typed` names (relative to `here`, `~` allowed) whose names fit its last part.

    Those that begin with it come before those that hold it, folders before files. `endings` (such as `.yaml`) narrows
    files, not folders. What begins with a dot is there when the dot is typed. Nothing where the folder cannot be read.
    """
    head, slash, part = typed.rpartition("/")
    prefix = head + slash
    wanted = part.lower()
    try:
        folder = here / Path(prefix).expanduser()
        with os.scandir(folder) as listing:
            found = list(islice((entry for entry in listing if _fits(entry, wanted, endings)), MOST))
    except (OSError, RuntimeError, ValueError):
        return ()
    entries = [_entry(prefix, entry) for entry in found]
    return tuple(
        sorted(
            entries,
            key=lambda entry: (not entry.name.lower().startswith(wanted), not entry.is_folder, entry.name.lower()),
        )
    )


def _fits(entry: "os.DirEntry[str]", wanted: str, endings: Sequence[str]) -> bool:
    name = entry.name.lower()
    if wanted not in name or (name.startswith(".") and not wanted.startswith(".")):
        return False
    return not endings or name.endswith(tuple(endings)) or _is_folder(entry)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _entry(prefix: str, entry: "os.DirEntry[str]") -> PathEntry:
    try:
        status = entry.stat()
        size, modified = status.st_size, status.st_mtime
    except OSError:
        size, modified = 0, 0.0
    folder = _is_folder(entry)
    return PathEntry(f"{prefix}{entry.name}{'/' if folder else ''}", folder, size, modified)


def common_beginning(entries: Sequence[PathEntry], typed: str) -> str:
    """The longest text that all entries which begin as `typed` does begin with; `typed` where that adds nothing."""
    fitting = [entry.text for entry in entries if entry.text.lower().startswith(typed.lower())]
    alike = takewhile(lambda characters: len(set(characters)) == 1, zip(*fitting, strict=False))
    common = "".join(characters[0] for characters in alike)
    return common if len(common) > len(typed) else typed


def folder_above(typed: str) -> str:
    """The folder above the one that `typed` names or is in, as it would be typed."""
    folder = typed.rpartition("/")[0] + "/" if "/" in typed else ""
    if not folder or folder.endswith("../"):
        return f"{folder}../"
    if folder == "~/":
        return f"{Path.home().parent}/"
    above = folder.rstrip("/").rpartition("/")[0]
    return f"{above}/" if above or folder.startswith("/") else ""
