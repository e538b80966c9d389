"""CSV and TSV. Every column is text: what looks like a number or like nothing is left to the format to judge."""

import csv
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path

from engine.source.content import Content
from engine.source.jsonlines import UTF8_BOM
from engine.source.row import Row, RowError, SourceError, row_at

_STEP = 1024
_LINE = 1 << 12


class Delimited:
    """The rows of a CSV file, whose first row names the columns.

    Where rows begin is indexed as far as rows have been asked for, in 16 bytes a row. An empty field is empty text.
    """

    def __init__(self, content: Content, path: Path, fingerprint: str, delimiter: str = ",") -> None:
        self._content = content
        self._path = path
        self._delimiter = delimiter
        self.fingerprint = fingerprint
        self._starts = array("q")
        self._lines = array("q")
        self._position = len(UTF8_BOM) if content.read(0, 3) == UTF8_BOM else 0
        self._line = 1
        self.columns: tuple[str, ...] = ()
        self.columns = self._header()

    def __len__(self) -> int:
        while self._extend(_STEP):
            pass
        return len(self._starts)

    def __getitem__(self, index: int) -> Row:
        return row_at(self, index)

    def rows(self, start: int, stop: int) -> list[Row]:
        """Rows `start` to `stop` (exclusive), fewer at the end."""
        while len(self._starts) < stop and self._extend(max(_STEP, stop - len(self._starts))):
            pass
        stop = min(stop, len(self._starts))
        if start >= stop:
            return []
        records = ((record, taken) for record, taken, _ in self._records(self._starts[start]) if record)
        return [self._row(index, *next(records)) for index in range(start, stop)]

    def _records(self, position: int) -> Iterator[tuple[list[str] | csv.Error, int, int]]:
        """Each record from byte `position` on, with the bytes and lines it took; blank and broken ones included."""
        taken = lines = 0

        def text() -> Iterator[str]:
            nonlocal taken, lines
            at = position
            while raw := self._line_at(at):
                at += len(raw)
                taken += len(raw)
                lines += 1
                yield raw.decode("utf-8", "surrogateescape")

        csv.field_size_limit(sys.maxsize)
        source = text()
        reader = csv.reader(source, delimiter=self._delimiter)
        while True:
            record: list[str] | csv.Error
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                record, reader = error, csv.reader(source, delimiter=self._delimiter)
            yield record, taken, lines
            taken = lines = 0

    def _line_at(self, position: int) -> bytes:
        """The line of the file that begins at byte `position`, with its newline; empty at the end."""
        length = _LINE
        while True:
            data = self._content.read(position, position + length)
            end = data.find(b"\n") + 1
            if end or len(data) < length:
                return data[:end] if end else data
            length *= 4

    def _header(self) -> tuple[str, ...]:
        for record, taken, lines in self._records(self._position):
            self._position += taken
            self._line += lines
            if isinstance(record, csv.Error):
                raise SourceError(f"not readable as CSV: {record}", str(self._path), "Write the file again.")
            if record:
                twice = {name for name in record if record.count(name) > 1}
                if twice:
                    what = f"the column {sorted(twice)[0]!r} stands twice in the first line"
                    raise SourceError(what, str(self._path), "Give each column a name of its own.")
                return tuple(record)
        return ()

    def _extend(self, count: int) -> bool:
        before = self._position
        for record, taken, lines in self._records(self._position):
            if record:
                self._starts.append(self._position)
                self._lines.append(self._line)
                count -= 1
            self._position += taken
            self._line += lines
            if count <= 0:
                break
        return self._position > before

    def _row(self, index: int, record: list[str] | csv.Error, taken: int) -> Row:
        start = self._starts[index]
        where = f"{self._path}:{self._lines[index]}"
        if isinstance(record, csv.Error):
            return RowError(f"{where}: not readable as CSV: {record}")
        if start + taken >= self._content.size and self._unclosed(start):
            return RowError(f"{where}: a quote is opened and never closed: all that follows is one field")
        if len(record) != len(self.columns):
            return RowError(f"{where}: {len(record)} fields, and the first line names {len(self.columns)} columns")
        try:
            for field in record:
                field.encode("utf-8")
        except UnicodeEncodeError as error:
            return RowError(f"{where}: not UTF-8: {error.object[error.start : error.start + 1]!a}")
        return dict(zip(self.columns, record, strict=True))

    def _unclosed(self, start: int) -> bool:
        """Whether the record at `start`, the file's last, ends inside quotes."""
        text = self._content.read(start, self._content.size).decode("utf-8", "surrogateescape")
        try:
            next(csv.reader(text.splitlines(keepends=True), delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            return "unexpected end of data" in str(error)
        return False
