"""One data file: what kind it is, and its rows."""

import gzip
from pathlib import Path
from typing import Literal

from engine.source.columnar import Arrow, Parquet
from engine.source.content import Content
from engine.source.delimited import Delimited
from engine.source.document import read_document
from engine.source.jsonlines import JsonLines, parse
from engine.source.row import RowError, Source, SourceError, file_fingerprint

Kind = Literal["json", "csv", "tsv", "parquet", "arrow"]

KINDS: dict[str, Kind] = {
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".jsonlines": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
"""A data file's kind by its extension (before any `.gz`)."""

DS_TYPES: dict[str, Kind] = {
    "json": "json",
    "jsonl": "json",
    "csv": "csv",
    "tsv": "tsv",
    "parquet": "parquet",
    "arrow": "arrow",
}
"""The values of `ds_type`."""

_MAGIC = {b"PAR1": "parquet", b"ARROW1": "arrow"}
_FOREIGN = {
    b"PK\x03\x04": "a ZIP archive",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"%PDF": "a PDF",
    b"SQLite format 3": "an SQLite database",
    b"\x80\x04\x95": "a Python pickle",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"(\xb5/\xfd": "Zstandard-compressed",
}
_READABLE = "Data files are JSON, JSON-lines (also .gz), CSV, Parquet and Arrow."
_PROBE_LINES = 64


def kind_by_name(path: Path) -> Kind | None:
    """The kind that a file's name says, or None."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return KINDS.get(suffixes[-1]) if suffixes else None


def open_file(path: Path, ds_type: str | None = None) -> Source:
    """The rows of one data file, read as `ds_type`, or as its name or else its content says.

    SourceError for a file that is missing, empty, not to be read, or not a data file.
    """
    kind = DS_TYPES[ds_type] if ds_type else kind_by_name(path)
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except PermissionError as error:
        raise SourceError("no permission to read the file", str(path), "Check the file's owner and mode.") from error
    except OSError as error:
        raise SourceError(f"the file cannot be read: {error.strerror}", str(path), "Check the path.") from error
    if not head:
        raise SourceError("the file is empty", str(path), "Check how it was written.")
    found = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
    if found and kind not in (None, found):
        what = f"the file is {found.capitalize()}, and it is to be read as {kind}"
        raise SourceError(what, str(path), f"Set `ds_type: {found}`, or give the file its right extension.")
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            raise SourceError(f"not a data file: it is {name}", str(path), _READABLE)
    source = _open_as(kind or found, path, head)
    if len(source.rows(0, 1)) == 0:
        raise SourceError("the file holds no rows", str(path), "Check how it was written.")
    return source


def _open_as(kind: str | None, path: Path, head: bytes) -> Source:
    fingerprint = file_fingerprint(path, kind or "")
    if kind == "parquet":
        return Parquet(path, fingerprint)
    if kind == "arrow":
        return Arrow(path, fingerprint)
    content = _content(path, head)
    if kind in ("csv", "tsv"):
        return Delimited(content, path, fingerprint, "\t" if kind == "tsv" else ",")
    return _open_json(content, path, fingerprint, named=kind == "json")


def _content(path: Path, head: bytes) -> Content:
    """The file's bytes; a compressed file is unpacked into memory."""
    if not head.startswith(b"\x1f\x8b"):
        return Content(path)
    try:
        with gzip.open(path) as unpacked:
            return Content(path, unpacked.read())
    except (OSError, EOFError) as error:
        raise SourceError(f"not readable as gzip: {error}", str(path), "The file may be cut short.") from error


def _open_json(content: Content, path: Path, fingerprint: str, *, named: bool) -> Source:
    """A JSON file as lines if its lines are JSON, else as one document.

    `named` tells whether its name or the preset says that it is JSON; a file without a known name must prove it.
    """
    lines = JsonLines(content, path, fingerprint)
    probe = lines.raw(0, _PROBE_LINES)
    if not probe:
        raise SourceError("the file holds no rows", str(path), "Check how it was written.")
    values = [parse(raw) for raw in probe]
    named_lines = path.suffix.lower() in (".jsonl", ".ndjson", ".jsonlines", ".gz")
    if len(probe) == 1 and not (named_lines and isinstance(values[0], dict)):
        return read_document(content.read(0, content.size), path, fingerprint)
    if not isinstance(values[0], RowError) and probe[0].lstrip()[:1] == b"{":
        return lines
    if probe[0].lstrip()[:1] in (b"[", b"{"):
        try:
            return read_document(content.read(0, content.size), path, fingerprint)
        except SourceError:
            if not any(isinstance(value, dict) for value in values):
                raise
    if any(isinstance(value, dict) for value in values) or (named and named_lines and _any_json(values)):
        return lines
    raise SourceError(f"not a data file: none of the first {len(probe)} lines is a JSON object", str(path), _READABLE)


def _any_json(values: list[object]) -> bool:
    return any(not isinstance(value, RowError) for value in values)
