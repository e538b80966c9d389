"""A run followed from the command line: a progress bar on a terminal, lines elsewhere, or the events as JSON."""

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from engine.events.schema import Checkpoint, Eval, Event, FindingEvent, Metric, PhaseEvent, Start
from engine.runs.error import RunError
from engine.runs.folder import RunFolder
from engine.runs.follow import follow
from engine.runs.state import State, Status, run_status
from engine.runs.stop import PATIENCE, kill, stop
from engine.visible import visible
from engine.words import counted, fraction, short_number

SHOWN = ("loss", "accuracy", "balanced_accuracy", "margin", "learning_rate")
"""The training metrics that a line has room for."""
ON_THE_BAR = ("loss", "accuracy")
"""Those that fit beside a progress bar in 80 columns."""
BASELINES = {"eval_length_baseline": "choosing by length alone", "eval_majority_baseline": "the majority class alone"}
_STYLES = {"error": "red", "warning": "yellow", "info": "dim"}
_BAR = 24
_SECONDS_BETWEEN_LINES = 2.0


class _Shows(Protocol):
    def show(self, event: Event) -> None: ...


def watch_run(run: RunFolder, *, as_json: bool, owner: bool) -> int:
    """Follow a run until it is over; 0 if it finished or was stopped, 1 if it failed or crashed.

    The `owner` launched it: Ctrl-C asks it to stop, a second Ctrl-C kills it. For others, Ctrl-C ends the watching.
    """
    console = Console(highlight=False, soft_wrap=True, stderr=as_json)
    values: dict[str, float | None] = {}
    interrupts = _Interrupts()
    worried: State | None = None
    with interrupts.counted(), _shower(console, as_json) as shower:
        for batch in follow(run):
            for record in batch.records:
                if isinstance(record.event, Eval):
                    values = record.event.values
                shower.show(record.event)
            if as_json:
                _print_lines(batch.lines)
            worried = _worry(batch.status, worried, console)
            if interrupts.new() and not _interrupted(run, interrupts.count, owner, console):
                return 130
    status = run_status(run)
    _conclude(run, status, values, console, quiet=as_json)
    return 0 if status.state in {State.FINISHED, State.STOPPED} else 1


class _Interrupts:
    """Ctrl-C as a count that the loop looks at: an exception in the middle of a read would lose events."""

    def __init__(self) -> None:
        self.count = 0
        self._seen = 0

    def new(self) -> bool:
        fresh = self.count > self._seen
        self._seen = self.count
        return fresh

    @contextmanager
    def counted(self) -> Iterator[None]:
        before = signal.signal(signal.SIGINT, self._take)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.count += 1


def _worry(status: Status | None, worried: State | None, console: Console) -> State | None:
    """Say once that the run is stalled or orphaned: it may go on, and the watching does."""
    state = status.state if status is not None and status.state in {State.STALLED, State.ORPHANED} else None
    if status is not None and state is not None and state is not worried:
        console.print(Text(f"{state}: {visible(status.message)}", style="yellow"))
        console.print(Text(f"  {visible(status.advice)}"))
    return state


def _interrupted(run: RunFolder, count: int, owner: bool, console: Console) -> bool:
    """Act on Ctrl-C; False if the watching is to end."""
    if not owner:
        console.print(Text(f"{run.name} goes on; `rm-workbench runs watch {run.name}` looks again", style="dim"))
        return False
    try:
        if count == 1:
            console.print(Text("stopping: it saves a checkpoint at the step's end (Ctrl-C again kills it)"))
            stop(run)
        else:
            console.print(Text(f"killing: what does not end within {PATIENCE:.0f} seconds is ended"))
            kill(run)
    except RunError as error:
        console.print(Text(visible(str(error), keep="\n"), style="yellow"))
    return True


def _print_lines(lines: tuple[bytes, ...]) -> None:
    """The events as they stand in the file. What is no JSON object, or could act on a terminal, is not passed on."""
    for line in lines:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            text = line.decode() if line.isascii() else json.dumps(value)
            sys.stdout.write(text.replace("\x7f", "\\u007f") + "\n")
    if lines:
        sys.stdout.flush()


@contextmanager
def _shower(console: Console, as_json: bool) -> Iterator[_Shows]:
    if as_json:
        yield _Silent()
    elif console.is_terminal:
        with _Bar(console) as bar:
            yield bar
    else:
        yield _Lines(console)


class _Silent:
    def show(self, event: Event) -> None:
        """Nothing: the events themselves are printed."""


