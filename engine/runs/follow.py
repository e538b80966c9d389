"""Following a run's events as they come, until it is over."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from engine.events.reader import EventReader
from engine.events.schema import End, Record
from engine.runs.folder import RunFolder
from engine.runs.state import Status, run_status

_POLL = 0.1
_LOOK = 1.0


@dataclass(frozen=True, slots=True)
class Batch:
    """What came since the last batch: the lines as they stand in the file, and the events in them.

    `status` is the run's, as it was when it was last looked at; None before that.
    """

    lines: tuple[bytes, ...]
    records: tuple[Record, ...]
    status: Status | None = None


def follow(run: RunFolder) -> Iterator[Batch]:
    """The run's events from its first on, in batches, ten times a second while there is nothing new (then empty).

    Ends when the run is over and everything it wrote was given: with its own end event, or when it is found to have
    crashed, which `run_status` then tells.
    """
    reader = EventReader(run.events)
    status: Status | None = None
    ended = False
    look_again = 0.0
    while True:
        lines = reader.lines()
        records = reader.decode(lines)
        for record in records:
            # An end is followed by other events where the run was resumed.
            ended = isinstance(record.event, End)
        yield Batch(tuple(lines), tuple(records), status)
        if lines:
            continue
        if status is not None and not status.state.live:
            return
        if ended or time.monotonic() >= look_again:
            status = run_status(run)
            look_again = time.monotonic() + _LOOK
        if status is None or status.state.live:
            time.sleep(_POLL)
