"""What there is to tell of a run, read from its folder: no model and no data are opened for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.events.alarms import Alarm, alarms
from engine.events.course import Course
from engine.events.reader import EventReader
from engine.events.schema import End, Eval, FindingEvent, Histogram, Metric, Start
from engine.preset.load import load_preset
from engine.preset.schema import Preset
from engine.preset.show import flat_values
from engine.runs.annotation import Annotation, read_annotation
from engine.runs.folder import RunFolder
from engine.runs.hard_rows import HardRow, judged_rows, ranked
from engine.runs.manifest import Manifest
from engine.runs.row_history import read_row_history
from engine.runs.state import Status, run_status

WORST = 10
"""Rows of each ranking that a report shows."""

PLACEHOLDER = "-"
"""Stands for the default of a key that has none."""

Points = list[tuple[int, float | None]]
"""(step, value) in ascending order of steps; None where the value was not finite."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A key of the preset whose value is not its default."""

    key: str
    value: Any
    default: Any


@dataclass(frozen=True, slots=True)
class Told:
    """What a run's events say, the steps that a resumed run trained again left out the first time.

    `train` and `evals` hold the points of each metric; eval names lose their `eval_`.
    """

    start: Start | None
    end: End | None
    train: dict[str, Points]
    evals: dict[str, Points]
    histograms: dict[str, Histogram]
    findings: tuple[FindingEvent, ...]
    alarms: tuple[Alarm, ...]
    seconds: float
    attempts: int
    checkpoints: int

    @property
    def steps(self) -> int:
        """The last optimizer step that a metric tells of."""
        return max((points[-1][0] for points in self.train.values() if points), default=0)


@dataclass(frozen=True, slots=True)
class Story:
    """A run, as its report tells it. `hard` has the worst rows by ranking, of the training rows."""

    name: str
    manifest: Manifest
    status: Status
    said: Annotation
    told: Told
    preset: str
    changed: tuple[Changed, ...]
    hard: Mapping[str, tuple[HardRow, ...]] = field(default_factory=dict)
    rows_seen: int = 0


def read_story(run: RunFolder) -> Story:
    """Read a run's story. Raises RunError or PresetError where the run or its preset cannot be read."""
    manifest, status = run.manifest(), run_status(run)
    loaded = load_preset(str(run.preset))
    seen = judged_rows(read_row_history(run.path))
    rankings = ("worst", "mislabelled", "forgotten")
    return Story(
        name=run.name,
        manifest=manifest,
        status=status,
        said=read_annotation(run),
        told=read_events(EventReader(run.events)),
        preset=run.preset.read_text(encoding="utf-8", errors="replace"),
        changed=changed_values(loaded.preset),
        hard={name: tuple(ranked(seen, name)[:WORST]) for name in rankings} if seen else {},  # type: ignore[arg-type]
        rows_seen=len(seen),
    )


def changed_values(preset: Preset) -> tuple[Changed, ...]:
    """The keys that differ from their defaults, in the schema's order."""
    empty = [{"path": PLACEHOLDER}]
    kind = "reward_model" if preset.model_kind == "pair" else "process_reward_model"
    plain = Preset.model_validate(
        {
            "base_model": PLACEHOLDER,
            kind: True,
            "datasets": empty * len(preset.datasets),
            "test_datasets": empty * len(preset.test_datasets),
        }
    )
    defaults, values = flat_values(plain), flat_values(preset)
    return tuple(
        Changed(key, value, defaults.get(key)) for key, value in values.items() if value != defaults.get(key, _NOTHING)
    )


_NOTHING = object()


def read_events(reader: EventReader) -> Told:
    """Fold a run's events."""
    start: Start | None = None
    end: End | None = None
    train: dict[str, Points] = {}
    evals: dict[str, Points] = {}
    histograms: dict[str, Histogram] = {}
    findings: dict[tuple[str, str], FindingEvent] = {}
    course, seconds, before, attempts, checkpoints, last = Course(), 0.0, None, 0, 0, 0
    while records := reader.read():
        for record in records:
            event = record.event
            seconds += max(0.0, record.time - before) if before is not None and not isinstance(event, Start) else 0.0
            before = record.time
            course.add(event)
            if isinstance(event, Metric):
                if event.step <= last:
                    _forget(train, event.step)
                    _forget(evals, event.step)
                last = event.step
                _extend(train, event, "")
            elif isinstance(event, Eval):
                _forget(evals, event.step)
                _extend(evals, event, "eval_")
            elif isinstance(event, Histogram):
                histograms[event.split] = event
            elif isinstance(event, FindingEvent):
                findings[event.code, event.message] = event
            elif isinstance(event, Start):
                start, end, attempts = event, None, attempts + 1
            elif isinstance(event, End):
                end = event
            elif event.kind == "checkpoint":
                checkpoints += 1
    return Told(
        start=start, end=end, train=train, evals=evals, histograms=histograms, findings=tuple(findings.values()),
        alarms=alarms(course), seconds=seconds, attempts=attempts, checkpoints=checkpoints,
    )  # fmt: skip


def _extend(into: dict[str, Points], event: Metric | Eval, prefix: str) -> None:
    for full_name, value in event.values.items():
        if value is not None or full_name in event.not_finite:
            into.setdefault(full_name.removeprefix(prefix), []).append((event.step, value))


def _forget(series: dict[str, Points], step: int) -> None:
    for points in series.values():
        while points and points[-1][0] >= step:
            points.pop()
