"""How a run failed, or what keeps it, as a person wants to read it: what, what to do, the last lines of its log."""

from textual.content import Content
from textual.widgets import Static

from workbench.screen_text import visible

_LINES = 3
_KEYS = {"failed": " · r resume", "crashed": " · r resume", "stalled": " · s stop", "orphaned": " · k clean up"}


class RunEnding(Static):
    """Shown for a run that failed, crashed or does not get on; the traceback is in the log, one key away."""

    DEFAULT_CSS = """
    RunEnding {
        height: auto; max-height: 11; padding: 0 1; border: round $error; border-title-color: $error;
        border-subtitle-color: $quiet; display: none; overflow-y: auto;
        &.-shown { display: block; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.text = ""

    def show(self, state: str, message: str, advice: str, log: list[str]) -> None:
        """Say how the run ended."""
        self.border_title = state
        self.border_subtitle = f"c copy · o log{_KEYS.get(state, '')}"
        said = [text[:60] for text in (message, advice) if text]
        last = [line for line in last_words(log) if not any(text in line for text in said)]
        self.text = "\n".join(part for part in (f"{state}: {message}", advice, *last) if part)
        parts = [Content.styled(visible(message or "It ended without a word.", keep="\n"), "bold")]
        if advice:
            parts.append(Content(visible(advice, keep="\n")))
        if last:
            parts.append(Content.styled("\n".join(last), "$quiet"))
        self.update(Content("\n").join(parts))
        self.add_class("-shown")

    def hide(self) -> None:
        """The run has not failed."""
        self.text = ""
        self.remove_class("-shown")


def last_words(log: list[str]) -> list[str]:
    """The log's last lines without the frames of a traceback, which say little to who did not write the code."""
    kept: list[str] = []
    inside = False
    for line in log:
        if "Traceback (most recent call last)" in line:
            inside = True
            continue
        if inside and (line.startswith((" ", "\t")) or not line.strip()):
            continue
        inside = False
        if line.strip():
            kept.append(line)
    return kept[-_LINES:]
