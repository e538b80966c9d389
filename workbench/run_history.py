"""What the screen knows of a run: its events folded into series, a state, and numbers to read."""

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from statistics import median

from engine.events.course import Course
from engine.events.schema import (
    Checkpoint,
    End,
    Eval,
    Event,
    FindingEvent,
    Histogram,
    Metric,
    PhaseEvent,
    Record,
    Start,
)
from workbench.widgets.plot import AXES
from workbench.widgets.series import Series
from workbench.widgets.spread import Spread

_ALONG = ("epoch", "tokens")

_PACE = 32


@dataclass(slots=True)
class RunHistory:
    """Everything a run has said so far. `train` and `evals` hold a series a metric; eval names lose their `eval_`.
    `spreads` holds the histograms of each split.

    Time is the run's own: the hours between the end of one attempt and the start of the next do not count, and a
    clock that steps back stands still.
    """

    train: dict[str, Series] = field(default_factory=dict)
    evals: dict[str, Series] = field(default_factory=dict)
    spreads: dict[str, Spread] = field(default_factory=dict)
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
    tokens: float = 0.0
    elapsed: float = 0.0
    attempts: int = 0
    _last_time: float | None = None
    _phase_began: float = 0.0
    _pace: list[tuple[int, float]] = field(default_factory=list)

    @property
    def total_steps(self) -> int:
        """How many optimizer steps the run means to do; 0 while not known."""
        return self.start.total_steps if self.start else 0

    @property
    def reached(self) -> int:
        """The last optimizer step known to be done: metrics come every few steps only, checkpoints also between."""
        return max(self.step, self.checkpoints[-1].step if self.checkpoints else 0)

    def add(self, records: Iterable[Record]) -> None:
        """Take in the next records, in their order."""
        metrics: list[tuple[Metric, float]] = []
        for record in records:
            event = record.event
            if self._last_time is not None and not _begins_attempt(event):
                self.elapsed += max(0.0, record.time - self._last_time)
            self._last_time = record.time
            self.course.add(event)
            if isinstance(event, Metric):
                if metrics and event.step <= metrics[-1][0].step:
                    self._add_metrics(metrics)
                    metrics = []
                metrics.append((event, self.elapsed))
                continue
            if metrics:
                self._add_metrics(metrics)
                metrics = []
            self._add_other(event)
        if metrics:
            self._add_metrics(metrics)

    def _add_other(self, event: Event) -> None:
        if isinstance(event, Eval):
            self._forget(self.evals, event.step)
            self._extend(self.evals, self.latest_eval, [(event, self.elapsed)], "eval_")
        elif isinstance(event, Histogram):
            spread = self.spreads.setdefault(event.split, Spread(AXES))
            spread.cut_after("step", event.step - 1)
            spread.append((event.step, self.tokens, self.elapsed, self.epoch), event)
        elif isinstance(event, PhaseEvent):
            if _begins_attempt(event):
                self.end = None
                self._pace.clear()
            if self.phase is None or self.phase.phase != event.phase:
                self._phase_began = self.elapsed
            self.phase = event
        elif isinstance(event, Start):
            self.start, self.end = event, None
            self.attempts += 1
            self._pace.clear()
        elif isinstance(event, Checkpoint):
            self.checkpoints = [each for each in self.checkpoints if each.step != event.step]
            self.checkpoints.append(event)
        elif isinstance(event, FindingEvent):
            self.findings = [each for each in self.findings if each != event]
            self.findings.append(event)
        elif isinstance(event, End):
            self.end = event

    def _add_metrics(self, metrics: list[tuple[Metric, float]]) -> None:
        first, last = metrics[0][0], metrics[-1][0]
        if first.step <= self.step:
            self._forget(self.train, first.step)
            self._forget(self.evals, first.step)
        self.step = last.step
        self._pace.extend((event.step, elapsed) for event, elapsed in metrics[-_PACE:])
        del self._pace[:-_PACE]
        if self.phase is None or self.phase.phase not in ("training", "stopping"):
            # The trainer goes back to training without a word after an evaluation or a checkpoint.
            self.phase, self._phase_began = PhaseEvent("training"), metrics[0][1]
        self._extend(self.train, self.latest, metrics, "")

    @staticmethod
    def _forget(series: dict[str, Series], step: int) -> None:
        """Drop what lies at `step` and beyond: those steps are trained (or evaluated) again."""
        for each in series.values():
            each.cut_after("step", step - 1)

    def _extend(
        self,
        into: dict[str, Series],
        latest: dict[str, float | None],
        events: Sequence[tuple[Metric | Eval, float]],
        prefix: str,
    ) -> None:
        for names, stretch in groupby(events, key=lambda each: tuple(each[0].values)):
            self._extend_alike(into, latest, names, list(stretch), prefix)

    def _extend_alike(
        self,
        into: dict[str, Series],
        latest: dict[str, float | None],
        names: tuple[str, ...],
        events: Sequence[tuple[Metric | Eval, float]],
        prefix: str,
    ) -> None:
        """Events that report the same metrics, a column of values for each: far cheaper than event by event."""
        columns = dict(zip(names, zip(*(event.values.values() for event, _ in events), strict=True), strict=True))
        self.epoch, epochs = _never_falling(self.epoch, columns.get("epoch"), len(events))
        self.tokens, tokens = _never_falling(self.tokens, columns.get("tokens"), len(events))
        steps, times = array("d", [event.step for event, _ in events]), array("d", [time for _, time in events])
        places = (steps, tokens, times, epochs)
        for full_name, told in columns.items():
            name = full_name.removeprefix(prefix)
            if name in _ALONG:
                continue
            at: Sequence[Sequence[float]] = places
            values = told
            if None in told:
                # A metric that a record names without a value was not finite, or else not reported.
                kept = [i for i, each in enumerate(told) if each is not None or full_name in events[i][0].not_finite]
                at, values = [[column[i] for i in kept] for column in places], tuple(told[i] for i in kept)
            if not values:
                continue
            series = into[name] if name in into else into.setdefault(name, Series(AXES))
            series.extend(at, values)
            latest[name] = math.nan if values[-1] is None else values[-1]

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
            return pace * max(0, self.total_steps - self.reached) if pace is not None and self.total_steps else None
        done, total = self.phase.done, self.phase.total
        spent = self.elapsed - self._phase_began
        return spent / done * (total - done) if done and total and total >= done and spent > 0 else None

    @property
    def progress(self) -> tuple[int, int] | None:
        """How far the phase (in training: the whole run) is: (done, total); None where unknown."""
        if self.phase is None or self.phase.phase in ("training", "stopping"):
            return (self.reached, self.total_steps) if self.total_steps else None
        if self.phase.done is not None and self.phase.total:
            return self.phase.done, self.phase.total
        return None


def _never_falling(last: float, values: Sequence[float | None] | None, count: int) -> tuple[float, "array[float]"]:
    """The values as a column that never falls below `last`, gaps filled with what came before; and its last value."""
    if values is None:
        return last, array("d", [last]) * count
    column = array("d", accumulate((value or 0.0 for value in values), max, initial=last))[1:]
    return column[-1], column


def _begins_attempt(event: Event) -> bool:
    return isinstance(event, PhaseEvent) and event.phase == "starting"
