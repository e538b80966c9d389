"""Following a run from its folder: what a thread reads, so that the screen never waits for a disk."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from engine.error import EngineError
from engine.events.reader import EventReader
from engine.events.schema import Record
from engine.runs.folder import RunFolder
from engine.runs.state import State, Status, run_status
from workbench.run_history import RunHistory
from workbench.widgets.log_tail import read_tail

TICK = 0.1
"""Seconds between two looks at a run that is in view."""
TICK_BYTES = 192 << 10
"""How much of the events is read in one look: folding it into series must fit between two frames."""
STATUS_EVERY = 1.0
_CHUNK = 1 << 18
_SLICE = 0.25


@dataclass(slots=True)
class News:
    """What is new of a run: events, and its status and log where they were looked at.

    `history` is set where the events begin again from the first: everything up to here, folded already. Until then,
    while a long file is being read, `share` says how much of it was. `more` says that there is more to read at once.
    `gone` is set when the folder holds no run any more.
    """

    records: list[Record] = field(default_factory=list)
    history: RunHistory | None = None
    share: float | None = None
    more: bool = False
    status: Status | None = None
    log: list[str] | None = None
    gone: str = ""


class Follower:
    """Reads what is new in a run's folder, and keeps it until it is taken. Cheap when nothing is new.

    `read` is for a thread, a call of which lasts about a quarter of a second at most; `take` is for who draws. What
    was there before the first look is folded by the thread: on the screen's own it would hold up keys and pictures.
    """

    def __init__(self, folder: Path) -> None:
        self.run = RunFolder(folder)
        self._reader = EventReader(self.run.events)
        self._restarts = 0
        self._asked = 0.0
        self._last: Status | None = None
        self._gathered: RunHistory | None = RunHistory()
        self._news = News()
        self._reading = Lock()
        self._handing = Lock()

    def take(self) -> News:
        """What was read and not taken yet."""
        with self._handing:
            news, self._news = self._news, News()
            return news

    def read(self, want_log: bool = False) -> None:
        """Read what is new since the last call."""
        with self._reading:
            records = self._read_on() if self._gathered is None else self._gather(self._gathered)
            status, gone = self._look(records)
            ended_badly = self._last is not None and self._last.state in (State.FAILED, State.CRASHED)
            log = read_tail(self.run.log) if status is not None and (want_log or ended_badly) else None
            with self._handing:
                self._news.status = status or self._news.status
                self._news.log = log if log is not None else self._news.log
                self._news.gone = gone

    def _gather(self, history: RunHistory) -> list[Record]:
        """Fold for a while; hand the history over once the file's end is reached. Returns its last events."""
        until = time.monotonic() + _SLICE
        records: list[Record] = []
        while time.monotonic() < until:
            before, records = self._reader.offset, self._reader.read(_CHUNK)
            if self._reader.restarts != self._restarts:
                self._restarts, history = self._reader.restarts, RunHistory()
            history.add(records)
            if self._reader.offset - before < _CHUNK // 2:
                self._gathered = None
                with self._handing:
                    self._news = News(history=history)
                return records
        self._gathered = history
        with self._handing:
            self._news.more, self._news.share = True, self._share()
        return []

    def _read_on(self) -> list[Record]:
        before = self._reader.offset
        records = self._reader.read(TICK_BYTES)
        if self._reader.restarts != self._restarts:
            self._restarts = self._reader.restarts
            history = RunHistory()
            history.add(records)
            return self._gather(history)
        with self._handing:
            self._news.records += records
            self._news.more = self._reader.offset - before >= TICK_BYTES // 2
        return records

    def _share(self) -> float:
        try:
            return min(1.0, self._reader.offset / max(1, self.run.events.stat().st_size))
        except OSError:
            return 1.0

    def _look(self, records: list[Record]) -> tuple[Status | None, str]:
        """The run's status where it is time to ask, and why it cannot be told."""
        now = time.monotonic()
        turned = any(record.event.kind in ("phase", "start", "end") for record in records)
        if self._last is not None and not turned and now - self._asked < STATUS_EVERY:
            return None, ""
        self._asked = now
        try:
            self._last = run_status(self.run)
        except (EngineError, OSError) as error:
            return None, error.what if isinstance(error, EngineError) else str(error)
        return self._last, ""
