"""The end of a run's log."""

import re
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from workbench.screen_text import visible

TAIL_BYTES = 24_000
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


def read_tail(path: Path, limit: int = TAIL_BYTES) -> list[str]:
    """The last lines of a log, safe to show; what a carriage return overwrote is left out. [] where there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - limit))
            data = file.read(limit)
    except OSError:
        return []
    lines = data.decode("utf-8", "replace").split("\n")
    if size > limit:
        del lines[0]
    shown = [visible(_ESCAPES.sub("", line.rstrip("\r").rpartition("\r")[2]).expandtabs(4)) for line in lines]
    while shown and not shown[-1].strip():
        shown.pop()
    return shown


class LogTail(VerticalScroll):
    """The last lines, kept at the end unless scrolled away from it."""

    DEFAULT_CSS = """
    LogTail {
        height: 10; background: $surface; padding: 0 1;
        border-top: solid $border-blurred; border-title-color: $quiet;
        Static { color: $quiet; width: 1fr; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = "train.log"
        self._lines: list[str] | None = None
        self._text = Static()

    def compose(self) -> ComposeResult:
        """One text."""
        yield self._text

    def show(self, lines: list[str]) -> None:
        """Show these lines."""
        if lines == self._lines:
            return
        follow = self._lines is None or self.max_scroll_y - self.scroll_y < 2
        self._lines = lines
        self._text.update(Content("\n".join(lines) or "the log is empty"))
        if follow:
            self.scroll_end(animate=False)
