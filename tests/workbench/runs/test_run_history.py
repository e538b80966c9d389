import math

import pytest

from engine.events.schema import End, Eval, Histogram, Metric, PhaseEvent, Record
from workbench.panels import panels
from workbench.run_history import RunHistory


def history_of(*parts):
    history = RunHistory()
    for part in parts:
        history.add(part)
    return history


def test_metrics_and_evaluations_become_series(make_records):
    history = history_of(make_records(120))
    assert len(history.train["loss"]) == 120
    assert list(history.evals["accuracy"].x["step"]) == [40, 80, 120]
    assert history.latest["grad_norm"] == history.train["grad_norm"].last
    assert (history.step, history.total_steps) == (120, 120)
    assert history.epoch == 3.0


def test_it_is_the_same_in_one_batch_and_in_many(make_records):
    records = make_records(200, bad_step=77)
    one = history_of(records)
    many = history_of(*(records[start : start + 7] for start in range(0, len(records), 7)))
    assert one.train["loss"].y == many.train["loss"].y
    assert one.train["loss"].x == many.train["loss"].x
    assert one.elapsed == many.elapsed


def test_a_value_that_is_not_finite_is_a_gap_and_the_latest_value(make_records):
    history = history_of(make_records(50, bad_step=50))
    assert len(history.train["loss"]) == 49
    assert list(history.train["loss"].not_finite["step"]) == [50]
    assert math.isnan(history.latest["loss"])


def test_resumed_steps_replace_those_that_were_lost(make_records):
    history = history_of(make_records(95), make_records(120, first=81, resumed="checkpoint-80"))
    assert list(history.train["loss"].x["step"]) == list(range(1, 121))
    assert list(history.evals["loss"].x["step"]) == [40, 80, 120]
    assert history.attempts == 2


def test_the_time_between_two_attempts_does_not_count(make_records):
    first = make_records(80, end=End("stopped"))
    later = [Record(r.seq, r.time + 86_400, r.event) for r in make_records(120, first=81)]
    history = history_of(first, later)
    assert history.elapsed < 200
    assert history.end is None


def test_a_clock_that_steps_back_adds_nothing(make_records):
    records = [Record(r.seq, r.time - (5000 if r.seq > 60 else 0), r.event) for r in make_records(100)]
    history = history_of(records)
    times = list(history.train["loss"].x["time"])
    assert times == sorted(times)
    assert 45 < history.elapsed < 60


def test_time_left_follows_the_usual_pace(make_records):
    history = history_of(make_records(100, total=400, evals_every=0))
    assert history.seconds_per_step == pytest.approx(0.5)
    assert history.time_left == pytest.approx(150)
    assert history.progress == (100, 400)
    assert history_of(make_records(100, end=End("finished"))).time_left is None


def test_progress_of_a_phase_before_training():
    def at(seq, time, done):
        return Record(seq, time, PhaseEvent("encoding", "rows", done, 1000))

    history = history_of([at(0, 100.0, 0), at(1, 110.0, 250)])
    assert history.progress == (250, 1000)
    assert history.time_left == pytest.approx(30)


def test_training_goes_on_after_an_evaluation_without_a_word():
    records = [PhaseEvent("evaluating"), Eval(5, {"eval_loss": 1.0}), Metric(6, {"loss": 1.0})]
    history = history_of([Record(seq, float(seq), event) for seq, event in enumerate(records)])
    assert history.phase is not None
    assert history.phase.phase == "training"


def history_with(*events):
    return history_of([Record(seq, float(seq), event) for seq, event in enumerate(events)])


def test_tokens_lie_along_the_charts_and_are_no_chart():
    history = history_with(*(Metric(step, {"loss": 0.5, "tokens": step * 100.0}) for step in (1, 2, 3)))
    assert list(history.train["loss"].x["tokens"]) == [100, 200, 300]
    assert "tokens" not in history.train


def test_histograms_follow_the_course_and_are_forgotten_with_it():
    def spread(step):
        return Histogram(step, "train", 0.0, 1.0, {"chosen": (1,), "rejected": (1,)})

    history = history_with(Metric(10, {}), spread(10), Metric(20, {}), spread(20), spread(15))
    assert [each.step for each in history.spreads["train"].histograms] == [10, 15]


def test_panels_of_steps_tell_the_accuracy_by_position():
    told = {f"step_accuracy/{name}": value for name, value in (("1", 0.9), ("2", 0.7), ("11+", 0.5))}
    plots = {plot.title: plot for plot in panels(history_with(Metric(1, {"loss": 0.5} | told)))}
    (curve,) = plots["accuracy of the nth step"].curves
    assert (list(curve.series.x["position"]), list(curve.series.y)) == ([1, 2, 11], [0.9, 0.7, 0.5])
    assert not any("/" in title for title in plots)


def test_panels_of_subsets_have_the_worst_of_many():
    values = {f"eval_accuracy/{name}": 0.5 + place / 100 for place, name in enumerate("abcdefgh")}
    plots = {plot.title: plot for plot in panels(history_with(Eval(1, {"eval_accuracy": 0.6} | values)))}
    assert [curve.label for curve in plots["eval acc, worst 6"].curves] == list("abcdef")
