"""Reports of checks, kept between sessions: the same data, preset and programs give the same report."""

import os
import tempfile
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from engine.identity import cache_folder
from engine.inspector.check_messages import CheckReport
from engine.prepare.opened import Opened
from engine.prepare.sets import set_key
from engine.source.row import fingerprint_of

KEPT = 64
"""Reports kept, the most recently written ones."""

_REPORT: TypeAdapter[CheckReport] = TypeAdapter(CheckReport)


def report_key(opened: Opened) -> str | None:
    """What the report of `opened` depends on, as a digest: both encoded sets, and the preset with all its values.

    None where an encoded set cannot be told from others.
    """
    sets = [set_key(opened, "train"), set_key(opened, "eval")]
    return None if None in sets else fingerprint_of(sets, opened.loaded.preset.model_dump_json())


def folder() -> Path:
    """Where reports are kept."""
    return cache_folder("checks")


def recall(key: str) -> CheckReport | None:
    """The report kept under `key`; None if there is none, or none that can be read."""
    try:
        return _REPORT.validate_json((folder() / f"{key}.json").read_bytes())
    except (OSError, ValidationError):
        return None


def remember(key: str, report: CheckReport) -> None:
    """Keep `report` under `key`, and forget the oldest beyond `KEPT`. A cache that cannot be written is none."""
    place = folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(_REPORT.dump_json(report))
        Path(name).replace(place / f"{key}.json")
        by_age = sorted(place.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in by_age[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError:
        return
