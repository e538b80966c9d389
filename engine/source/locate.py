"""Where a preset's `path` points: a file or folder here, or a data set on the hub."""

import difflib
from collections.abc import Iterable
from pathlib import Path

from engine.hub import is_hub_id
from engine.source.file import KINDS
from engine.source.row import SourceError

_DATA_ENDINGS = {*KINDS, ".gz", ".txt", ".zip", ".zst", ".xlsx", ".yaml", ".yml"}


def find_local(path: str, base: Path) -> Path | None:
    """The existing file or folder that `path` names: from the current folder, else from `base`, the preset's."""
    given = Path(path).expanduser()
    for candidate in (given, base / given):
        try:
            if candidate.exists():
                return candidate
        except OSError:  # a name too long, a folder that may not be entered
            continue
    return None


def looks_local(path: str) -> bool:
    """Whether `path` can only be meant as a path: it is then never sent to the hub."""
    if path.startswith((".", "/", "~")) or "\\" in path or path.endswith("/"):
        return True
    return Path(path).suffix.lower() in _DATA_ENDINGS or not is_hub_id(path)


def missing(path: str, base: Path) -> SourceError:
    """The error for a path that is not there, with the nearest name that is."""
    given = Path(path).expanduser()
    tried = dict.fromkeys(str(folder) for folder in (given.absolute().parent, (base / given).absolute().parent))
    for folder in tried:
        near = nearest(given.name, _names_in(Path(folder)))
        if near:
            return SourceError("no such file or folder", path, f"Did you mean {given.parent / near}?")
    return SourceError("no such file or folder", path, f"Looked in {' and '.join(tried)}.")


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that is most like `name`, or None if none is like it."""
    matches = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return matches[0] if matches else None


def _names_in(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except OSError:
        return []
