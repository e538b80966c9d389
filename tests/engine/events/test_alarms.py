"""Each alarm on a stream with its trouble, and on a stream that only looks like it."""

import math
import random

import pytest

from engine.events.alarms import alarms
from engine.events.course import Course, course_of
from engine.events.schema import Eval, Metric, Start


def start(kind="pair", total=1000):
    return Start("run", kind, "cpu", total, "", {}, 1, 1)


def metrics(count, first=1, every=1, **columns):
    """Metric events; a column is a number, or a function of the index."""
    events = []
    for index in range(count):
        values = {name: column(index) if callable(column) else column for name, column in columns.items()}
        missing = tuple(name for name, value in values.items() if value is None)
        events.append(Metric(first + index * every, values, missing))
    return events


def codes(*events, kind="pair", total=1000):
    """The alarms of a run with these events, told in the order of their steps."""
    events = sorted(events, key=lambda event: event.step)
    return [alarm.code for alarm in alarms(course_of([start(kind, total), *events]))]


def noise(size, seed=0):
    draw = random.Random(seed)
    return lambda index: draw.gauss(0, size)


def healthy(count=200):
    draw = random.Random(3)
    return metrics(
        count,
        loss=lambda i: 0.69 * math.exp(-i / 150) + draw.gauss(0, 0.03),
        accuracy=lambda i: min(1.0, 0.5 + i / 500 + draw.gauss(0, 0.06)),
        margin=lambda i: i / 100 + draw.gauss(0, 0.1),
        chosen_reward=lambda i: i / 200,
        rejected_reward=lambda i: -i / 200,
        grad_norm=lambda i: 2 + draw.gauss(0, 0.4),
        learning_rate=lambda i: 1e-5 * (1 - i / 1000),
    )


def test_a_healthy_run_is_left_in_peace():
    evals = [Eval(step, {"eval_loss": 0.7 - step / 1000}) for step in (50, 100, 150)]
    assert codes(*healthy(), *evals) == []
    for count in range(0, 200, 10):
        assert codes(*healthy(count)) == []


def test_not_finite_says_where_it_began():
    events = metrics(10, loss=lambda i: None if i in (4, 7) else 0.5)
    (alarm,) = alarms(course_of([start(), *events]))
    assert alarm.code == "not-finite"
    assert alarm.step == 5
    assert "loss" in alarm.message
    assert "step 5" in alarm.message
    assert "1 more" in alarm.message


def test_the_loss_scale_of_fp16_may_look_for_its_size():
    events = metrics(30, loss=0.5, grad_norm=lambda i: None if i < 3 else 1.0)
    assert codes(*events[:4]) == ["not-finite"]
    assert codes(*events) == []
    assert codes(*metrics(30, grad_norm=lambda i: None if i == 25 else 1.0)) == ["not-finite"]


def test_alarms_name_the_steps_whose_rows_are_worth_a_look():
    (alarm,) = alarms(course_of([start(), *metrics(6, 10, 10, loss=lambda i: None if i == 3 else 0.5)]))
    assert alarm.rows_of == (31, 40)


def test_a_metric_that_is_absent_is_not_one_that_is_not_finite():
    assert codes(Metric(1, {"loss": 0.5, "grad_norm": None})) == []


@pytest.mark.parametrize(("records", "every"), [(60, 1), (8, 10), (8, 25)])
def test_flat_loss(records, every):
    wobble = noise(0.002)
    stream = metrics(records, every, every, loss=lambda i: math.log(2) + wobble(i), accuracy=0.5, learning_rate=1e-5)
    assert codes(*stream) == ["flat-loss"]


@pytest.mark.parametrize(
    "near_miss",
    [
        metrics(39, loss=math.log(2), accuracy=0.5),
        metrics(60, loss=0.68, accuracy=0.5),
        metrics(60, loss=math.log(2), accuracy=0.6),
        metrics(60, loss=lambda i: 0.693 - 0.001 * i, accuracy=lambda i: 0.5 + i / 200),
        metrics(60, loss=math.log(2), accuracy=0.5, learning_rate=lambda i: i * 1e-7),
        metrics(7, every=10, loss=math.log(2), accuracy=0.5),
    ],
    ids=["too-early", "a-little-below", "but-it-ranks", "slowly-falling", "warming-up", "too-few-records"],
)
def test_flat_loss_near_misses(near_miss):
    assert codes(*near_miss) == []


def test_flat_loss_is_for_pairs():
    assert codes(*metrics(60, loss=math.log(2), accuracy=0.5), kind="steps") == []


