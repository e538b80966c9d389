"""Replacing a small file in one step: a reader sees the old one or the new one, also after a power cut."""

import json
import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.runs.error import RunError


def replace_file(path: Path, value: Any) -> None:
    """Make `value` the JSON in `path`. Raises RunError where the folder cannot be written; the old file then stays."""
    data = json.dumps(value, indent=2).encode() + b"\n"
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise RunError(
            f"{path.name} cannot be written: {error.strerror}",
            str(path.parent),
            "free some space, or make the folder writable",
        ) from error
