"""What a run is doing, or how it ended: from its events, its lock and its process, never from silence."""

import re
import signal
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from engine.events.reader import read_tail
from engine.events.schema import End, Metric, PhaseEvent, Record
from engine.runs.error import RunError
from engine.runs.folder import RunFolder
from engine.runs.heartbeat import stalled
from engine.runs.lock import is_locked
from engine.runs.manifest import Manifest
from engine.runs.process import is_here, keeper_alive, leader_alive, survivors
from engine.visible import visible


class State(StrEnum):
    """What a run is doing, or how it ended.

    `queued`: it waits for a GPU, or for another run. `stalled`: its process is alive, but its heartbeat says that it
    does not get on. `orphaned`: the process that leads it is dead, but others of its processes are alive: they may
    still train, or hold a GPU for nothing. `crashed`: all of it is gone, and none of it said how it ended.
    """

    QUEUED = "queued"
    STARTING = "starting"
    LOADING = "loading"
    ENCODING = "encoding"
    TRAINING = "training"
    EVALUATING = "evaluating"
    SAVING = "saving"
    STOPPING = "stopping"
    STALLED = "stalled"
    ORPHANED = "orphaned"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    CRASHED = "crashed"

    @property
    def live(self) -> bool:
        """Whether some process of the run is alive."""
        return self not in _OVER


_OVER = frozenset({State.FINISHED, State.STOPPED, State.FAILED, State.CRASHED})


@dataclass(frozen=True, slots=True)
class Status:
    """A run's state, and what there is to say about it.

    `done` of `total` is how far the phase is, where that is known. For a crash, `exit_code` (negative: the signal's
    number; None: unknown, because whoever launched the run is gone), and the log's last lines. `workers` are the
    numbers of the processes that outlived their leader: `clean_up` (engine/runs/stop.py) ends them.
    """

    state: State
    message: str = ""
    advice: str = ""
    done: int | None = None
    total: int | None = None
    exit_code: int | None = None
    log_tail: tuple[str, ...] = ()
    workers: tuple[int, ...] = ()


def run_state(run: RunFolder) -> State:
    """The run's state."""
    return run_status(run).state


def run_status(run: RunFolder) -> Status:
    """The run's state with what there is to say about it. Raises RunError where the folder holds no run."""
    return status_from(run, run.manifest(), read_tail(run.events))


def status_from(run: RunFolder, manifest: Manifest, tail: list[Record]) -> Status:
    """The run's status, given its manifest and its last events (enough of them to hold what came last)."""
    last = _last_word(tail)
    leads = leader_alive(manifest) or keeper_alive(manifest)
    locked = leads or is_locked(run.path)
    if isinstance(last, End):
        workers = survivors(manifest) if locked and not leads else ()
        return Status(State(last.status), last.message, last.advice, workers=workers)
    unknown = not is_here(manifest) or (manifest.process_identity is None and manifest.keeper_identity is None)
    if leads or (locked and unknown):
        return _going_on(run, manifest, last)
    if workers := survivors(manifest):
        return _orphaned(run, manifest, workers)
    if isinstance(refreshed := _last_word(read_tail(run.events)), End):
        # It ended between our reading of the events and our look at its process.
        return Status(State(refreshed.status), refreshed.message, refreshed.advice)
    return _crashed(run, manifest)


def _orphaned(run: RunFolder, manifest: Manifest, workers: tuple[int, ...]) -> Status:
    many = len(workers) > 1
    numbers = ", ".join(map(str, workers))
    return Status(
        State.ORPHANED,
        f"its leading process {manifest.pid} is dead; {'processes' if many else 'process'} {numbers} of it"
        f" {'are' if many else 'is'} still alive",
        f"`rm-workbench runs clean {visible(run.name)}` ends {'them' if many else 'it'}; then the run can be resumed",
        workers=workers,
    )


def _last_word(tail: list[Record]) -> End | PhaseEvent | None:
    """The last end or phase event; a metric after it says that training goes on."""
    trains = False
    for record in reversed(tail):
        event = record.event
        if isinstance(event, End):
            return event
        if isinstance(event, PhaseEvent):
            return PhaseEvent("training") if trains and event.phase not in {"training", "stopping"} else event
        trains = trains or isinstance(event, Metric)
    return PhaseEvent("training") if trains else None