def test_zero_margin():
    assert codes(*metrics(6, loss=0.693, margin=0.0)) == ["zero-margin"]
    assert codes(*metrics(4, loss=0.693, margin=0.0)) == []
    assert codes(*metrics(6, loss=0.693, margin=1e-6)) == []
    assert codes(*metrics(6, loss=0.693, margin=lambda i: 0.0 if i < 5 else 0.01)) == []
    assert codes(*metrics(3, every=10, loss=0.693, margin=0.0)) == ["zero-margin"]
    assert codes(*metrics(6, loss=0.693, margin=0.0), kind="steps") == []


def test_exploding_rewards():
    assert codes(*metrics(20, chosen_reward=lambda i: i * 10, rejected_reward=0.0)) == ["exploding-rewards"]
    assert codes(*metrics(20, chosen_reward=-300.0)) == ["exploding-rewards"]
    assert codes(*metrics(20, chosen_reward=80.0, rejected_reward=-80.0)) == []
    assert codes(*metrics(20, chosen_reward=lambda i: 500.0 if i == 19 else 1.0)) == []


def test_exploding_gradients():
    assert codes(*metrics(50, grad_norm=lambda i: 2.0 if i < 47 else 80.0)) == ["exploding-gradients"]
    assert codes(*metrics(50, grad_norm=lambda i: 2.0 if i != 48 else 500.0)) == []
    assert codes(*metrics(50, grad_norm=lambda i: 0.01 if i < 47 else 0.5)) == []
    assert codes(*metrics(50, grad_norm=lambda i: 50.0 if i < 47 else 300.0)) == []
    assert codes(*metrics(15, 10, 10, grad_norm=lambda i: 2.0 if i < 12 else 80.0)) == ["exploding-gradients"]
    assert codes(*metrics(120, grad_norm=lambda i: 1.06**i)) == ["exploding-gradients"]
    assert codes(*metrics(120, grad_norm=lambda i: 0.01 if i < 10 else 5.0)) == []


def test_too_good_too_soon():
    assert codes(*metrics(30, accuracy=1.0)) == ["too-good"]
    assert codes(*metrics(30, accuracy=lambda i: 0.5 + i / 60)) == []
    assert codes(*metrics(7, accuracy=1.0)) == []
    assert codes(*metrics(30, accuracy=lambda i: 1.0 if i % 4 else 0.9)) == []
    late = metrics(400, accuracy=lambda i: 0.7 if i < 60 else 1.0)
    assert codes(*late) == []


@pytest.mark.parametrize("every", [5, 10, 25, 50])
def test_too_good_whatever_the_logging_steps(every):
    assert codes(*metrics(5, every, every, accuracy=1.0)) == ["too-good"]
    assert codes(*metrics(5, every, every, accuracy=lambda i: 0.6 + i / 20)) == []


def test_rows_seen_before_may_be_known_by_heart():
    assert codes(*metrics(50, accuracy=lambda i: 0.6 if i < 8 else 1.0, epoch=lambda i: i / 8)) == []
    assert codes(*metrics(50, accuracy=1.0, epoch=lambda i: i / 80)) == ["too-good"]


def test_too_good_stays_said_later_on():
    assert codes(*metrics(500, accuracy=1.0)) == ["too-good"]


def falling(count=100):
    return metrics(count, loss=lambda i: 0.7 - i * 0.006)


def evals(*losses, every=20):
    return [Eval((index + 1) * every, {"eval_loss": loss}) for index, loss in enumerate(losses)]


def test_overfitting():
    assert codes(*falling(), *evals(0.6, 0.5, 0.55, 0.6, 0.65)) == ["overfitting"]


@pytest.mark.parametrize(
    "held_out",
    [(0.6, 0.5, 0.45, 0.44, 0.43), (0.6, 0.5, 0.505, 0.502, 0.51), (0.6, 0.5, 0.48, 0.46, 0.55), (0.5, 0.6)],
    ids=["falls", "wobbles", "one-bad-evaluation", "too-few"],
)
def test_overfitting_near_misses(held_out):
    assert codes(*falling(), *evals(*held_out)) == []


def test_overfitting_is_seen_in_a_long_run_that_logs_seldom():
    train = metrics(400, 10, 10, loss=lambda i: 0.7 * math.exp(-i / 200))
    assert codes(*train, *evals(0.6, 0.5, 0.55, 0.6, 0.65, every=500)) == ["overfitting"]


def test_overfitting_is_not_a_loss_that_rises_on_both():
    assert codes(*metrics(100, loss=lambda i: 0.4 + i * 0.003), *evals(0.6, 0.5, 0.55, 0.6, 0.65)) == []


