"""JSON-lines, read line by line.

Never through a library that first settles on one type a column: a row of odd type then costs that row, not the file.
"""

import json
from array import array
from bisect import bisect_right
from pathlib import Path
from typing import Any

import numpy as np

from engine.source.content import Content
from engine.source.row import Row, RowError, row_at

UTF8_BOM = b"\xef\xbb\xbf"
_FIRST_BLOCK = 1 << 18
_BLOCK = 1 << 20
_PEEK = 64
_NEWLINE = 10
_WHITE = np.array([9, 10, 11, 12, 13, 32], dtype=np.uint8)

# Control characters stand raw inside strings in many files; they are read as they are, and a check points at them.
_DECODER = json.JSONDecoder(strict=False)


class JsonLines:
    """The rows of a JSON-lines file: one object a line, blank lines skipped.

    Where lines begin is indexed as far as rows have been asked for, in 16 bytes a row.
    """

    def __init__(self, content: Content, path: Path, fingerprint: str) -> None:
        self._content = content
        self._path = path
        self.fingerprint = fingerprint
        self._starts = array("q")
        self._ends = array("q")
        self._blanks = array("q")  # for each blank line, the number of rows before it
        self._scanned = len(UTF8_BOM) if content.read(0, 3) == UTF8_BOM else 0
        self._columns: tuple[str, ...] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the first rows, in order of appearance."""
        if self._columns is None:
            self._columns = columns_of(self.rows(0, _PEEK))
        return self._columns

    def __len__(self) -> int:
        while self._extend():
            pass
        return len(self._starts)

    def __getitem__(self, index: int) -> Row:
        return row_at(self, index)

    def rows(self, start: int, stop: int) -> list[Row]:
        """Rows `start` to `stop` (exclusive), fewer at the end."""
        return [self._read(start + index, raw) for index, raw in enumerate(self.raw(start, stop))]

    def raw(self, start: int, stop: int) -> list[bytes]:
        """The lines of rows `start` to `stop` (exclusive) as they stand in the file."""
        while len(self._starts) < stop and self._extend():
            pass
        stop = min(stop, len(self._starts))
        if start >= stop:
            return []
        begin = self._starts[start]
        data = self._content.read(begin, self._ends[stop - 1])
        return [data[self._starts[index] - begin : self._ends[index] - begin] for index in range(start, stop)]

    def line(self, index: int) -> int:
        """The line of the file, counted from 1, that row `index` stands on."""
        return index + 1 + bisect_right(self._blanks, index)

    def _read(self, index: int, raw: bytes) -> Row:
        value = parse(raw)
        if isinstance(value, RowError):
            return RowError(f"{self._path}:{self.line(index)}: {value.message}")
        if not isinstance(value, dict):
            return RowError(
                f"{self._path}:{self.line(index)}: a row must be a JSON object, and this is {json_kind(value)}"
            )
        return value

    def _extend(self) -> bool:
        """Index one more block of whole lines; False at the end of the file."""
        size = self._content.size
        begin = self._scanned
        if begin >= size:
            return False
        length = _BLOCK if self._starts else _FIRST_BLOCK
        data = self._content.read(begin, begin + length)
        while b"\n" not in data and begin + len(data) < size:
            length *= 2
            data = self._content.read(begin, begin + length)
        stop = begin + len(data)
        block = np.frombuffer(data, dtype=np.uint8)
        ends = np.flatnonzero(block == _NEWLINE).astype(np.int64)
        if stop == size and block[-1] != _NEWLINE:
            ends = np.append(ends, len(block))
        starts = np.concatenate(([0], ends[:-1] + 1)).astype(np.int64)
        blank = self._blank(block, starts, ends)
        if blank.any():
            kept = np.cumsum(~blank)
            self._blanks.frombytes((kept[blank] + len(self._starts)).astype(np.int64).tobytes())
            starts, scanned, ends = starts[~blank], int(ends[-1]), ends[~blank]
        else:
            scanned = int(ends[-1])
        self._starts.frombytes((starts + begin).tobytes())
        self._ends.frombytes((ends + begin).tobytes())
        self._scanned = begin + scanned + 1
        return True

    @staticmethod
    def _blank(block: "np.ndarray[Any, Any]", starts: "np.ndarray[Any, Any]", ends: "np.ndarray[Any, Any]") -> Any:
        blank = starts == ends
        opening = block[np.minimum(starts, len(block) - 1)]
        for candidate in np.flatnonzero(~blank & np.isin(opening, _WHITE)):
            blank[candidate] = not block[starts[candidate] : ends[candidate]].tobytes().strip()
        return blank


def parse(raw: bytes) -> Any:
    """The JSON value in `raw`, or a RowError that says what is wrong and at which character.

    Lone surrogates survive, both escaped and as (ill-formed) bytes. Of a key that occurs twice the last value counts.
    """
    try:
        return _DECODER.decode(raw.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError as error:
        return RowError(f"not UTF-8: byte 0x{raw[error.start]:02x} at byte {error.start + 1} of the line")
    except json.JSONDecodeError as error:
        return RowError(f"not JSON: {error.msg} at character {error.pos + 1} of the line")
    except RecursionError:
        return RowError("not readable: nested too deeply")
    except ValueError as error:
        return RowError(f"not readable: {error}")


def columns_of(rows: list[Row]) -> tuple[str, ...]:
    """The columns of `rows`, in order of appearance."""
    return tuple(dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row))


def json_kind(value: object) -> str:
    """What a JSON value that is no object is, in words."""
    names = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
