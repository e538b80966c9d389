"""The screen's side of the inspector: starts the process, asks, and starts it again should it die."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from pydantic_core import PydanticSerializationError

from engine.entry import engine_command, engine_environment
from engine.inspector.check_messages import CheckReport
from engine.inspector.messages import (
    REPLY_WIRE,
    REQUEST_WIRE,
    Cancel,
    Check,
    Describe,
    Description,
    EncodeRows,
    Envelope,
    Failure,
    Locate,
    PresetText,
    Reply,
    Request,
    Rows,
    SearchRows,
    Summarise,
    is_on_the_way,
)
from engine.inspector.row_messages import Done, Located, RowsFound, RowSummaries
from engine.progress import Progress
from engine.sample import Split

DIED = "The inspector process died ({}) while it worked on this."
LOG_KEPT = 1_000_000
"""Bytes of the inspector's log beyond which a new start begins it anew."""


class Inspector:
    """Asks the inspector process; `async with` starts it and ends it.

    A request is given up when the task that awaits it is cancelled. If the process dies, the requests under way are
    answered by a Failure, and the next request starts it again; `restarts` counts that. `checked` is the last preset
    that was checked to its end, with its report.
    """

    def __init__(self, log: Path) -> None:
        self.restarts = 0
        self.checked: tuple[PresetText, CheckReport] | None = None
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Queue[Reply]] = {}
        self._numbers = itertools.count(1)
        self._starting = asyncio.Lock()
        self._closed = False

    async def __aenter__(self) -> Self:
        await self._running()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the process; requests under way are answered by a Failure."""
        self._closed = True
        process = self._process
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()
        if self._reader is not None:
            await self._reader

    async def describe(self, preset: PresetText) -> Description | Failure:
        """What the preset opens."""
        reply = await self._ask(Describe(preset))
        assert isinstance(reply, Description | Failure)
        return reply

    async def rows(self, preset: PresetText, split: Split, start: int, stop: int) -> Rows | Failure:
        """The samples of rows start to stop (exclusive) of a split, encoded for view."""
        reply = await self._ask(EncodeRows(preset, start, stop, split))
        assert isinstance(reply, Rows | Failure)
        return reply

    async def locate(self, preset: PresetText, split: Split, places: tuple[tuple[int, int], ...]) -> Located | Failure:
        """The positions in a split of rows given as (data set, row)."""
        reply = await self._ask(Locate(preset, places, split))
        assert isinstance(reply, Located | Failure)
        return reply

    async def summarise(
        self, preset: PresetText, split: Split, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[RowSummaries | Done | Failure]:
        """Rows of a split in short, chunk after chunk; at the end Done or a Failure."""
        async with contextlib.aclosing(self._replies(Summarise(preset, split, start, stop))) as replies:
            async for reply in replies:
                assert isinstance(reply, RowSummaries | Done | Failure)
                yield reply

    async def search(
        self, preset: PresetText, split: Split, text: str, start: int = 0
    ) -> AsyncIterator[RowsFound | Done | Failure]:
        """The rows of a split in which a text (or `#1234`, a token) is found; at the end Done or a Failure.

        Rows from `start` on come first, then those before it.
        """
        async with contextlib.aclosing(self._replies(SearchRows(preset, text, split, start))) as replies:
            async for reply in replies:
                assert isinstance(reply, RowsFound | Done | Failure)
                yield reply

    async def check(self, preset: PresetText) -> AsyncIterator[Progress | CheckReport | Failure]:
        """Check the whole data set: progress and partial reports as they come, at the end the report or a Failure."""
        async with contextlib.aclosing(self._replies(Check(preset))) as replies:
            async for reply in replies:
                assert isinstance(reply, Progress | CheckReport | Failure)
                if isinstance(reply, CheckReport) and reply.complete:
                    self.checked = preset, reply
                yield reply

    async def _ask(self, request: Request) -> Reply:
        async with contextlib.aclosing(self._replies(request)) as replies:
            async for reply in replies:
                if not isinstance(reply, Progress):
                    return reply
        raise AssertionError("a request always ends in an answer")

    async def _replies(self, request: Request) -> AsyncGenerator[Reply, None]:
        number = next(self._numbers)
        inbox = self._waiting[number] = asyncio.Queue()
        answered = False
        try:
            await self._send(Envelope(number, request))
            while not answered:
                reply = await inbox.get()
                answered = not is_on_the_way(reply)
                yield reply
        finally:
            del self._waiting[number]
            if not answered and self._process is not None and self._process.returncode is None:
                # Nobody waits for it any more; the process may drop it if it has not begun.
                self._write(self._process, Envelope(next(self._numbers), Cancel(number)))

    async def _send(self, envelope: Envelope) -> None:
        if self._closed:
            self._waiting[envelope.request].put_nowait(Failure("The inspector is closed.", cancelled=True))
            return
        process = await self._running()
        try:
            self._write(process, envelope)
        except PydanticSerializationError:
            said = Failure(
                "A name or a text here is not Unicode.", advice="Rename the file or folder in plain letters."
            )
            self._waiting[envelope.request].put_nowait(said)

    @staticmethod
    def _write(process: asyncio.subprocess.Process, envelope: Envelope) -> None:
        assert process.stdin is not None
        process.stdin.write(REQUEST_WIRE.dump_json(envelope) + b"\n")

    async def _running(self) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._process is None or self._process.returncode is not None:
                if self._process is not None:
                    self.restarts += 1
                with self._open_log() as log:
                    self._process = await asyncio.create_subprocess_exec(
                        *engine_command("inspect"),
                        stdin=asyncio.subprocess.PIPE,
                        stdout=asyncio.subprocess.PIPE,
                        stderr=log,
                        env=engine_environment({"TOKENIZERS_PARALLELISM": "true", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}),
                        # Ctrl-C in the terminal is for the screen; the inspector ends when its stdin does.
                        start_new_session=True,
                    )
                self._reader = asyncio.create_task(self._read(self._process))
            return self._process

    def _open_log(self) -> IO[bytes]:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        too_long = self._log.exists() and self._log.stat().st_size > LOG_KEPT
        return self._log.open("wb" if too_long else "ab")

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        rest = bytearray()
        while chunk := await process.stdout.read(1 << 20):
            rest += chunk
            *lines, tail = rest.split(b"\n") if b"\n" in chunk else (rest,)
            rest = bytearray(tail)
            for line in lines:
                envelope = await asyncio.to_thread(REPLY_WIRE.validate_json, bytes(line))
                if inbox := self._waiting.get(envelope.request):
                    inbox.put_nowait(envelope.body)
        code = await process.wait()
        cause = f"signal {-code}" if code < 0 else f"exit code {code}"
        for inbox in self._waiting.values():
            inbox.put_nowait(Failure(DIED.format(cause), str(self._log), "It is started again at the next request."))
