"""Alarms: what a run's own numbers say is going wrong, in words. Pure functions over a bounded memory of the course."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Literal

from engine.events.schema import Eval, Event, Metric, Start

LN_2 = math.log(2)
"""The loss of a pair whose two rewards are equal."""

HEAD = 64
TAIL = 128


@dataclass(frozen=True, slots=True)
class Alarm:
    """A trouble in words: `message` says what is seen, `advice` what to look at, `step` since when it is seen."""

    code: str
    severity: Literal["error", "warning"]
    message: str
    advice: str
    step: int


@dataclass(slots=True)
class Course:
    """What alarms need of a run: its beginning, its latest stretch, what was not finite, its evaluations.

    Bounded whatever the length of the run. A run that was resumed forgets the steps that it trains again.
    """

    model_kind: Literal["pair", "steps"] = "pair"
    total_steps: int = 0
    head: list[Metric] = field(default_factory=list)
    tail: deque[Metric] = field(default_factory=lambda: deque(maxlen=TAIL))
    not_finite: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    evals: list[Eval] = field(default_factory=list)

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
            self.evals = [each for each in self.evals if each.step < event.step]
            self.evals.append(event)

    def _forget_from(self, step: int) -> None:
        self.head = [metric for metric in self.head if metric.step < step]
        self.tail = deque((metric for metric in self.tail if metric.step < step), maxlen=TAIL)
        self.not_finite = [entry for entry in self.not_finite if entry[0] < step]
        self.evals = [each for each in self.evals if each.step < step]


def alarms(course: Course) -> tuple[Alarm, ...]:
    """Every alarm that the course gives reason for now, the gravest first."""
    found = [alarm for check in CHECKS if (alarm := check(course))]
    return tuple(sorted(found, key=lambda alarm: alarm.severity != "error"))


def not_finite(course: Course) -> Alarm | None:
    """A metric that was NaN or infinite at any step."""
    if not course.not_finite:
        return None
    step, names = course.not_finite[0]
    more = len(course.not_finite) - 1
    again = f", and at {more}{'+' if more == HEAD - 1 else ''} more" if more else ""
    return Alarm(
        "not-finite",
        "error",
        f"{', '.join(names)} not a finite number at step {step}{again}",
        "lower learning_rate, warm up longer, train in bf16 or fp32 instead of fp16; look at the rows of that step",
        step,
    )


def flat_loss(course: Course) -> Alarm | None:
    """Pairs whose loss has stayed at ln 2 for 40 records, with an accuracy no better than a coin."""
    if course.model_kind != "pair":
        return None
    losses = _last(course, "loss", 40)
    accuracies = _last(course, "accuracy", 40)
    if len(losses) < 40 or abs(fmean(losses) - LN_2) > 0.005 or abs(median(losses) - LN_2) > 0.005:
        return None
    if accuracies and abs(fmean(accuracies) - 0.5) > 0.06:
        return None
    return Alarm(
        "flat-loss",
        "warning",
        f"the loss is flat at ln 2 = 0.693 (mean {fmean(losses):.4f} over {len(losses)} records): nothing is learned",
        "raise learning_rate; see that the head is trained, and that answers differ where the reward is read",
        _first_step(course, 40),
    )


def zero_margin(course: Course) -> Alarm | None:
    """Chosen and rejected get the very same reward, five records in a row."""
    margins = _last(course, "margin", 5)
    if course.model_kind != "pair" or len(margins) < 5 or any(abs(margin) > 1e-9 for margin in margins):
        return None
    return Alarm(
        "zero-margin",
        "error",
        "the margin is exactly 0: chosen and rejected get the same reward",
        "the reward may be read before the answers part (pad token = EOS, both cut): see the pooled token in Inspect",
        _first_step(course, 5),
    )


def exploding_rewards(course: Course) -> Alarm | None:
    """Rewards whose size has gone beyond 100 and stays there for five records."""
    for name in ("chosen_reward", "rejected_reward", "reward_std", "reward_mean"):
        values = _last(course, name, 5)
        if len(values) == 5 and min(map(abs, values)) > 100:
            return Alarm(
                "exploding-rewards",
                "warning",
                f"rewards drift away: {name} is {values[-1]:.0f}",
                "set center_rewards_coefficient (0.01 is usual), or lower learning_rate",
                _first_step(course, 5),
            )
    return None


def exploding_gradients(course: Course) -> Alarm | None:
    """A gradient norm over 20 times what it was, and over 10, for three records in a row."""
    norms = _last(course, "grad_norm", 43)
    if len(norms) < 23:
        return None
    before, now = median(norms[:-3]), norms[-3:]
    if min(now) <= max(20 * before, 10.0):
        return None
    return Alarm(
        "exploding-gradients",
        "warning",
        f"the gradient norm is {now[-1]:.3g}, where {before:.3g} was usual",
        "lower learning_rate, warm up longer, clip gradients (max_grad_norm); look for broken rows",
        _first_step(course, 3),
    )


def too_good(course: Course) -> Alarm | None:
    """Pairs told apart perfectly within the first 50 steps."""
    early = [metric for metric in course.head if metric.step <= 50]
    values = [(metric.step, value) for metric in early if (value := metric.values.get("accuracy")) is not None]
    last = values[-8:]
    if course.model_kind != "pair" or len(last) < 8 or min(value for _, value in last) < 0.97:
        return None
    if fmean(value for _, value in last) < 0.99:
        return None
    return Alarm(
        "too-good",
        "warning",
        f"accuracy is {fmean(value for _, value in last):.3f} by step {last[-1][0]}: too good, too soon",
        "something gives the answer away: compare with the length-only baseline in Check, and train with sides swapped",
        last[0][0],
    )


def overfitting(course: Course) -> Alarm | None:
    """The eval loss has risen for two evaluations while the training loss went on falling."""
    points = [(each.step, value) for each in course.evals if (value := each.values.get("eval_loss")) is not None]
    if len(points) < 3:
        return None
    best_step, best = min(points, key=lambda point: point[1])
    after = [value for step, value in points if step > best_step]
    if len(after) < 2 or min(after) < best * 1.03 or after[-1] < best * 1.05:
        return None
    train = [
        (metric.step, value)
        for metric in (*course.head, *course.tail)
        if (value := metric.values.get("loss")) is not None
    ]
    near = [value for step, value in train if abs(step - best_step) <= max(5, best_step * 0.1)]
    now = [value for _, value in train[-16:]]
    if near and now and fmean(now) >= fmean(near):
        return None
    return Alarm(
        "overfitting",
        "warning",
        f"eval loss was best at step {best_step} ({best:.3f}) and has risen to {after[-1]:.3f}",
        "fewer epochs, more rows, or load_best_model_at_end with early_stopping_patience",
        best_step,
    )


def majority_class(course: Course) -> Alarm | None:
    """Steps: every step gets the more frequent label."""
    if course.model_kind != "steps":
        return None
    pairs = [
        (accuracy, baseline, metric.values.get("balanced_accuracy"))
        for metric in list(course.tail)[-30:]
        if (accuracy := metric.values.get("accuracy")) is not None
        and (baseline := metric.values.get("majority_baseline")) is not None
    ]
    if len(pairs) < 30:
        return None
    gain = fmean(accuracy - baseline for accuracy, baseline, _ in pairs)
    balanced = [value for _, _, value in pairs if value is not None]
    if abs(gain) > 0.01 or not balanced or abs(fmean(balanced) - 0.5) > 0.02:
        return None
    return Alarm(
        "majority-class",
        "warning",
        f"accuracy is the majority's {fmean(b for _, b, _ in pairs):.3f}, balanced 0.5: one label for all steps",
        "raise learning_rate or train longer; balance the labels; see that the label sits on the token you mean",
        _first_step(course, 30),
    )


def no_labels(course: Course) -> Alarm | None:
    """Loss and gradient exactly zero, five records in a row: there is nothing to learn from."""
    losses, norms = _last(course, "loss", 5), _last(course, "grad_norm", 5)
    if len(losses) < 5 or len(norms) < 5 or any(losses) or any(norms):
        return None
    return Alarm(
        "no-labels",
        "error",
        "loss and gradient are exactly 0: no label reaches the loss",
        "the labels are masked or cut away: see the label column in Inspect and labels-cut in Check",
        _first_step(course, 5),
    )


def no_learning_rate(course: Course) -> Alarm | None:
    """A learning rate of zero for five records, with a tenth of the run or more to go."""
    rates = _last(course, "learning_rate", 5)
    if len(rates) < 5 or any(rates) or course.tail[-1].step > 0.9 * course.total_steps:
        return None
    return Alarm(
        "no-learning-rate",
        "warning",
        "the learning rate is 0, and the run is not near its end",
        "see learning_rate, warmup_steps and lr_scheduler in the preset",
        _first_step(course, 5),
    )


CHECKS: tuple[Callable[[Course], Alarm | None], ...] = (
    not_finite,
    zero_margin,
    no_labels,
    flat_loss,
    exploding_rewards,
    exploding_gradients,
    too_good,
    overfitting,
    majority_class,
    no_learning_rate,
)
"""Every alarm there is; each takes a course and answers at once."""


def course_of(events: Iterable[Event]) -> Course:
    """The course of a whole run."""
    course = Course()
    for event in events:
        course.add(event)
    return course


def _last(course: Course, name: str, count: int) -> list[float]:
    """The last `count` records' values of a metric; fewer where a record lacks it or it was not finite."""
    latest: Sequence[Metric] = list(course.tail)[-count:]
    return [value for metric in latest if (value := metric.values.get(name)) is not None]


def _first_step(course: Course, count: int) -> int:
    return list(course.tail)[-count:][0].step
