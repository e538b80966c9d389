"""What a source is: rows by index."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from engine.error import EngineError


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that cannot be read; it costs itself and no other. `message` says where it stands and what is wrong."""

    message: str


Row = dict[str, Any] | RowError
"""A raw record as plain Python values, by column; or the reason why it cannot be read."""


class SourceError(EngineError):
    """A data set that cannot be opened: what is wrong, where, what to do."""


class Source(Protocol):
    """A data set that can be opened. Rows are read when asked for; nothing is kept beyond a bounded cache."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns' names; for JSON, where each row may have its own, those of the first rows."""

    @property
    def fingerprint(self) -> str:
        """A digest of the content's identity: another one if the data may have changed."""

    def __len__(self) -> int:
        """The number of rows. JSON-lines and CSV files are scanned once for it."""

    def __getitem__(self, index: int) -> Row:
        """Row `index`, counted from 0. IndexError beyond the end."""

    def rows(self, start: int, stop: int) -> list[Row]:
        """Rows `start` to `stop` (exclusive), fewer at the end. Cheaper than one by one."""


def row_at(source: Source, index: int) -> Row:
    """Row `index` of a source that reads rows in stretches. IndexError beyond either end."""
    rows = source.rows(index, index + 1) if index >= 0 else []
    if not rows:
        raise IndexError(index)
    return rows[0]


def fingerprint_of(*parts: Any) -> str:
    """A short digest of `parts`, which must be JSON values."""
    text = json.dumps(parts, ensure_ascii=True, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def file_fingerprint(path: Path, kind: str) -> str:
    """A file's identity without reading it: where it is, how it is read, its size and when it was last changed."""
    status = path.stat()
    return fingerprint_of(str(path.resolve()), kind, status.st_size, status.st_mtime_ns)
