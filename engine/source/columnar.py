"""Parquet and Arrow files: batches of columns, read when a row of theirs is asked for."""

import json
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine.source.row import Row, RowError, SourceError, row_at

_BATCH = 1024
_CACHE_BYTES = 256 << 20


class Parquet:
    """The rows of a Parquet file. Its length comes from the footer; row groups are decoded batch by batch.

    A row group has no index within: a row is reached by decoding its group from the head. What was decoded is kept,
    up to 256 MiB, so that going on, going back and jumping about near by cost nothing.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise SourceError(f"not readable as Parquet: {error}", str(path), "Write the file again.") from error
        self._path = path
        self.fingerprint = fingerprint
        self.columns = tuple(self._file.schema_arrow.names)
        self._decode = row_decoder(self._file.schema_arrow)
        metadata = self._file.metadata
        self._groups = [0]
        for group in range(metadata.num_row_groups):
            self._groups.append(self._groups[-1] + metadata.row_group(group).num_rows)
        self._cache: OrderedDict[tuple[int, int], pa.RecordBatch] = OrderedDict()
        self._cached_bytes = 0
        self._stream: Iterator[pa.RecordBatch] = iter(())
        self._stream_at = (-1, 0)

    def __len__(self) -> int:
        return self._groups[-1]

    def __getitem__(self, index: int) -> Row:
        return row_at(self, index)

    def rows(self, start: int, stop: int) -> list[Row]:
        """Rows `start` to `stop` (exclusive), fewer at the end."""
        rows: list[Row] = []
        stop = min(stop, len(self))
        while start < stop:
            group = bisect_right(self._groups, start) - 1
            offset = start - self._groups[group]
            batch = self._batch(group, offset // _BATCH)
            inside = offset % _BATCH
            count = min(stop - start, batch.num_rows - inside)
            rows += batch_rows(batch.slice(inside, count), self._decode, f"{self._path}: row", start)
            start += count
        return rows

    def _batch(self, group: int, number: int) -> pa.RecordBatch:
        key = (group, number)
        if key not in self._cache:
            at_group, at_number = self._stream_at
            if at_group != group or at_number > number:
                self._stream = _exact_batches(self._file, group)
                self._stream_at = (group, 0)
            for at in range(self._stream_at[1], number + 1):
                self._keep((group, at), next(self._stream))
            self._stream_at = (group, number + 1)
        self._cache.move_to_end(key)
        return self._cache[key]

    def _keep(self, key: tuple[int, int], batch: pa.RecordBatch) -> None:
        if key in self._cache:
            return
        self._cache[key] = batch
        self._cached_bytes += batch.nbytes
        while self._cached_bytes > _CACHE_BYTES and len(self._cache) > 1:
            _, dropped = self._cache.popitem(last=False)
            self._cached_bytes -= dropped.nbytes


def _exact_batches(file: pq.ParquetFile, group: int) -> Iterator[pa.RecordBatch]:
    """A row group as batches of exactly `_BATCH` rows but for the last: the reader may give smaller ones."""
    held: list[pa.RecordBatch] = []
    count = 0
    for piece in file.iter_batches(batch_size=_BATCH, row_groups=[group]):
        batch = piece
        while count + batch.num_rows >= _BATCH:
            take = _BATCH - count
            held.append(batch.slice(0, take))
            yield held[0] if len(held) == 1 else pa.concat_batches(held)
            held, count, batch = [], 0, batch.slice(take)
        if batch.num_rows:
            held.append(batch)
            count += batch.num_rows
    if held:
        yield pa.concat_batches(held)


class Arrow:
    """The rows of an Arrow file, in the file or the stream form, mapped into memory."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        try:
            schema, self._batches = _open_ipc(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise SourceError(f"not readable as Arrow: {error}", str(path), "Write the file again.") from error
        self._path = path
        self.fingerprint = fingerprint
        self.columns = tuple(schema.names)
        self._decode = row_decoder(schema)
        self._starts = [0]
        for batch in self._batches:
            self._starts.append(self._starts[-1] + batch.num_rows)

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int) -> Row:
        return row_at(self, index)

    def rows(self, start: int, stop: int) -> list[Row]:
        """Rows `start` to `stop` (exclusive), fewer at the end."""
        rows: list[Row] = []
        stop = min(stop, len(self))
        while start < stop:
            number = bisect_right(self._starts, start) - 1
            inside = start - self._starts[number]
            count = min(stop, self._starts[number + 1]) - start
            batch = self._batches[number].slice(inside, count)
            rows += batch_rows(batch, self._decode, f"{self._path}: row", start)
            start += count
        return rows


def _open_ipc(path: Path) -> tuple[pa.Schema, list[pa.RecordBatch]]:
    """The schema and the batches of an Arrow file in either form; nothing is copied from the map."""
    mapped = pa.memory_map(str(path))
    try:
        file = pa.ipc.open_file(mapped)
        return file.schema, [file.get_batch(number) for number in range(file.num_record_batches)]
    except pa.ArrowInvalid:
        mapped.seek(0)
        stream = pa.ipc.open_stream(mapped)
        return stream.schema, list(stream)


Decoder = Callable[[Any], Any]


def row_decoder(schema: pa.Schema) -> Decoder | None:
    """What turns a row as Arrow gives it into the row as it was written, or None if that is the same.

    Only columns of Arrow's JSON type differ, which `datasets` uses for values of mixed type: they come as JSON text.
    """
    return _decoder_of(pa.struct(list(schema)))


def _decoder_of(kind: Any) -> Decoder | None:
    if isinstance(kind, pa.JsonType):
        return lambda value: None if value is None else json.loads(value)
    if pa.types.is_struct(kind):
        inner = {field.name: _decoder_of(field.type) for field in kind}
        fields = {name: decode for name, decode in inner.items() if decode}
        if not fields:
            return None
        return lambda value: value and {k: fields[k](v) if k in fields else v for k, v in value.items()}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        item = _decoder_of(kind.value_type)
        return item and (lambda value: value if value is None else [item(entry) for entry in value])
    return None


def batch_rows(batch: Any, decode: Decoder | None, where: str, first: int) -> list[Row]:
    """A batch's rows as plain Python; a row that cannot be decoded (text that is not UTF-8) costs that row only.

    `first` is the source's index of the batch's first row, for the message.
    """
    try:
        rows = batch.to_pylist()
        return [decode(row) for row in rows] if decode else rows
    except (UnicodeDecodeError, ValueError) as error:
        if batch.num_rows == 1:
            return [RowError(f"{where} {first}: {error}")]
        return [
            row
            for index in range(batch.num_rows)
            for row in batch_rows(batch.slice(index, 1), decode, where, first + index)
        ]
