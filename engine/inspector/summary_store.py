"""Summaries of whole splits, kept on disk: gzipped JSON lines as they cross to the screen, and an end that says so."""

import gzip
import os
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from engine.identity import cache_folder
from engine.inspector.row_messages import Done, RowSummaries

KEPT = 32
"""Splits kept, the most recently used ones."""

_CHUNK: TypeAdapter[RowSummaries] = TypeAdapter(RowSummaries)
_DONE: TypeAdapter[Done] = TypeAdapter(Done)


@dataclass(frozen=True, slots=True)
class KeptSummaries:
    """The lines of a file, found to be whole."""

    lines: Sequence[bytes]
    digest: str | None

    def chunks(self) -> Iterator[RowSummaries]:
        """The summaries, chunk by chunk."""
        return (_CHUNK.validate_json(line) for line in self.lines)


def recall(key: str) -> KeptSummaries | None:
    """What is kept under `key`; None if there is nothing, or nothing whole."""
    place = cache_folder("summaries") / f"{key}.gz"
    try:
        *lines, last = gzip.decompress(place.read_bytes()).splitlines()
        done = _DONE.validate_json(last)
        os.utime(place)
    except (OSError, EOFError, zlib.error, ValueError, ValidationError):
        return None
    return KeptSummaries(lines, done.digest)


def remember(key: str, chunks: Sequence[RowSummaries], digest: str) -> None:
    """Keep summaries under `key`, and forget the oldest beyond `KEPT`. A cache that cannot be written is none."""
    folder = cache_folder("summaries")
    part = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=folder, suffix=".part")
        with os.fdopen(handle, "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) as packed:
            for chunk in chunks:
                packed.write(_CHUNK.dump_json(chunk) + b"\n")
            packed.write(_DONE.dump_json(Done(digest)))
        Path(part).replace(folder / f"{key}.gz")
        by_age = sorted(folder.glob("*.gz"), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in by_age[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError:
        if part:
            with suppress(OSError):
                Path(part).unlink(missing_ok=True)
