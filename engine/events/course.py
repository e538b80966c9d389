"""The course of a run: what alarms need of it, bounded whatever its length."""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Literal

from engine.events.schema import Eval, Event, Metric, Start

HEAD = 64
TAIL = 128


@dataclass(slots=True)
class Course:
    """What alarms need of a run: its beginning, its latest stretch, what was not finite, its evaluations.

    Bounded whatever the length of the run. A run that was resumed forgets the steps that it trains again. Each
    evaluation comes with the mean training loss of the records before it, at most 16.
    """

    model_kind: Literal["pair", "steps"] = "pair"
    total_steps: int = 0
    head: list[Metric] = field(default_factory=list)
    tail: deque[Metric] = field(default_factory=lambda: deque(maxlen=TAIL))
    not_finite: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    evals: list[tuple[Eval, float | None]] = field(default_factory=list)

    def add(self, event: Event) -> None:
        """Take the next event of the run into account."""
        if isinstance(event, Start):
            self.model_kind, self.total_steps = event.model_kind, event.total_steps
        elif isinstance(event, Metric):
            if self.tail and event.step <= self.tail[-1].step:
                self._forget_from(event.step)
            if len(self.head) < HEAD:
                self.head.append(event)
            self.tail.append(event)
            if event.not_finite and len(self.not_finite) < HEAD:
                self.not_finite.append((event.step, event.not_finite))
        elif isinstance(event, Eval):
            self.evals = [each for each in self.evals if each[0].step < event.step]
            losses = values_of(list(self.tail)[-16:], "loss")
            self.evals.append((event, fmean(losses) if losses else None))

    def _forget_from(self, step: int) -> None:
        self.head = [metric for metric in self.head if metric.step < step]
        self.tail = deque((metric for metric in self.tail if metric.step < step), maxlen=TAIL)
        self.not_finite = [entry for entry in self.not_finite if entry[0] < step]
        self.evals = [each for each in self.evals if each[0].step < step]


def course_of(events: Iterable[Event]) -> Course:
    """The course of a whole run."""
    course = Course()
    for event in events:
        course.add(event)
    return course


def latest_stretch(course: Course, steps: int, least: int) -> list[Metric]:
    """The last records that reach back over so many steps, and not fewer than `least`; [] where there are not enough.

    A record is the mean of the steps since the one before it: how many records make a stretch depends on
    logging_steps, how long the trouble lasts should not.
    """
    interval = steps_apart(course.tail)
    count = max(least, math.ceil(steps / interval))
    return list(course.tail)[-count:] if len(course.tail) >= count else []


def steps_apart(metrics: Sequence[Metric]) -> int:
    """The steps from one record to the next, at least 1."""
    return max(1, metrics[-1].step - metrics[-2].step) if len(metrics) > 1 else 1


def values_of(metrics: Sequence[Metric], name: str) -> list[float]:
    """The values of a metric; fewer where a record lacks it or it was not finite."""
    return [value for metric in metrics if (value := metric.values.get(name)) is not None]


def steps_of(course: Course, step: int) -> tuple[int, int]:
    """The steps that the record at `step` is the mean of."""
    return max(1, step - steps_apart(course.tail) + 1), step


def over_steps(stretch: Sequence[Metric]) -> str:
    """From which step to which a stretch goes, in words."""
    return f"over steps {stretch[0].step:,} to {stretch[-1].step:,}"
