"""Appending lines to a file of a run: each by one `write`, none lost for want of room; training never dies of it."""

import logging
import os
from collections import deque
from collections.abc import Iterable
from pathlib import Path

LOG = logging.getLogger(__name__)

KEPT_BACK = 64 << 20
"""Bytes that wait in memory for a file to become writable; beyond them the oldest lines are given up."""


class LineFile:
    """Appends lines to `path`, continuing an existing file after its last whole line.

    Each line is one `os.write` on a descriptor opened with O_APPEND, so a reader sees whole lines or a last line
    without its newline. When the file cannot be written (disk full, file system gone), lines wait in memory, in order,
    and are tried again with each further one; the log says so once. A file that was deleted while its folder stands is
    created anew. For one thread at a time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._to_be_flushed = False
        self._failing = False

    def append(self, lines: Iterable[bytes] = (), *, durable: bool = False) -> bool:
        """Append lines, each with its newline; True once they, and all before them, are in the file.

        False means that they wait in memory. `durable` ones are also flushed to the disk, to outlive the machine.
        """
        for line in lines:
            self._waiting.append(line)
            self._bytes += len(line)
        self._to_be_flushed |= durable
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                self._write(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            self._keep_back(error)
            return False
        if self._failing:
            LOG.warning("%s can be written again, and has what waited in memory", self._path)
            self._failing = False
        return True

    def _write(self, descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        # A line cut short by a full disk or a killed process is ended first: readers skip it and count it.
        ended = b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""
        while self._waiting:
            data = ended + self._waiting[0]
            written = os.write(descriptor, data)
            if written != len(data):
                raise OSError(f"only {written} of {len(data)} bytes could be written")
            ended = b""
            self._bytes -= len(self._waiting.popleft())
        if self._to_be_flushed:
            os.fsync(descriptor)
            self._to_be_flushed = False

    def _keep_back(self, error: OSError) -> None:
        if not self._failing:
            LOG.warning("cannot write %s (%s): training goes on, what it tells waits in memory", self._path, error)
            self._failing = True
        while self._bytes > KEPT_BACK:
            self._bytes -= len(self._waiting.popleft())
