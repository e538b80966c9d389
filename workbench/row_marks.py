"""Rows that a person marked: kept with the data, in the state folder, one file a source."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from engine.inspector.messages import SourceDescription

Place = tuple[int, int]
"""Data set (position in the preset) and row."""


class Marks:
    """The marked rows of a preset's data sets.

    A file is named by its source's fingerprint: other presets on the same data find the marks, and data that changed
    has none.
    """

    def __init__(self, folder: Path, sources: tuple[SourceDescription, ...]) -> None:
        self._folder = folder
        self._sources = {number: source for number, source in enumerate(sources) if source.fingerprint}
        self._rows = {number: self._load(source) for number, source in self._sources.items()}

    @property
    def places(self) -> frozenset[Place]:
        """All that are marked."""
        return frozenset((dataset, row) for dataset, rows in self._rows.items() for row in rows)

    def __contains__(self, place: object) -> bool:
        return isinstance(place, tuple) and len(place) == 2 and place[1] in self._rows.get(place[0], ())

    def toggle(self, place: Place) -> bool:
        """Mark a row, or unmark it; True: it is marked now. Raises OSError where that cannot be kept."""
        dataset, row = place
        rows = self._rows.setdefault(dataset, set())
        rows.symmetric_difference_update({row})
        if dataset in self._sources:
            self._save(self._sources[dataset], rows)
        return row in rows

    def _load(self, source: SourceDescription) -> set[int]:
        with suppress(OSError, ValueError):
            kept = json.loads(self._file(source).read_text(encoding="utf-8"))
            if isinstance(kept, Mapping) and isinstance(kept.get("rows"), list):
                return {row for row in kept["rows"] if isinstance(row, int)}
        return set()

    def _save(self, source: SourceDescription, rows: set[int]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        new = self._folder / f"{source.fingerprint}.{os.getpid()}"
        new.write_text(json.dumps({"path": source.path, "rows": sorted(rows)}), encoding="utf-8")
        new.replace(self._file(source))

    def _file(self, source: SourceDescription) -> Path:
        return self._folder / f"{source.fingerprint}.json"


def as_json_line(raw: str) -> str:
    """A row's JSON text on one line."""
    return json.dumps(json.loads(raw), ensure_ascii=False)
