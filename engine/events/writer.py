"""Writing a run's events: one line, one `write`, appended; training never dies of it."""

import dataclasses
import json
import logging
import math
import os
import threading
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from engine.events.schema import VERSION, Checkpoint, End, Eval, Event, Metric, Start

_LOG = logging.getLogger(__name__)
_DURABLE = (Start, Checkpoint, End)
_KEPT_BACK = 100_000
_TAIL = 1 << 20


class EventWriter:
    """Appends events to `path`, continuing an existing file after its last whole line.

    Each event is one `os.write` on a descriptor opened with O_APPEND, so a reader sees whole lines or a last line
    without its newline. `seq` counts from 0 over the life of the file, resumed runs included; `time` is Unix seconds
    that never step back: the clock is read once, and the monotonic one from there on.

    When the file cannot be written (disk full, file system gone), events wait in memory, in order, and are tried
    again with each further event and on `close`; the log says so once. At most 100 000 wait; beyond that the oldest
    are given up and a gap in `seq` tells. A file that was deleted while its folder stands is created anew. Safe to
    use from several threads of one process; two processes are kept apart by the run's lock (engine/runs/lock.py).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._waiting: deque[tuple[bytes, bool]] = deque()
        self._descriptor: int | None = None
        self._torn = False
        self._failing = False
        last = _last_record(path)
        self._seq = last[0] + 1
        self._clock_offset = max(time.time(), last[1]) - time.monotonic()
        try:
            self._open()
        except OSError as error:
            self._complain(error)

    def write(self, event: Event) -> bool:
        """Append `event`; True once it, and everything before it, is in the file.

        False means that it waits in memory for the file to become writable. Start, checkpoint and end events are
        also flushed to the disk, so that they outlive the machine.
        """
        with self._guard:
            line = encode_event(event, self._seq, self._clock_offset + time.monotonic())
            self._seq += 1
            self._waiting.append((line, isinstance(event, _DURABLE)))
            if len(self._waiting) > _KEPT_BACK:
                self._waiting.popleft()
            return self._flush()

    def close(self) -> None:
        """Try once more to write what waits, and close the file."""
        with self._guard:
            self._flush()
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _open(self) -> None:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        size = os.fstat(self._descriptor).st_size
        self._torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"

    def _flush(self) -> bool:
        try:
            if self._descriptor is not None and os.fstat(self._descriptor).st_nlink == 0:
                os.close(self._descriptor)
                self._descriptor = None
            if self._descriptor is None:
                self._open()
            while self._waiting:
                line, durable = self._waiting[0]
                self._append(line)
                self._waiting.popleft()
                if durable:
                    os.fsync(self._descriptor)  # type: ignore[arg-type]
        except OSError as error:
            self._complain(error)
            return False
        if self._failing:
            _LOG.warning("%s can be written again; nothing that was kept back is lost", self._path)
            self._failing = False
        return True

    def _append(self, line: bytes) -> None:
        assert self._descriptor is not None
        # A line cut short by a full disk or a killed process is ended first: readers skip it and count it.
        data = b"\n" + line if self._torn else line
        written = os.write(self._descriptor, data)
        if written != len(data):
            self._torn = written > 0 or self._torn
            raise OSError(f"only {written} of {len(data)} bytes could be written")
        self._torn = False

    def _complain(self, error: OSError) -> None:
        if not self._failing:
            _LOG.warning("cannot write %s (%s): training goes on, events wait in memory", self._path, error)
            self._failing = True


def encode_event(event: Event, seq: int, moment: float) -> bytes:
    """The line of one event, newline included: ASCII JSON, so no byte of it can act on a terminal.

    NaN and infinities become null; for metrics, their names are added to `not_finite`.
    """
    body = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    if isinstance(event, Metric | Eval):
        odd = [name for name, value in event.values.items() if value is not None and not math.isfinite(value)]
        if odd:
            body["values"] = event.values | dict.fromkeys(odd)
            body["not_finite"] = sorted({*event.not_finite, *odd})
        # Nine significant digits are all that a float32 has; the line is a third shorter for it.
        body["values"] = {n: v if v is None or type(v) is int else float(f"{v:.9g}") for n, v in body["values"].items()}
    head = {"v": VERSION, "seq": seq, "time": round(moment, 6), "kind": body.pop("kind")}
    try:
        text = json.dumps(head | body, allow_nan=False, default=_plain)
    except ValueError:
        text = json.dumps(head | _finite(body), default=_plain)
    return text.replace("\x7f", "\\u007f").encode("ascii") + b"\n"


def _plain(value: Any) -> Any:
    """What the trainer hands over beside JSON's own types: numbers of NumPy and PyTorch, paths."""
    item = getattr(value, "item", None)
    return item() if callable(item) else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value


def _last_record(path: Path) -> tuple[int, float]:
    """Seq and time of the last event in the file that can be read; (-1, 0.0) where there is none."""
    tail = _TAIL
    while True:
        try:
            with path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - tail))
                lines = file.read().split(b"\n")
        except OSError:
            return -1, 0.0
        for line in reversed(lines):
            try:
                record = json.loads(line)
                return int(record["seq"]), float(record["time"])
            except (ValueError, KeyError, TypeError):
                continue
        if tail >= size:
            return -1, 0.0
        # A file system may have left more than that of zeros where the power went.
        tail *= 8
