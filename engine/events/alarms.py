"""Alarms: what a run's own numbers say is going wrong, in words. Pure functions over a bounded memory of the course."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean, median
from typing import Literal

from engine.events.course import HEAD, Course, latest_stretch, over_steps, steps_apart, steps_of, values_of
from engine.events.schema import Metric

LN_2 = math.log(2)
"""The loss of a pair whose two rewards are equal."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A trouble in words: `message` says what is seen, `advice` what to look at, `step` since when it is seen.

    `rows_of` names the optimizer steps, first and last, whose rows are worth a look; None where no row is to blame.
    """

    code: str
    severity: Literal["error", "warning"]
    message: str
    advice: str
    step: int
    rows_of: tuple[int, int] | None = None


def alarms(course: Course) -> tuple[Alarm, ...]:
    """Every alarm that the course gives reason for now, the gravest first."""
    found = [alarm for check in CHECKS if (alarm := check(course))]
    return tuple(sorted(found, key=lambda alarm: alarm.severity != "error"))


def not_finite(course: Course) -> Alarm | None:
    """A metric that was NaN or infinite at any step.

    A gradient norm alone, in the first 20 steps and never since, is the loss scale of fp16 finding its size.
    """
    entries = course.not_finite
    scaling = all(names == ("grad_norm",) and step <= 20 for step, names in entries)
    if not entries or (scaling and course.tail[-1].step > entries[-1][0] + 2):
        return None
    step, names = entries[0]
    more = len(entries) - 1
    again = f", and at {more}{'+' if more == HEAD - 1 else ''} more" if more else ""
    return Alarm(
        "not-finite",
        "error",
        f"{', '.join(names)} not a finite number at step {step}{again}",
        "lower learning_rate, warm up longer, train in bf16 or fp32 instead of fp16; look at the rows of that step",
        step,
        steps_of(course, step),
    )


def flat_loss(course: Course) -> Alarm | None:
    """Pairs whose loss has stayed at ln 2 for 40 steps, with an accuracy no better than a coin, after the warm-up."""
    stretch = latest_stretch(course, 40, 8)
    losses, accuracies = values_of(stretch, "loss"), values_of(stretch, "accuracy")
    if course.model_kind != "pair" or not stretch or len(losses) < len(stretch):
        return None
    if abs(fmean(losses) - LN_2) > 0.005 or abs(median(losses) - LN_2) > 0.005:
        return None
    if accuracies and abs(fmean(accuracies) - 0.5) > 0.06:
        return None
    rates = values_of(stretch, "learning_rate")
    if len(rates) > 1 and rates[-1] > rates[-2]:
        return None
    return Alarm(
        "flat-loss",
        "warning",
        f"the loss is flat at ln 2 = 0.693 (mean {fmean(losses):.4f} {over_steps(stretch)}): nothing is learned",
        "raise learning_rate; see that the head is trained, and that answers differ where the reward is read",
        stretch[0].step,
    )


def zero_margin(course: Course) -> Alarm | None:
    """Chosen and rejected get the very same reward, five steps (three records at least) in a row."""
    stretch = latest_stretch(course, 5, 3)
    margins = values_of(stretch, "margin")
    if course.model_kind != "pair" or not stretch or len(margins) < len(stretch):
        return None
    if any(abs(margin) > 1e-9 for margin in margins):
        return None
    return Alarm(
        "zero-margin",
        "error",
        "the margin is exactly 0: chosen and rejected get the same reward",
        "the reward may be read before the answers part (pad token = EOS, both cut): see the pooled token in Inspect",
        stretch[0].step,
        (stretch[0].step, stretch[-1].step),
    )


def exploding_rewards(course: Course) -> Alarm | None:
    """Rewards whose size has gone beyond 100 and stays there for five steps (three records at least)."""
    stretch = latest_stretch(course, 5, 3)
    for name in ("chosen_reward", "rejected_reward", "reward_std", "reward_mean"):
        values = values_of(stretch, name)
        if values and len(values) == len(stretch) and min(map(abs, values)) > 100:
            return Alarm(
                "exploding-rewards",
                "warning",
                f"rewards drift away: {name} is {values[-1]:,.0f}",
                "set center_rewards_coefficient (0.01 is usual), or lower learning_rate",
                stretch[0].step,
                (stretch[0].step, stretch[-1].step),
            )
    return None


def exploding_gradients(course: Course) -> Alarm | None:
    """A gradient norm over 20 times what was usual of late, and over 10, for three records in a row."""
    known = [metric for metric in course.tail if metric.values.get("grad_norm") is not None]
    norms = values_of(known, "grad_norm")
    if len(norms) < 11:
        return None
    before, now = median(norms[:-3]), norms[-3:]
    if min(now) <= max(20 * before, 10.0):
        return None
    return Alarm(
        "exploding-gradients",
        "warning",
        f"the gradient norm is {now[-1]:.3g}, where {before:.3g} was usual",
        "lower learning_rate, warm up longer, clip gradients (max_grad_norm); look for broken rows",
        known[-3].step,
        steps_of(course, known[-3].step),
    )


def too_good(course: Course) -> Alarm | None:
    """Pairs told apart perfectly within the first 50 steps (or the first two records), before any is seen twice."""
    interval = steps_apart(course.head)
    early = [metric for metric in course.head if metric.step <= max(50, 2 * interval)]
    early = [metric for metric in early if (metric.values.get("epoch") or 0.0) <= 1.0]
    last = early[-max(2, math.ceil(8 / interval)) :]
    values = values_of(last, "accuracy")
    if course.model_kind != "pair" or len(values) < max(2, 8 / interval) or min(values) < 0.97 or fmean(values) < 0.99:
        return None
    return Alarm(
        "too-good",
        "warning",
        f"accuracy is {fmean(values):.3f} by step {last[-1].step}: too good, too soon",
        "something gives the answer away: compare with the length-only baseline in Check, and train with sides swapped",
        last[0].step,
        (last[0].step, last[-1].step),
    )


def overfitting(course: Course) -> Alarm | None:
    """The eval loss has risen for two evaluations while the training loss went on falling."""
    points = [
        (each.step, value, near)
        for each, near in course.evals
        if (value := each.values.get("eval_loss")) is not None and near is not None
    ]
    if len(points) < 3:
        return None
    best_step, best, near_best = min(points, key=lambda point: point[1])
    after = [value for step, value, _ in points if step > best_step]
    if len(after) < 2 or min(after) < best * 1.03 or after[-1] < best * 1.05 or points[-1][2] >= near_best:
        return None
    return Alarm(
        "overfitting",
        "warning",
        f"eval loss was best at step {best_step} ({best:.3f}) and has risen to {after[-1]:.3f}, "
        "while the training loss falls",
        "fewer epochs, more rows, or load_best_model_at_end with early_stopping_patience",
        best_step,
    )


def majority_class(course: Course) -> Alarm | None:
    """Steps: for 30 steps (five records at least), every step is given the same label.

    Then the accuracy is, record for record, the share of that label; the balanced accuracy is a half wherever both
    labels occur.
    """
    stretch = [metric for metric in latest_stretch(course, 30, 5) if metric.values.get("accuracy") is not None]
    if course.model_kind != "steps" or len(stretch) < 5:
        return None
    accuracies = values_of(stretch, "accuracy")
    shares = values_of(stretch, "positive_rate")
    if len(shares) < len(stretch):
        shares = values_of(stretch, "majority_baseline")
    if len(shares) < len(stretch) or not 0.02 < fmean(shares) < 0.98:
        return None
    said_right = fmean(abs(accuracy - share) for accuracy, share in zip(accuracies, shares, strict=True))
    said_wrong = fmean(abs(accuracy - 1 + share) for accuracy, share in zip(accuracies, shares, strict=True))
    both = [metric for metric, share in zip(stretch, shares, strict=True) if 0 < share < 1]
    balanced = values_of(both, "balanced_accuracy")
    if min(said_right, said_wrong) > 0.005 or not balanced or abs(fmean(balanced) - 0.5) > 0.02:
        return None
    label, share = ("right", fmean(shares)) if said_right <= said_wrong else ("wrong", 1 - fmean(shares))
    return Alarm(
        "majority-class",
        "warning",
        f"every step is called {label} {over_steps(stretch)}: accuracy {share:.3f} is that label's share, balanced 0.5",
        "set class_weights: balanced, or raise learning_rate; see that the label sits on the token you mean",
        stretch[0].step,
    )


def no_labels(course: Course) -> Alarm | None:
    """Loss and gradient exactly zero, five steps (three records at least) in a row: nothing to learn from."""
    stretch = latest_stretch(course, 5, 3)
    losses, norms = values_of(stretch, "loss"), values_of(stretch, "grad_norm")
    if not stretch or not len(losses) == len(norms) == len(stretch) or any(losses) or any(norms):
        return None
    return Alarm(
        "no-labels",
        "error",
        "loss and gradient are exactly 0: no label reaches the loss",
        "the labels are masked or cut away: see the label column in Inspect and labels-cut in Check",
        stretch[0].step,
        (stretch[0].step, stretch[-1].step),
    )


def no_learning_rate(course: Course) -> Alarm | None:
    """A learning rate of zero for five steps (three records at least), from before the last tenth of the run on."""
    stretch: list[Metric] = []
    for metric in reversed(course.tail):
        if metric.values.get("learning_rate") != 0.0:
            break
        stretch.insert(0, metric)
    interval = steps_apart(stretch)
    if len(stretch) < max(3, math.ceil(5 / interval)) or stretch[0].step > 0.9 * course.total_steps:
        return None
    return Alarm(
        "no-learning-rate",
        "warning",
        f"the learning rate is 0 since step {stretch[0].step}: nothing is learned",
        "see learning_rate, warmup_steps and lr_scheduler in the preset",
        stretch[0].step,
    )


def starving(course: Course) -> Alarm | None:
    """More than 30 % of the time of the last 20 steps (three records at least) went by waiting for batches."""
    stretch = latest_stretch(course, 20, 3)
    shares = [
        waited / whole
        for metric in stretch
        if (waited := metric.values.get("data_time")) is not None and (whole := metric.values.get("step_time"))
    ]
    if not stretch or len(shares) < len(stretch) or median(shares) <= 0.3 or fmean(shares) <= 0.3:
        return None
    return Alarm(
        "starving",
        "warning",
        f"{fmean(shares):.0%} of each step is spent waiting for data, not training",
        "another process may hold the processors or the disk; a larger micro_batch_size waits less often",
        stretch[0].step,
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
    starving,
)
"""Every alarm there is; each takes a course and answers at once."""
