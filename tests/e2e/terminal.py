"""A real terminal for tests: a program in a pseudo-terminal, its screen as a person would read it."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "down": "\x1b[B",
    "up": "\x1b[A",
    "ctrl+q": "\x11",
    "f1": "\x1bOP",
}


class Terminal:
    """Runs `command` on a pseudo-terminal of `columns` x `lines`; a context manager that leaves no process behind."""

    def __init__(self, command: Sequence[str], *, columns: int, lines: int, env: Mapping[str, str], cwd: Path) -> None:
        self.screen = pyte.Screen(columns, lines)
        self.raw = bytearray()
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        # The size is the terminal's; these two, which other tests may have set, would overrule it.
        inherited = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env={**inherited, "TERM": "xterm-256color"},
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self._master)

    @property
    def text(self) -> str:
        """The screen, line by line."""
        return "\n".join(self.screen.display)

    def press(self, *keys: str) -> None:
        """Type keys: names of KEYS, or characters."""
        for key in keys:
            os.write(self._master, KEYS.get(key, key).encode())
            self.read(0.05)

    def read(self, seconds: float) -> None:
        """Take in what the program writes during `seconds`."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self._master], [], [], left)[0]:
                try:
                    data = os.read(self._master, 1 << 16)
                except OSError:  # Linux says EIO when the other side is gone
                    return
                self.raw += data
                self._stream.feed(data)

    def wait_for(self, *wanted: str, seconds: float = 60) -> None:
        """Read until one of the texts is on the screen; fails with the screen's content otherwise."""
        until = time.monotonic() + seconds
        while not any(text in self.text for text in wanted):
            if time.monotonic() > until:
                raise AssertionError(f"none of {wanted} came to the screen in {seconds} s:\n{self.text}")
            self.read(0.1)

    def wait_for_exit(self, seconds: float = 20) -> int:
        """Read until the program has ended; its exit code."""
        until = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < until, f"the program did not end:\n{self.text}"
            self.read(0.1)
        return self.process.returncode
