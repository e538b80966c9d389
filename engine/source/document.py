"""A JSON file read as one document: an array of rows, an object of columns, or one object that holds the rows."""

import json
from pathlib import Path
from typing import Any

from engine.source.jsonlines import columns_of, json_kind
from engine.source.row import Row, RowError, SourceError

_PEEK = 64


class Rows:
    """Rows that are in memory."""

    def __init__(self, rows: list[Any], path: Path, fingerprint: str) -> None:
        self._rows = rows
        self._path = path
        self.fingerprint = fingerprint
        self.columns = columns_of(self.rows(0, _PEEK))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Row:
        if index < 0:
            raise IndexError(index)
        row = self._rows[index]
        if isinstance(row, dict):
            return row
        return RowError(f"{self._path}: item {index}: a row must be a JSON object, and this is {json_kind(row)}")

    def rows(self, start: int, stop: int) -> list[Row]:
        """Rows `start` to `stop` (exclusive), fewer at the end."""
        return [self[index] for index in range(start, min(stop, len(self._rows)))]


def read_document(data: bytes, path: Path, fingerprint: str) -> Rows:
    """The rows of a JSON document. SourceError, with line and column, where it is not one that holds rows."""
    try:
        value = json.JSONDecoder(strict=False).decode(data.decode("utf-8-sig", "surrogatepass"))
    except json.JSONDecodeError as error:
        where = f"{path}:{error.lineno}:{error.colno}"
        raise SourceError(f"not JSON: {error.msg}", where, "A file with one object a line is read too.") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"not UTF-8: byte {error.start + 1}", str(path), "Save the file as UTF-8.") from error
    except (RecursionError, ValueError) as error:
        raise SourceError(f"not readable as JSON: {error}", str(path), "Write one object a line instead.") from error
    return Rows(rows_in(value, path), path, fingerprint)


def rows_in(value: Any, path: Path) -> list[Any]:
    """The rows that a parsed document holds.

    An array holds them itself. An object is a table of columns if its values are lists of one length, holds the rows
    if its only value is a list of objects, and is the only row otherwise.
    """
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise SourceError("the JSON in it is neither an array nor an object", str(path), "Write an array of objects.")
    if len(value) == 1:
        (only,) = value.values()
        if isinstance(only, list) and only and all(isinstance(item, dict) and "role" not in item for item in only):
            return only
    if _is_table(value):
        return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]
    return [value]


def _is_table(value: dict[str, Any]) -> bool:
    """Whether an object's values are columns; one row of messages or of token ids has only lists too."""
    columns = list(value.values())
    if not columns or not all(isinstance(column, list) for column in columns):
        return False
    if len({len(column) for column in columns}) != 1 or not columns[0]:
        return False
    cells = [cell for column in columns for cell in column]
    return any(isinstance(cell, str | list) for cell in cells) and not any(isinstance(cell, dict) for cell in cells)
