"""Reports of checks, kept between sessions: the same data, preset and programs give the same report."""

import os
import tempfile
from functools import cache
from pathlib import Path

import tokenizers
import transformers
from platformdirs import user_cache_path
from pydantic import TypeAdapter, ValidationError

from engine.inspector.messages import CheckReport
from engine.prepare import Opened
from engine.source.row import fingerprint_of

KEPT = 64
"""Reports kept, the most recently written ones."""

_REPORT: TypeAdapter[CheckReport] = TypeAdapter(CheckReport)
_ENGINE = Path(__file__).resolve().parent.parent


def report_key(opened: Opened) -> str | None:
    """What the report of `opened` depends on, as a digest: the data's fingerprints, the preset with all its values,
    the tokenizer's content, the templates, and the programs. None for a tokenizer whose content cannot be told.
    """
    backend = getattr(opened.tokenizer, "backend_tokenizer", None)
    if backend is None:
        return None
    return fingerprint_of(
        [source.source.fingerprint for source in opened.sources],
        [(source.format.name, getattr(source.encoder.template, "source", "")) for source in opened.sources],
        opened.loaded.preset.model_dump_json(),
        backend.to_str(),
        {name: str(token) for name, token in opened.tokenizer.special_tokens_map.items()},
        [transformers.__version__, tokenizers.__version__],
        _programs(),
    )


@cache
def _programs() -> str:
    """The identity of the engine's own files: a report never outlives the code that wrote it."""
    files = sorted(file for file in _ENGINE.rglob("*") if file.suffix in (".py", ".jinja"))
    return fingerprint_of([(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files])


def folder() -> Path:
    """Where reports are kept: `checks` in RM_WORKBENCH_CACHE, or in the user's cache."""
    chosen = os.environ.get("RM_WORKBENCH_CACHE")
    return (Path(chosen) if chosen else user_cache_path("rm-workbench")) / "checks"


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