def test_majority_class():
    alike = {"accuracy": 0.8, "majority_baseline": 0.8, "balanced_accuracy": 0.5}
    assert codes(*metrics(40, **alike), kind="steps") == ["majority-class"]
    assert codes(*metrics(20, **alike), kind="steps") == []
    assert codes(*metrics(40, **alike | {"balanced_accuracy": 0.6}), kind="steps") == []
    assert codes(*metrics(40, **alike | {"accuracy": 0.84}), kind="steps") == []
    assert codes(*metrics(40, **alike), kind="pair") == []


def test_majority_class_in_small_batches_of_which_some_hold_one_class():
    def collapsed(i):
        return [1.0, 0.75, 1.0, 0.25, 0.5][i % 5]

    def balanced(i):
        return 1.0 if collapsed(i) == 1.0 else 0.5

    stream = {"positive_rate": collapsed, "majority_baseline": lambda i: max(collapsed(i), 1 - collapsed(i))}
    told = metrics(40, accuracy=collapsed, balanced_accuracy=balanced, **stream)
    assert codes(*told, kind="steps") == ["majority-class"]
    wrong = metrics(40, accuracy=lambda i: 1 - collapsed(i), balanced_accuracy=balanced, **stream)
    assert codes(*wrong, kind="steps") == ["majority-class"]
    assert "called wrong" in alarms(course_of([start("steps"), *wrong]))[0].message
    learning = metrics(40, accuracy=lambda i: (0.9, 0.8)[i % 2], balanced_accuracy=0.7, **stream)
    assert codes(*learning, kind="steps") == []


def test_data_of_one_class_are_no_collapse_of_the_model():
    one = {"accuracy": 1.0, "positive_rate": 1.0, "majority_baseline": 1.0, "balanced_accuracy": 1.0}
    assert codes(*metrics(40, **one), kind="steps") == []


def test_no_labels():
    assert codes(*metrics(6, loss=0.0, grad_norm=0.0), kind="steps") == ["no-labels"]
    assert codes(*metrics(6, loss=0.0, grad_norm=1e-7), kind="steps") == []
    assert codes(*metrics(4, loss=0.0, grad_norm=0.0), kind="steps") == []


def test_no_learning_rate():
    assert codes(*metrics(20, learning_rate=lambda i: 1e-5 if i < 10 else 0.0)) == ["no-learning-rate"]
    assert codes(*metrics(20, learning_rate=lambda i: 0.0 if i < 3 else 1e-5)) == []
    assert codes(*metrics(20, learning_rate=lambda i: max(0.0, 1e-5 * (1 - i / 18))), total=20) == []
    assert codes(*metrics(20, learning_rate=0.0), total=20) == ["no-learning-rate"]
    assert codes(*metrics(3, 10, 10, learning_rate=0.0)) == ["no-learning-rate"]


def test_starving():
    assert codes(*metrics(25, step_time=1.0, data_time=0.5)) == ["starving"]
    assert codes(*metrics(4, every=10, step_time=1.0, data_time=0.5)) == ["starving"]
    assert "50%" in alarms(course_of([start(), *metrics(25, step_time=1.0, data_time=0.5)]))[0].message


@pytest.mark.parametrize(
    "near_miss",
    [
        metrics(25, step_time=1.0, data_time=0.1),
        metrics(25, step_time=1.0, data_time=lambda i: 0.9 if i % 4 == 0 else 0.05),
        metrics(25, step_time=lambda i: 60.0 if i == 20 else 1.0, data_time=lambda i: 59.0 if i == 20 else 0.05),
        metrics(10, step_time=1.0, data_time=0.5),
        metrics(25, step_time=1.0),
    ],
    ids=["little", "now-and-then", "once-for-long", "too-early", "not-told"],
)
def test_starving_near_misses(near_miss):
    assert codes(*near_miss) == []


def test_errors_come_first():
    both = metrics(60, loss=lambda i: None if i == 50 else math.log(2), accuracy=0.5, chosen_reward=400.0)
    found = alarms(course_of([start(), *both]))
    assert [alarm.severity for alarm in found] == ["error", "warning"]


def test_a_resumed_run_is_judged_by_what_it_trains_again():
    broken = metrics(20, loss=lambda i: None if i > 14 else 0.5)
    again = metrics(10, first=11, loss=0.5)
    assert codes(*broken) == ["not-finite"]
    assert alarms(course_of([start(), *broken, start(), *again])) == ()


def test_memory_does_not_grow_with_the_run():
    course = Course()
    for event in metrics(5000, loss=lambda i: None if i % 2 else 0.5):
        course.add(event)
    assert len(course.head) + len(course.tail) + len(course.not_finite) < 300
