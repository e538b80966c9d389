"""Unsaved edits, kept in the state folder until they are saved or given up: no crash and no kill loses them.

A draft is one file for a preset and a process. Those of processes that live on are theirs alone.
"""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Draft:
    """The unsaved text of a preset's file; `time` is when it was kept, in Unix seconds.

    `saved_text` is what the file held when it was last read or written: whether it was changed since can be told.
    """

    path: str
    text: str
    time: float
    pid: int
    saved_text: str | None = None


def keep_draft(folder: Path, draft: Draft) -> None:
    """Write the draft, whole or not at all. Raises OSError."""
    file = _file(folder, draft.path, draft.pid)
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(json.dumps(asdict(draft)), encoding="utf-8")
    new.replace(file)


def drop_drafts(folder: Path, path: str, pid: int) -> None:
    """Forget the draft of this process for `path`, and those of processes that are gone."""
    for file in (folder / "drafts").glob(f"{_key(path)}-*.json"):
        owner = int(file.stem.rpartition("-")[2])
        if owner == pid or not _alive(owner):
            with suppress(OSError):
                file.unlink()


def find_drafts(folder: Path, pid: int) -> tuple[Draft, ...]:
    """The drafts of this process (`pid`) and of those that are gone: for each path the last one, latest first."""
    latest: dict[str, Draft] = {}
    for file in (folder / "drafts").glob("*.json"):
        try:
            draft = Draft(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            continue
        if draft.pid != pid and _alive(draft.pid):
            continue
        if draft.path not in latest or latest[draft.path].time < draft.time:
            latest[draft.path] = draft
    return tuple(sorted(latest.values(), key=lambda draft: -draft.time))


def _file(folder: Path, path: str, pid: int) -> Path:
    return folder / "drafts" / f"{_key(path)}-{pid}.json"


def _key(path: str) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
