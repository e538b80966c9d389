"""The inspector's process: reads requests from stdin, answers on stdout, one JSON object a line.

Three workers: one for what a person waits for (descriptions, rows), one for passes over a split that a list of rows is
made from, one for checks of whole data sets. Each keeps what it opened for itself, since a tokenizer is not safe to
share between threads.
"""

import logging
import os
import queue
import sys
import threading
from pathlib import Path
from typing import BinaryIO

from pydantic_core import PydanticSerializationError

from engine.check.run import check
from engine.error import EngineError
from engine.inspector.messages import (
    REPLY_WIRE,
    REQUEST_WIRE,
    Answer,
    Cancel,
    Check,
    Describe,
    EncodeRows,
    Envelope,
    Failure,
    Locate,
    PresetText,
    Reply,
    ReplyEnvelope,
    Rows,
    SearchRows,
    Summarise,
)
from engine.inspector.row_messages import Done, Located
from engine.inspector.search import positions, search
from engine.inspector.summary import summarise
from engine.inspector.view import describe, view_rows
from engine.prepare.error import Cancelled
from engine.prepare.open import OpenCache, open_preset
from engine.prepare.opened import Opened
from engine.preset.load import parse_preset
from engine.preset.problem import PresetError

log = logging.getLogger(__name__)


class Replies:
    """Where replies go: whole lines, from either worker."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, request: int, reply: Reply) -> None:
        """Write one reply; a screen that has gone away is not an error here (stdin's end stops the process)."""
        line = REPLY_WIRE.dump_json(ReplyEnvelope(request, reply)) + b"\n"
        with self._lock:
            try:
                self._stream.write(line)
                self._stream.flush()
            except BrokenPipeError:
                log.info("nobody reads the replies any more")


class Worker(threading.Thread):
    """Answers the requests of its inbox one after the other."""

    def __init__(self, replies: Replies, cancelled: set[int]) -> None:
        super().__init__(daemon=True)
        self.inbox: queue.SimpleQueue[Envelope] = queue.SimpleQueue()
        self._replies = replies
        self._cancelled = cancelled
        self._cache = OpenCache()

    def run(self) -> None:
        """Answer requests until the process ends."""
        while True:
            envelope = self.inbox.get()
            answer = self._answer(envelope)
            try:
                self._replies.send(envelope.request, answer)
            except PydanticSerializationError as error:
                # Text that is no Unicode (a file's name in other bytes) cannot cross; the worker must live on.
                self._replies.send(envelope.request, _sendable(answer) or _defect(envelope, error))
            self._cancelled.discard(envelope.request)

    def _answer(self, envelope: Envelope) -> Answer:
        def cancelled() -> bool:
            return envelope.request in self._cancelled

        def send(reply: Reply) -> None:
            self._replies.send(envelope.request, reply)

        try:
            if cancelled():
                raise Cancelled
            match envelope.body:
                case Describe(preset=preset):
                    return describe(self._open(preset))
                case EncodeRows(preset=preset, start=start, stop=stop, split=split):
                    opened = self._open(preset)
                    return Rows(view_rows(opened, split, start, stop), len(opened.split(split)))
                case Check(preset=preset):
                    return check(self._open(preset), send, cancelled, send)
                case Summarise(preset=preset, split=split, start=start, stop=stop):
                    return Done(summarise(self._open(preset), split, (start, stop), send, cancelled))
                case SearchRows(preset=preset, split=split, text=text, start=start):
                    search(self._open(preset), split, (text, start), send, cancelled)
                    return Done()
                case Locate(preset=preset, split=split, places=places):
                    return Located(positions(self._open(preset).split(split), places))
                case Cancel():
                    raise AssertionError("cancellations never reach a worker")
        except Cancelled:
            return Failure("cancelled", cancelled=True)
        except PresetError as error:
            return Failure("\n".join(str(problem) for problem in error.problems), advice="Mend the preset.")
        except EngineError as error:
            log.info("refused: %s", error, exc_info=True)
            return Failure(error.what, error.where, error.advice)
        except Exception as error:
            return _defect(envelope, error)

    def _open(self, preset: PresetText) -> Opened:
        return open_preset(parse_preset(preset.text, Path(preset.path), preset.overrides), self._cache)


def _defect(envelope: Envelope, error: Exception) -> Failure:
    log.error("request %s failed", envelope.request, exc_info=error)
    what = _as_unicode(f"{type(error).__name__}: {error}")
    return Failure(what, advice="This is a defect of rm-workbench; its log has the details.")


def _sendable(answer: Answer) -> Failure | None:
    """A failure in text that can cross; None where the answer is none."""
    if not isinstance(answer, Failure):
        return None
    what, where, advice = map(_as_unicode, (answer.what, answer.where, answer.advice))
    return Failure(what, where, advice, answer.cancelled)


def _as_unicode(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def serve() -> int:
    """Answer requests until stdin ends; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # What a library prints must not land among the replies: they keep the real stdout, everybody else gets stderr.
    replies_stream = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    cancelled: set[int] = set()
    replies = Replies(replies_stream)
    for_view, for_lists, for_checks = (Worker(replies, cancelled) for _ in range(3))
    for worker in (for_view, for_lists, for_checks):
        worker.start()
    for line in sys.stdin.buffer:
        envelope = REQUEST_WIRE.validate_json(line)
        match envelope.body:
            case Cancel(request=request):
                cancelled.add(request)
            case Check():
                for_checks.inbox.put(envelope)
            case Summarise() | SearchRows():
                for_lists.inbox.put(envelope)
            case _:
                for_view.inbox.put(envelope)
    return 0