class _Bar:
    """A progress bar at the bottom, what deserves to stay above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=None, numbers="")
        self._steps: int | None = None

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        if isinstance(event, Start):
            self._steps = event.total_steps
        elif isinstance(event, PhaseEvent):
            training = event.phase == "training"
            total = event.total if event.total is not None else self._steps if training else None
            described = "training" if training else _phase_text(event)
            done = event.done if event.done is not None else self._progress.tasks[0].completed if training else 0
            numbers = self._progress.tasks[0].fields["numbers"] if training else ""
            self._progress.update(self._task, description=described[:32], total=total, completed=done, numbers=numbers)
        elif isinstance(event, Metric):
            self._progress.update(
                self._task,
                description="training",
                total=self._steps,
                completed=event.step,
                numbers=_numbers({name: event.values[name] for name in ON_THE_BAR if name in event.values}),
            )
        line = _line(event)
        if line is not None:
            self._progress.console.print(line)


class _Lines:
    """A line for everything worth one; of the metrics no more than one every two seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps: int | None = None
        self._phase: tuple[str, str] | None = None
        self._printed = 0.0

    def show(self, event: Event) -> None:
        if isinstance(event, Start):
            self._steps = event.total_steps
        elif isinstance(event, PhaseEvent) and (event.phase, event.message) != self._phase:
            self._phase = event.phase, event.message
            self._console.print(Text(_phase_text(event)))
        elif isinstance(event, Metric):
            last = event.step == self._steps
            if last or time.monotonic() - self._printed >= _SECONDS_BETWEEN_LINES:
                self._printed = time.monotonic()
                self._console.print(Text(f"{_bar(event.step, self._steps)}  {_numbers(event.values)}"))
        line = _line(event)
        if line is not None:
            self._console.print(line)
        self._console.file.flush()


def _line(event: Event) -> Text | None:
    """The line that an event leaves behind; None for those that only move the progress."""
    if isinstance(event, Start):
        return Text(_start_text(event))
    if isinstance(event, Eval):
        return Text(f"step {event.step}: held-out {_numbers(event.values, 'eval_')}")
    if isinstance(event, Checkpoint):
        return Text(f"step {event.step}: saved {visible(event.path)}", style="dim")
    if isinstance(event, FindingEvent):
        return Text(f"{event.severity} {visible(event.code)}: {visible(event.message)}", style=_STYLES[event.severity])
    return None


def _phase_text(event: PhaseEvent) -> str:
    if not event.message:
        return event.phase
    message = visible(event.message)
    return message if message.startswith(event.phase) else f"{event.phase}: {message}"


def _start_text(start: Start) -> str:
    held_out = f"; held out: {_ledger_text(start.eval_ledger)}" if start.eval_ledger else ""
    resumed = f"; resumed from {visible(start.resumed_from)}" if start.resumed_from else ""
    return (
        f"{counted(start.total_steps, 'step')} on {visible(start.device)}, "
        f"{start.trained_parameters:,} of {start.parameters:,} parameters trained, "
        f"{_ledger_text(start.ledger)}{held_out}{resumed}"
    )


def _ledger_text(ledger: dict[str, Any]) -> str:
    dropped = ledger.get("dropped") or {}
    reasons = ", ".join(f"{visible(str(reason))} {count}" for reason, count in dropped.items())
    left_out = f"; left out: {reasons}" if reasons else ""
    return f"{ledger.get('kept', '?')} of {ledger.get('rows', '?')} rows{left_out}"


def _numbers(values: dict[str, float | None], prefix: str = "") -> str:
    names = [name for name in SHOWN if prefix + name in values]
    written = ((name, (fraction if "accuracy" in name else short_number)(values[prefix + name])) for name in names)
    return "  ".join(f"{name.replace('_', ' ')} {number}" for name, number in written)


def _bar(step: int, steps: int | None) -> str:
    if not steps:
        return f"step {step}"
    full = min(_BAR, _BAR * step // steps)
    return f"[{'#' * full}{'.' * (_BAR - full)}] {step:>{len(str(steps))}}/{steps}"


def _conclude(run: RunFolder, status: Status, values: dict[str, float | None], console: Console, quiet: bool) -> None:
    good = status.state in {State.FINISHED, State.STOPPED}
    if quiet and good:
        return
    message = f"{status.state}: {visible(status.message)}" if status.message else status.state.value
    console.print(Text(message, style="green" if status.state is State.FINISHED else "yellow" if good else "red"))
    if status.advice:
        console.print(Text(f"  {visible(status.advice)}"))
    for line in status.log_tail:
        console.print(Text(f"  | {line}", style="dim"))
    rows = []
    if status.state is State.FINISHED:
        if "eval_accuracy" in values:
            rows.append(("held-out accuracy", fraction(values["eval_accuracy"])))
        rows += [(label, fraction(values[name])) for name, label in BASELINES.items() if name in values]
        if run.model.is_dir():
            rows.append(("model", str(run.model)))
    elif not good:
        rows.append(("log", str(run.log)))
    elif run.checkpoints():
        rows.append(("resume with", f"rm-workbench runs resume {run.name}"))
    rows.append(("run", str(run.path)))
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        console.print(Text(f"  {label:<{width}}  {visible(value)}"))
