"""Following a run from its folder: what a thread reads, so that the screen never waits for a disk."""

import time
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from engine.error import EngineError
from engine.events.reader import EventReader
from engine.events.schema import Record
from engine.runs.folder import RunFolder
from engine.runs.state import State, Status, run_status
from workbench.widgets.log_tail import read_tail

TICK = 0.1
"""Seconds between two looks at a run that is in view."""
TICK_BYTES = 192 << 10
"""How much of the events is read in one look: folding it into series must fit between two frames."""
STATUS_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class News:
    """What is new of a run: events, and its status and log where they were looked at.

    `anew` says that the events begin again from the first. `more` says that there is more to read at once. `gone` is
    set when the folder holds no run any more.
    """

    records: list[Record]
    anew: bool
    more: bool
    status: Status | None = None
    log: list[str] | None = None
    gone: str = ""


class Follower:
    """Reads what is new in a run's folder. Threads take turns; cheap when nothing is new."""

    def __init__(self, folder: Path) -> None:
        self.run = RunFolder(folder)
        self._reader = EventReader(self.run.events)
        self._restarts = 0
        self._asked = 0.0
        self._last: Status | None = None
        self._lock = Lock()

    def read(self, want_log: bool = False) -> News:
        """What is new since the last call."""
        with self._lock:
            return self._read(want_log)

    def _read(self, want_log: bool) -> News:
        before = self._reader.offset
        records = self._reader.read(TICK_BYTES)
        anew = self._reader.restarts != self._restarts
        self._restarts = self._reader.restarts
        more = self._reader.offset - before >= TICK_BYTES // 2
        status, gone = None, ""
        now = time.monotonic()
        turned = any(record.event.kind in ("phase", "start", "end") for record in records)
        if self._last is None or turned or now - self._asked >= STATUS_EVERY:
            self._asked = now
            try:
                status = self._last = run_status(self.run)
            except (EngineError, OSError) as error:
                gone = error.what if isinstance(error, EngineError) else str(error)
        ended_badly = self._last is not None and self._last.state in (State.FAILED, State.CRASHED)
        log = read_tail(self.run.log) if status is not None and (want_log or ended_badly) else None
        return News(records, anew, more, status, log, gone)
