"""Writing a run's events: one line, one `write`, appended; training never dies of it."""

import dataclasses
import json
import math
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from engine.events.append import LineFile
from engine.events.schema import VERSION, Checkpoint, End, Eval, Event, Metric, Start

_DURABLE = (Start, Checkpoint, End)
_TAIL = 1 << 20


class EventWriter:
    """Appends events to `path`, one line each, continuing an existing file after its last whole line.

    `seq` counts from 0 over the life of the file, resumed runs included; `time` is Unix seconds that never step back:
    the clock is read once, and the monotonic one from there on.

    What cannot be written waits in memory (engine/events/append.py); where even that was too much, the oldest events
    are given up and a gap in `seq` tells. Safe to use from several threads of one process; two processes are kept apart
    by the run's lock (engine/runs/lock.py).
    """

    def __init__(self, path: Path) -> None:
        self._guard = threading.Lock()
        self._file = LineFile(path)
        last = _last_record(path)
        self._seq = last[0] + 1
        self._clock_offset = max(time.time(), last[1]) - time.monotonic()
        self._file.append()

    def write(self, event: Event) -> bool:
        """Append `event`; True once it, and everything before it, is in the file.

        False means that it waits in memory for the file to become writable. Start, checkpoint and end events are
        also flushed to the disk, so that they outlive the machine.
        """
        with self._guard:
            line = encode_event(event, self._seq, self._clock_offset + time.monotonic())
            self._seq += 1
            return self._file.append([line], durable=isinstance(event, _DURABLE))

    def close(self) -> None:
        """Try once more to write what waits."""
        with self._guard:
            self._file.append()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


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
