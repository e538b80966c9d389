"""The trainer's heartbeat (engine/runs/heartbeat.py): a thread that beats, and says whether the main thread moves."""

import faulthandler
import logging
import os
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from types import FrameType

from engine.runs.heartbeat import FILE, Heartbeat, encode_heartbeat
from engine.runs.process import MARK

EVERY = 5.0
"""Seconds between two beats."""
FIRST = 900.0
"""Seconds that may pass between two marks while little is known: loading and compiling take long."""
LEAST = 300.0
"""The least that may pass once the usual time between two marks is known; else ten times that."""

LOG = logging.getLogger(__name__)


class _Marks:
    """When the main thread got on, and how long it usually takes."""

    def __init__(self) -> None:
        self.last = time.monotonic()
        self.between: deque[float] = deque(maxlen=50)

    @property
    def limit(self) -> float:
        return max(LEAST, 10 * max(self.between)) if len(self.between) >= 5 else FIRST


_marks = _Marks()


def moved() -> None:
    """The main thread has got on: an event, a step, a batch."""
    now = time.monotonic()
    _marks.between.append(now - _marks.last)
    _marks.last = now


def beat_from_now(run_dir: Path) -> None:
    """Beat in `run_dir` every few seconds until this process ends. A folder that cannot be written costs nothing."""
    threading.Thread(target=_beat, args=(run_dir / FILE, threading.get_ident()), daemon=True).start()


def _beat(path: Path, main_thread: int) -> None:
    descriptor: int | None = None
    told = -1.0
    while True:
        now, last, limit = time.monotonic(), _marks.last, _marks.limit
        place = ""
        if now - last > limit:
            place = _place(sys._current_frames().get(main_thread))
            if told != last:
                told = last
                LOG.warning("no progress for %.0f s, in %s; the stacks of all threads:", now - last, place)
                faulthandler.dump_traceback(sys.__stderr__ or 2)
        beat = Heartbeat(os.environ.get(MARK, ""), os.getpid(), now, last, limit, place)
        with suppress(OSError):
            if descriptor is None:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            os.pwrite(descriptor, encode_heartbeat(beat), 0)
        time.sleep(EVERY)


def _place(frame: FrameType | None) -> str:
    """Where in the code the frame is: function, file and line of the innermost call."""
    if frame is None:
        return ""
    code = frame.f_code
    return f"{code.co_name} ({'/'.join(Path(code.co_filename).parts[-3:])}:{frame.f_lineno})"
