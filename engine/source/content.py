"""The bytes of a data file, read piece by piece.

Read, not mapped: people mend their data while it is open here, and a map of a file that was cut short kills the
process at the next access.
"""

from pathlib import Path

from engine.source.row import SourceError

_WINDOW = 1 << 18


class Content:
    """A file's bytes at any place. A window of 256 KiB around the last place read is kept.

    `unpacked` are the bytes of a compressed file. SourceError at the next read if the file has changed since.
    """

    def __init__(self, path: Path, unpacked: bytes | None = None) -> None:
        self._path = path
        self._stamp = _stamp(path) if unpacked is None else (len(unpacked), 0, 0)
        self._begin = 0
        self._window = unpacked or b""
        self.size = self._stamp[0]

    def read(self, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop` (exclusive), fewer at the end."""
        stop = min(stop, self.size)
        if not self._begin <= start <= stop <= self._begin + len(self._window):
            self._move_to(start, stop)
        return self._window[start - self._begin : stop - self._begin]

    def _move_to(self, start: int, stop: int) -> None:
        try:
            if _stamp(self._path) != self._stamp:
                raise SourceError("the file has changed since it was opened", str(self._path), "Open it again.")
            with self._path.open("rb") as file:
                file.seek(start)
                self._window = file.read(max(stop - start, _WINDOW))
        except OSError as error:
            advice = "Check that it is still there."
            raise SourceError(f"the file cannot be read: {error.strerror}", str(self._path), advice) from error
        self._begin = start


def _stamp(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino
