"""What the list of runs shows: each run's state and key numbers, read without reading the whole of its events."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Literal

from engine.events.reader import EventReader, read_tail
from engine.events.schema import Eval, Metric, Record, Start
from engine.runs.annotation import read_annotation
from engine.runs.error import RunError
from engine.runs.folder import RunFolder
from engine.runs.index import known_run_folders
from engine.runs.state import State, status_from

_WHOLE = 2 << 20
_HEAD = 1 << 16
_TAIL = 1 << 19
_PROBES = 48
_PROBE = 4096
SERIES_POINTS = 64


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run as the list shows it. Numbers that the run has not reported are None.

    `accuracy` is the last training step's, `eval_accuracy` the last evaluation's. `series` holds up to 64 values of
    the loss over the run's course, for a spark line. `created` is in Unix seconds. `tags`, `note` and `archived` are
    what people say about it (engine/runs/annotation.py).
    """

    name: str
    path: Path
    preset: str
    model_kind: Literal["pair", "steps"]
    state: State
    created: float
    step: int | None = None
    total_steps: int | None = None
    loss: float | None = None
    accuracy: float | None = None
    eval_accuracy: float | None = None
    series: tuple[float, ...] = ()
    device: str = ""
    message: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    archived: bool = False

    @property
    def live(self) -> bool:
        """Whether the run is going on."""
        return self.state.live


@dataclass(frozen=True, slots=True)
class _Course:
    """What the events say of a run, whatever its process does."""

    start: Start | None
    step: int | None
    latest: dict[str, float | None]
    evaluation: dict[str, float | None]
    series: tuple[float, ...]
    tail: tuple[Record, ...]


def list_runs(archived: bool = False) -> list[RunSummary]:
    """Every run in the index and in `./runs` that is still there: the living first, then the others, newest first.

    Archived runs are left out, unless `archived` asks for them too, or they are alive.
    """
    found = []
    for path in known_run_folders():
        try:
            found.append(summarise(RunFolder(path)))
        except RunError as error:
            if path.exists():
                found.append(RunSummary(path.name, path, "", "pair", State.CRASHED, 0.0, message=error.what))
    found = [run for run in found if archived or run.live or not run.archived]
    return sorted(found, key=lambda run: (not run.live, -run.created, run.name))


def summarise(run: RunFolder) -> RunSummary:
    """The summary of one run. Raises RunError where its manifest cannot be read."""
    manifest = run.manifest()
    course = _course(run.events)
    status = status_from(run, manifest, list(course.tail))
    latest, evaluation = course.latest, course.evaluation
    said = read_annotation(run)
    return RunSummary(
        name=run.name,
        path=run.path,
        preset=manifest.preset,
        model_kind=manifest.model_kind,
        state=status.state,
        created=manifest.created,
        step=course.step,
        total_steps=course.start.total_steps if course.start else None,
        loss=latest.get("loss"),
        accuracy=latest.get("accuracy"),
        eval_accuracy=evaluation.get("eval_accuracy"),
        series=course.series,
        device=course.start.device if course.start else "",
        message=status.message,
        tags=said.tags,
        note=said.note,
        archived=said.archived,
    )


def _course(events: Path) -> _Course:
    try:
        status = events.stat()
    except OSError:
        return _Course(None, None, {}, {}, (), ())
    return _course_of(events, status.st_ino, status.st_size)


@lru_cache(maxsize=512)
def _course_of(events: Path, inode: int, size: int) -> _Course:
    """Cached by the file's identity and length: what has not grown has not changed."""
    records = _whole(events) if size <= _WHOLE else _sampled(events, size)
    tail = records[-200:] if size <= _WHOLE else read_tail(events)
    start: Start | None = None
    step: int | None = None
    latest: dict[str, float | None] = {}
    evaluation: dict[str, float | None] = {}
    losses: dict[int, float] = {}
    for record in records:
        event = record.event
        if isinstance(event, Start):
            start = event
            resumed = _step_of(event.resumed_from)
            losses = {at: loss for at, loss in losses.items() if at <= resumed}
        elif isinstance(event, Metric):
            step, latest = event.step, event.values
            loss = event.values.get("loss")
            if loss is not None:
                losses[event.step] = loss
        elif isinstance(event, Eval):
            evaluation = event.values
    return _Course(start, step, latest, evaluation, _thinned(list(losses.values())), tuple(tail))


def _step_of(checkpoint: str | None) -> int:
    number = (checkpoint or "").rpartition("-")[2]
    return int(number) if number.isdigit() else 0


def _whole(events: Path) -> list[Record]:
    reader = EventReader(events)
    records: list[Record] = []
    while batch := reader.read():
        records += batch
    return records


def _sampled(events: Path, size: int) -> list[Record]:
    """The head, the tail, and a few lines at even distances between them."""
    reader = EventReader(events)
    records = {record.seq: record for record in reader.read(_HEAD)}
    try:
        with events.open("rb") as file:
            for probe in range(1, _PROBES):
                file.seek(_HEAD + (size - _HEAD - _TAIL) * probe // _PROBES)
                inner = file.read(_PROBE).split(b"\n")[1:-1]
                records |= {record.seq: record for record in reader.decode(inner[:1])}
    except OSError:
        pass
    records |= {record.seq: record for record in read_tail(events, _TAIL)}
    return [records[seq] for seq in sorted(records)]


def _thinned(values: list[float]) -> tuple[float, ...]:
    if len(values) <= SERIES_POINTS:
        return tuple(values)
    edges = [len(values) * i // SERIES_POINTS for i in range(SERIES_POINTS + 1)]
    return tuple(fmean(values[a:b]) for a, b in pairwise(edges))
