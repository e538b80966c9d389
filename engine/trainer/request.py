"""Requests to stop: a file in the run's folder, or SIGTERM. Heard from the first moment, before torch is imported."""

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType

import psutil

from engine.events.schema import End
from engine.events.writer import EventWriter
from engine.runs.folder import RunFolder
from engine.runs.rank import local_process_count, process_count
from engine.trainer.error import StopRequestedError

LOST = End(
    "failed", "Another process of the run died.", "The log says how. Resumed, it goes on from its last checkpoint."
)
_LOOK = 0.1


class StopRequest:
    """Whether this process was asked to stop."""

    def __init__(self, run_dir: Path) -> None:
        self._run = RunFolder(run_dir)
        self._signalled = False
        self.lost_another = False
        self._over: threading.Event | None = None

    def listen(self) -> None:
        """Take SIGTERM and SIGINT as requests from now on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._take)

    def __call__(self) -> bool:
        """Whether there is a request."""
        return self._signalled or self._run.stop_request.exists()

    def not_asked(self) -> bool:
        """Whether it was not a person who asked: another process died, and its launcher ends the rest."""
        return self.lost_another and not self._run.stop_request.exists()

    def check(self) -> None:
        """Raise StopRequestedError if there is a request."""
        if self():
            raise StopRequestedError

    def clear(self) -> None:
        """The request was met. With several processes it stays until all have ended: the run's keeper removes it."""
        if process_count() == 1:
            with suppress(OSError):
                self._run.stop_request.unlink(missing_ok=True)

    def meet_at_once(self) -> None:
        """From now on a request ends this process on the spot: there is nothing to save yet."""
        over = self._over = threading.Event()

        def watch() -> None:
            while not over.wait(_LOOK):
                if self():
                    # The main thread takes it, in whatever it is.
                    os.kill(os.getpid(), signal.SIGTERM)
                    return

        threading.Thread(target=watch, daemon=True).start()

    def meet_in_time(self) -> None:
        """From now on a request waits for the step's end, where it is looked for."""
        if self._over is not None:
            self._over.set()
            self._over = None

    def _take(self, number: int, frame: FrameType | None) -> None:
        self._signalled = True
        self.lost_another = self.lost_another or has_lost_another()
        if self._over is not None:
            for other in (signal.SIGTERM, signal.SIGINT):
                signal.signal(other, signal.SIG_IGN)
            with EventWriter(self._run.events) as events:
                events.write(End("stopped", "Stopped before the first step."))
            self.clear()
            os._exit(0)


def has_lost_another() -> bool:
    """Whether a process of this run on this machine is dead: the launcher ends the others then, as by a request."""
    if process_count() == 1:
        return False
    try:
        siblings = psutil.Process(os.getppid()).children()
        living = [process for process in siblings if process.status() != psutil.STATUS_ZOMBIE]
    except psutil.Error:
        return False
    return len(living) < local_process_count()
