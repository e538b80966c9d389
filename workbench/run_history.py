"""What the screen knows of a run: its events folded into series, a state, and numbers to read."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from engine.events.alarms import Course
from engine.events.schema import Checkpoint, End, Eval, FindingEvent, Metric, PhaseEvent, Record, Start
from workbench.widgets.series import Series

AXES = ("step", "time", "epoch")
"""What can lie along a chart: optimizer steps, seconds of the run's own time, epochs."""

_PACE = 32


@dataclass(slots=True)
class RunHistory:
    """Everything a run has said so far. `train` and `evals` hold a series a metric; eval names lose their `eval_`.

    Time is the run's own: the hours between the end of one attempt and the start of the next do not count, and a
    clock that steps back stands still.
    """

    train: dict[str, Series] = field(default_factory=dict)
    evals: dict[str, Series] = field(default_factory=dict)
    latest: dict[str, float | None] = field(default_factory=dict)
    latest_eval: dict[str, float | None] = field(default_factory=dict)
    start: Start | None = None
    phase: PhaseEvent | None = None
    end: End | None = None
    checkpoints: list[Checkpoint] = field(default_factory=list)
    findings: list[FindingEvent] = field(default_factory=list)
    course: Course = field(default_factory=Course)
    step: int = 0
    epoch: float = 0.0
    elapsed: float = 0.0
    attempts: int = 0
    _last_time: float | None = None
    _phase_began: float = 0.0
    _pace: list[tuple[int, float]] = field(default_factory=list)

    @property
    def total_steps(self) -> int:
        """How many optimizer steps the run means to do; 0 while not known."""
        return self.start.total_steps if self.start else 0

    def add(self, records: Iterable[Record]) -> None:
        """Take in the next records, in their order."""
        for record in records:
            event = record.event
            restarts = isinstance(event, Start)
            if self._last_time is not None and not restarts:
                self.elapsed += max(0.0, record.time - self._last_time)
            self._last_time = record.time
            self.course.add(event)
            if isinstance(event, Metric):
                self._add_metric(event)
            elif isinstance(event, Eval):
                self._add_eval(event)
            elif isinstance(event, PhaseEvent):
                if self.phase is None or self.phase.phase != event.phase:
                    self._phase_began = self.elapsed
                self.phase = event
            elif isinstance(event, Start):
                self.start, self.end, self.phase = event, None, None
                self.attempts += 1
                self._pace.clear()
            elif isinstance(event, Checkpoint):
                self.checkpoints = [each for each in self.checkpoints if each.step != event.step]
                self.checkpoints.append(event)
            elif isinstance(event, FindingEvent):
                self.findings.append(event)
            else:
                self.end = event

    def _add_metric(self, event: Metric) -> None:
        if event.step <= self.step and self._has_step(event.step):
            for series in self.train.values():
                series.cut_after("step", event.step - 1)
            for series in self.evals.values():
                series.cut_after("step", event.step - 1)
        self.step = event.step
        epoch = event.values.get("epoch")
        if epoch is not None:
            self.epoch = epoch
        self._pace.append((event.step, self.elapsed))
        del self._pace[:-_PACE]
        self._append(self.train, self.latest, event.step, event.values, event.not_finite, "")

    def _add_eval(self, event: Eval) -> None:
        for series in self.evals.values():
            series.cut_after("step", event.step - 1)
        self._append(self.evals, self.latest_eval, event.step, event.values, event.not_finite, "eval_")

    def _append(
        self,
        into: dict[str, Series],
        latest: dict[str, float | None],
        step: int,
        values: dict[str, float | None],
        not_finite: tuple[str, ...],
        prefix: str,
    ) -> None:
        place = (step, self.elapsed, self.epoch)
        for full_name, value in values.items():
            name = full_name.removeprefix(prefix)
            if name == "epoch" or (value is None and full_name not in not_finite):
                continue
            series = into.get(name)
            if series is None:
                series = into[name] = Series(AXES)
            series.append(place, value)
            latest[name] = math.nan if value is None else value

    def _has_step(self, step: int) -> bool:
        series = self.train.get("loss")
        extent = series.extent("step") if series else None
        return extent is not None and extent[1] >= step

    @property
    def seconds_per_step(self) -> float | None:
        """The usual time between the latest optimizer steps, None before there are two."""
        paces = [
            (later_time - time) / (later - step)
            for (step, time), (later, later_time) in zip(self._pace, self._pace[1:], strict=False)
            if later > step
        ]
        return median(paces) if paces else None

    @property
    def time_left(self) -> float | None:
        """Seconds until the phase (in training: the whole run) is over at the present pace; None where unknown."""
        if self.end is not None or self.phase is None:
            return None
        if self.phase.phase == "training":
            pace = self.seconds_per_step
            return pace * max(0, self.total_steps - self.step) if pace is not None and self.total_steps else None
        done, total = self.phase.done, self.phase.total
        spent = self.elapsed - self._phase_began
        return spent / done * (total - done) if done and total and total >= done and spent > 0 else None

    @property
    def progress(self) -> tuple[int, int] | None:
        """How far the phase (in training: the whole run) is: (done, total); None where unknown."""
        if self.phase is None or self.phase.phase in ("training", "stopping"):
            return (self.step, self.total_steps) if self.total_steps else None
        if self.phase.done is not None and self.phase.total:
            return self.phase.done, self.phase.total
        return None
