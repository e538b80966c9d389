"""`--set key=value`: values that replace those of the file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.preset.document import Document, Location, Place, read_value
from engine.preset.problem import PresetError, Problem


def apply_overrides(document: Document, overrides: Sequence[str]) -> None:
    """Put each `key=value` into the document; keys are dotted (`datasets.0.path`), values are YAML.

    Raises PresetError for an override that is not one. Whether its key exists is the schema's to say.
    """
    for override in overrides:
        path = Path(f"--set {override}")
        key, equals, text = override.partition("=")
        parts: Location = tuple(int(part) if part.isdecimal() else part for part in key.strip().split("."))
        if not equals or not all(part != "" for part in parts):
            message = "expected KEY=VALUE, such as `learning_rate=1e-5` or `datasets.0.path=rows.jsonl`"
            raise PresetError([Problem(path, 0, 0, message)])
        value = read_value(text, path)
        _put(document.data, parts, value, path)
        for place in [place for place in document.places if place[: len(parts)] == parts]:
            del document.places[place]
        for depth in range(1, len(parts)):
            document.places.setdefault(parts[:depth], Place((0, 0), (0, 0), override))
        document.places[parts] = Place((0, 0), (0, 0), override)


def _put(data: Any, parts: Location, value: Any, path: Path) -> None:
    """Set the value at `parts`, making the mappings and lists on the way; a list grows by one entry at most."""
    here = data
    for position, part in enumerate(parts):
        last = position == len(parts) - 1
        empty: Any = None if last else [] if isinstance(parts[position + 1], int) else {}
        if isinstance(here, list) and isinstance(part, int) and part <= len(here):
            if part == len(here):
                here.append(empty)
        elif not isinstance(here, dict) or isinstance(part, int):
            parent = ".".join(map(str, parts[:position])) or "the preset"
            what = f"{parent} has {len(here)} of them, counted from 0" if isinstance(here, list) else ""
            raise PresetError([Problem(path, 0, 0, what or f"{parent} has nothing named `{part}`")])
        if last:
            here[part] = value
        else:
            if (here.get(part) if isinstance(here, dict) else here[part]) is None:
                here[part] = empty
            here = here[part]