def _going_on(run: RunFolder, manifest: Manifest, last: PhaseEvent | None) -> Status:
    if is_here(manifest) and (why := stalled(run.path, manifest.launch_id)):
        advice = "the log may say why; a stop is heard only when it gets on, a kill always"
        return Status(State.STALLED, why, advice, log_tail=tuple(log_tail(run)))
    if last is None:
        return Status(State.STARTING)
    if last.phase != "queued" and run.stop_request.exists():
        return Status(State.STOPPING, "asked to stop: it saves a checkpoint at the step's end")
    return Status(State(last.phase), last.message, done=last.done, total=last.total)


def _crashed(run: RunFolder, manifest: Manifest) -> Status:
    with suppress(RunError):
        # Its keeper may have noted the end since.
        manifest = run.manifest()
    code = manifest.exit_code
    if manifest.launched is None and not run.events.exists():
        return Status(State.CRASHED, "created, but never launched", "remove it, and train the preset again")
    lines = log_tail(run)
    checkpoints = run.checkpoints()
    advice = "it left no checkpoint: mend the cause, and train the preset again"
    if checkpoints:
        advice = f"resume it from {checkpoints[-1].name}"
    cause = guess_cause(lines, code, manifest.memory_kills)
    message = _how_it_ended(code, manifest) + (f"; {cause}" if cause else "")
    return Status(State.CRASHED, message, advice, exit_code=code, log_tail=tuple(lines))


def _how_it_ended(code: int | None, manifest: Manifest) -> str:
    if code is None:
        where = "" if is_here(manifest) else f" on {visible(manifest.host or '?')}"
        return f"its process is gone{where}, and nobody saw how it ended"
    if code < 0:
        try:
            return f"killed by signal {-code} ({signal.Signals(-code).name})"
        except ValueError:
            return f"killed by signal {-code}"
    return f"ended with exit code {code} without saying why"


def log_tail(run: RunFolder, lines: int = 12) -> list[str]:
    """The last lines of the run's log that are not empty, safe to show."""
    try:
        with run.log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - 16_384))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    shown = [visible(line.rstrip())[:500] for line in re.split(r"[\r\n]+", text) if line.strip()]
    return shown[-lines:]


_CAUSES = (
    (r"CUDA out of memory|OutOfMemoryError|HIP out of memory|MPS backend out of memory", "out of GPU memory"),
    (r"\bMemoryError\b|Cannot allocate memory|can't allocate memory|std::bad_alloc", "out of memory"),
    (r"No space left on device|Disk quota exceeded", "the disk is full"),
    (r"NCCL error|ncclSystemError|NCCL watchdog", "the connection between the GPUs failed (NCCL)"),
    (r"CUDA error", "the GPU reported an error"),
    (r"(ModuleNotFoundError|ImportError): .*", None),
    (r"Segmentation fault", "it crashed in native code"),
)


def guess_cause(lines: list[str], code: int | None, memory_kills: int | None = None) -> str:
    """What probably ended a crashed run; "" without a guess.

    Told from the last lines of its log, its exit code, and how many processes the kernel killed for lack of memory
    while it lived (None: not known).
    """
    text = "\n".join(lines)
    for pattern, cause in _CAUSES:
        if match := re.search(pattern, text):
            return f"probably {cause}" if cause else match[0][:200]
    if code == -signal.SIGKILL and memory_kills:
        return "probably out of memory: the kernel killed a process for lack of it while the run lived"
    if code == -signal.SIGKILL and memory_kills == 0:
        return "someone killed it: the kernel killed nothing for lack of memory while the run lived"
    if code == -signal.SIGKILL:
        return "someone killed it, or the machine ran out of memory (`dmesg` tells)"
    errors = [line for line in lines if re.match(r"[\w.]+(Error|Exception)\b", line)]
    return errors[-1][:200] if errors else ""
