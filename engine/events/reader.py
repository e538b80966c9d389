"""Reading a run's events while they are being written, or long after."""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from pydantic_core import from_json

from engine.events.schema import (
    Checkpoint,
    End,
    Eval,
    Event,
    FindingEvent,
    Histogram,
    Metric,
    Phase,
    PhaseEvent,
    Record,
    Start,
)

DEFAULT_BYTES = 4 << 20
_LONGEST_LINE = 16 << 20
_PHASES = get_args(Phase)
_NUMBERS = frozenset({int, float, NoneType})


class EventReader:
    """Reads `path` from where the last read ended: whole lines only, and not more than asked for at once.

    A missing file is an empty one. A file that was truncated, replaced or rewritten is read from its beginning again;
    `restarts` counts how often, and whoever accumulates starts over when it changes. `damaged` counts lines that are
    no event (half-written, garbage), `unknown` events of a kind that this version does not know; both are skipped.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: tuple[int, int] | None = None
        self._skipping = False
        self.offset = 0
        self.restarts = 0
        self.damaged = 0
        self.unknown = 0

    def read(self, max_bytes: int = DEFAULT_BYTES) -> list[Record]:
        """The next events, from about `max_bytes` of the file at most (one line at least); [] when there is no more."""
        return self.decode(self.lines(max_bytes))

    def lines(self, max_bytes: int = DEFAULT_BYTES) -> list[bytes]:
        """The next whole lines as they stand in the file, without their newlines."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return []
        try:
            self._notice_restart(descriptor)
            chunk = os.pread(descriptor, max_bytes, self.offset)
            end = chunk.rfind(b"\n")
            while end < 0 and len(chunk) == max_bytes and max_bytes < _LONGEST_LINE:
                max_bytes *= 2
                chunk = os.pread(descriptor, max_bytes, self.offset)
                end = chunk.find(b"\n")
        except OSError:
            return []
        finally:
            os.close(descriptor)
        if end < 0:
            if len(chunk) >= _LONGEST_LINE:
                self.offset += len(chunk)
                self._skipping = True
            return []
        self.offset += end + 1
        whole = chunk[:end].split(b"\n")
        if self._skipping:
            self._skipping = False
            self.damaged += 1
            del whole[0]
        return whole

    def decode(self, lines: Iterable[bytes]) -> list[Record]:
        """The events in `lines`, in order; what is none is counted in `damaged` or `unknown`."""
        records: list[Record] = []
        for line in lines:
            if not line:
                continue
            value = _parse(line)
            try:
                make = _KINDS.get(value["kind"])
                if make is None:
                    self.unknown += 1
                    continue
                records.append(Record(_whole(value["seq"]), _number(value["time"]), make(value)))
            except (KeyError, TypeError, ValueError, AttributeError):
                self.damaged += 1
        return records

    def _notice_restart(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        identity = (status.st_dev, status.st_ino)
        if self._file is None:
            self._file = identity
        rewritten = (
            identity != self._file
            or status.st_size < self.offset
            or (self.offset > 0 and not self._skipping and os.pread(descriptor, 1, self.offset - 1) != b"\n")
        )
        if rewritten:
            self._file = identity
            self._skipping = False
            self.offset = 0
            self.restarts += 1


def _parse(line: bytes) -> Any:
    """The line's JSON value, None where it has none.

    pydantic's parser takes a quarter of the time of `json`, which is left with what it refuses: lone surrogates in a
    data set's text.
    """
    try:
        return from_json(line, allow_inf_nan=False)
    except ValueError:
        pass
    try:
        return json.loads(line, parse_constant=_number)
    except (ValueError, TypeError, RecursionError):
        return None


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(value)
    return value


def _number(value: Any) -> float:
    if type(value) is not float and type(value) is not int:
        raise TypeError(value)
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(value)
    return value


def _values(value: Any) -> dict[str, float | None]:
    if not _NUMBERS.issuperset(map(type, value.values())):
        raise TypeError(value)
    return value  # type: ignore[no-any-return]


def _one_of(value: Any, allowed: tuple[str, ...]) -> Any:
    if value not in allowed:
        raise ValueError(value)
    return value


def _start(v: dict[str, Any]) -> Start:
    return Start(
        run=_text(v["run"]),
        model_kind=_one_of(v["model_kind"], ("pair", "steps")),
        device=_text(v["device"]),
        total_steps=_whole(v["total_steps"]),
        digest=_text(v["digest"]),
        ledger=dict(v["ledger"]),
        parameters=_whole(v["parameters"]),
        trained_parameters=_whole(v["trained_parameters"]),
        versions={str(key): str(value) for key, value in v.get("versions", {}).items()},
        resumed_from=v.get("resumed_from"),
        eval_ledger=dict(eval_ledger) if (eval_ledger := v.get("eval_ledger")) else None,
    )


def _phase(v: dict[str, Any]) -> PhaseEvent:
    return PhaseEvent(_one_of(v["phase"], _PHASES), _text(v.get("message", "")), v.get("done"), v.get("total"))


def _metric(v: dict[str, Any]) -> Metric:
    return Metric(_whole(v["step"]), _values(v["values"]), tuple(v.get("not_finite", ())))


def _eval(v: dict[str, Any]) -> Eval:
    return Eval(_whole(v["step"]), _values(v["values"]), tuple(v.get("not_finite", ())))


def _histogram(v: dict[str, Any]) -> Histogram:
    counts = {_text(side): tuple(map(_whole, bins)) for side, bins in v["counts"].items()}
    low, width = _number(v["low"]), _number(v["width"])
    if width <= 0 or len(set(map(len, counts.values()))) != 1:
        raise ValueError(v)
    return Histogram(_whole(v["step"]), _one_of(v["split"], ("train", "eval")), low, width, counts)


def _checkpoint(v: dict[str, Any]) -> Checkpoint:
    return Checkpoint(_whole(v["step"]), _text(v["path"]))


def _finding(v: dict[str, Any]) -> FindingEvent:
    rows = tuple((_whole(dataset), _whole(row)) for dataset, row in v.get("rows", ()))
    severity = _one_of(v["severity"], ("error", "warning", "info"))
    return FindingEvent(_text(v["code"]), severity, _text(v["message"]), rows)


def _end(v: dict[str, Any]) -> End:
    status = _one_of(v["status"], ("finished", "stopped", "failed"))
    return End(status, _text(v.get("message", "")), _text(v.get("advice", "")))


_KINDS: dict[str, Callable[[dict[str, Any]], Event]] = {
    "start": _start,
    "phase": _phase,
    "metric": _metric,
    "eval": _eval,
    "histogram": _histogram,
    "checkpoint": _checkpoint,
    "finding": _finding,
    "end": _end,
}


def read_tail(path: Path, max_bytes: int = 1 << 16) -> list[Record]:
    """The last events of the file, from about `max_bytes` of it; [] where there is none."""
    reader = EventReader(path)
    try:
        start = max(0, path.stat().st_size - max_bytes)
        with path.open("rb") as file:
            file.seek(max(0, start - 1))
            data = file.read(max_bytes + 1)
    except OSError:
        return []
    if start:
        # Unless the byte before is the end of a line, the first line here is a part of one.
        data = data[data.find(b"\n") + 1 :]
    return reader.decode(data[: data.rfind(b"\n") + 1].split(b"\n"))
