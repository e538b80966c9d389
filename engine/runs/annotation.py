"""What people say about a run: tags, a note, and whether it is put away. Kept in the run's folder as `notes.json`."""

import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from engine.runs.error import RunError
from engine.runs.folder import RunFolder
from engine.runs.replace import replace_file
from engine.runs.state import run_state
from engine.visible import visible

FILE = "notes.json"
LONGEST_NOTE = 20_000
"""Characters that a note may have."""
_LONGEST_TAG = 50


@dataclass(frozen=True, slots=True)
class Annotation:
    """What people say about a run. `tags` are sorted, each once; an archived run is left out of lists."""

    tags: tuple[str, ...] = ()
    note: str = ""
    archived: bool = False


_ADAPTER = TypeAdapter(Annotation)


def read_annotation(run: RunFolder) -> Annotation:
    """What is said about the run; nothing where nobody has said anything, or the file is damaged."""
    try:
        return _ADAPTER.validate_json((run.path / FILE).read_bytes())
    except (OSError, ValidationError):
        return Annotation()


def tag(run: RunFolder, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Annotation:
    """Add tags to the run, and take others from it; returns what is said about it then.

    Raises RunError where a tag is empty, longer than 50 characters, has a comma or white space, or cannot be written.
    """
    added = {_checked_tag(text) for text in add}
    removed = {text.strip().removeprefix("#") for text in remove}
    return _change(run, lambda old: {"tags": tuple(sorted((set(old.tags) | added) - removed))})


def set_note(run: RunFolder, text: str) -> Annotation:
    """Replace the run's note; "" takes it away. Raises RunError where it is too long, or cannot be written."""
    if len(text) > LONGEST_NOTE:
        raise RunError(f"the note has {len(text)} characters", str(run.path), f"keep it within {LONGEST_NOTE}")
    return _change(run, lambda _: {"note": text.strip()})


def archive(run: RunFolder) -> Annotation:
    """Leave the run out of lists from now on; nothing in its folder is touched. Raises RunError if it is alive."""
    if run_state(run).live:
        raise RunError("the run is alive", str(run.path), "archive it when it is over")
    return _change(run, lambda _: {"archived": True})


def unarchive(run: RunFolder) -> Annotation:
    """Let lists have the run again. Raises RunError where that cannot be written."""
    return _change(run, lambda _: {"archived": False})


def _change(run: RunFolder, changes: Any) -> Annotation:
    """Change some of it and leave the rest, whoever else is changing it."""
    try:
        descriptor = os.open(run.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise RunError(f"the run's folder cannot be opened: {error.strerror}", str(run.path)) from error
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        old = read_annotation(run)
        new = replace(old, **changes(old))
        if new != old:
            replace_file(run.path / FILE, asdict(new))
        return new
    finally:
        os.close(descriptor)


def _checked_tag(text: str) -> str:
    tag = text.strip().removeprefix("#")
    if not tag or len(tag) > _LONGEST_TAG or any(c.isspace() or c == "," or not c.isprintable() for c in tag):
        raise RunError(
            f"{visible(text)[:120]!r} cannot be a tag",
            advice=f"a tag is one word of up to {_LONGEST_TAG} characters, without commas",
        )
    return tag
