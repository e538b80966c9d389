"""Two lines that say how a run stands: its state with progress and time left, and what it trains."""

from textual.content import Content
from textual.widgets import Static

from engine.words import short_number
from workbench.run_history import RunHistory
from workbench.screen_text import visible
from workbench.widgets.ticks import short_duration

MARKS = {
    "finished": ("✓", "$success"),
    "stopped": ("■", "$warning"),
    "failed": ("✗", "$error"),
    "crashed": ("✗", "$error"),
    "stalled": ("◌", "$warning"),
    "orphaned": ("◌", "$warning"),
    "queued": ("○", "$quiet"),
}
"""The sign and colour of a state; those of a run at work are not listed."""

LIVE = ("●", "$primary")
_FULL, _HALF, _REST = "━", "╸", "─"


class StateLine(Static):
    """State, step, progress and time left above; rows, model, device and checkpoint below."""

    DEFAULT_CSS = """
    StateLine { height: 2; background: $panel; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def show(self, name: str, state: str, history: RunHistory, note: str = "", said: str = "") -> None:
        """Show the run `name` in `state` (a word of MARKS, or a phase); `note` is what holds the picture up, `said`
        what there is to say of the state in place of the run's facts.
        """
        above = _first_line(visible(name), state, history, self.content_size.width or 78, note)
        below = Content.styled(visible(said), "$quiet") if said else _second_line(state, history)
        self.update(Content("\n").join((above, below)))


def mark_of(state: str) -> tuple[str, str]:
    """The sign and the colour of a state."""
    return MARKS.get(state, LIVE)


def progress_bar(done: int, total: int, width: int) -> tuple[str, str]:
    """The filled and the empty part of a bar of `width` characters."""
    halves = round(min(max(done / total, 0.0), 1.0) * width * 2) if total else 0
    filled = _FULL * (halves // 2) + (_HALF if halves % 2 else "")
    return filled, _REST * (width - len(filled))


def _first_line(name: str, state: str, history: RunHistory, width: int, note: str) -> Content:
    mark, colour = mark_of(state)
    parts: list[Content | tuple[str, str]] = [(f"{mark} {state}", f"bold {colour}"), (f"  {name}", "bold")]
    if note:
        parts.append((f"  {note}", "$warning"))
    live = state not in MARKS or state in ("stalled", "orphaned", "queued")
    progress = history.progress if live else ((history.reached, history.total_steps) if history.total_steps else None)
    after: list[tuple[str, str]] = []
    if progress:
        done, total = progress
        training = history.phase is None or history.phase.phase in ("training", "stopping") or not live
        after.append((f"  {'step ' if training else ''}{done:,}/{total:,}", ""))
        share = f"{100 * done / total:3.0f} %" if total else ""
        left = history.time_left if live else None
        time = f"  {short_duration(left)} left" if left is not None else ""
        if not live and history.elapsed:
            time = f"  in {short_duration(history.elapsed)}"
        used = Content.assemble(*parts, *after).cell_length + len(share) + len(time) + 3
        room = min(width - used, 60)
        if room >= 6:
            filled, rest = progress_bar(done, total, room)
            after += [("  ", ""), (filled, colour), (rest, "$quiet 50%")]
        after += [(f" {share}", ""), (time, "$quiet")]
    elif live and history.start is not None and history.phase is not None and history.phase.message:
        after.append((f"  {visible(history.phase.message)}", "$quiet"))
    return Content.assemble(*parts, *after)


def _second_line(state: str, history: RunHistory) -> Content:
    ended = history.end is not None and state in ("finished", "stopped")
    said = Content.styled(visible(history.end.message), "$foreground") if ended and history.end else Content("")
    start = history.start
    if start is None:
        message = history.phase.message if history.phase else ""
        return Content.styled(visible(message) or ("" if state in MARKS else "looking…"), "$quiet")
    kept, rows = start.ledger.get("kept"), start.ledger.get("rows")
    facts = [
        "pairs" if start.model_kind == "pair" else "steps",
        f"{kept:,}/{rows:,} rows" if isinstance(kept, int) and isinstance(rows, int) else "",
        _parameters(start.parameters, start.trained_parameters),
        visible(start.device),
        f"epoch {history.epoch:.2f}" if history.epoch else "",
        f"saved at step {history.checkpoints[-1].step:,}" if history.checkpoints else "nothing saved",
        f"attempt {history.attempts}" if history.attempts > 1 else "",
    ]
    told = Content.styled(" · ".join(fact for fact in facts if fact), "$quiet")
    return said + Content("  ") + told if said else told


def _parameters(total: int, trained: int) -> str:
    if not total:
        return ""
    if trained and trained != total:
        return f"{short_number(trained)} of {short_number(total)} weights"
    return f"{short_number(total)} weights"
