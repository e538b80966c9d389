import os
import time

import pytest

from engine.events.schema import End, Eval, Metric, PhaseEvent, Start
from engine.events.writer import EventWriter
from engine.runs.error import RunError
from engine.runs.find import find_run
from engine.runs.folder import create_run
from engine.runs.index import forget, remember
from engine.runs.lock import take_lock
from engine.runs.manifest import update_manifest
from engine.runs.state import State, guess_cause, run_state
from engine.runs.summary import list_runs, summarise


def start(total=1000, resumed_from=None):
    return Start("tiny-1", "pair", "cpu", total, "d", {}, 10, 10, {}, resumed_from)


def write(run, *events):
    with EventWriter(run.events) as writer:
        for event in events:
            writer.write(event)


def launched(run, **changes):
    update_manifest(run.path, launched=1.0, host="far-away", launch_id="x", **changes)


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], State.STARTING),
        ([PhaseEvent("encoding", "", 3, 9)], State.ENCODING),
        ([PhaseEvent("encoding"), PhaseEvent("loading")], State.LOADING),
        ([PhaseEvent("loading"), start(), Metric(1, {})], State.TRAINING),
        ([PhaseEvent("training"), Metric(1, {}), PhaseEvent("evaluating")], State.EVALUATING),
        ([PhaseEvent("evaluating"), Eval(1, {}), Metric(2, {})], State.TRAINING),
        ([PhaseEvent("training"), PhaseEvent("saving")], State.SAVING),
        ([Metric(1, {"loss": 0.1})] * 2000, State.TRAINING),
        ([End("finished")], State.FINISHED),
        ([End("failed", "why")], State.FAILED),
        ([End("stopped"), PhaseEvent("starting")], State.STARTING),
    ],
)
def test_the_state_is_what_the_last_events_say_while_the_lock_is_held(run, events, state):
    launched(run)
    write(run, *events)
    lock = take_lock(run.path)
    assert run_state(run) is state
    os.close(lock)


def test_a_summary_has_the_latest_numbers(run):
    launched(run)
    write(
        run,
        PhaseEvent("starting"),
        start(),
        *[Metric(step, {"loss": 1 / step, "accuracy": 0.5}) for step in range(1, 201)],
        Eval(200, {"eval_accuracy": 0.75}),
        Metric(201, {"loss": None, "accuracy": 0.625}, ("loss",)),
        End("stopped", "as asked"),
    )
    summary = summarise(run)
    assert (summary.name, summary.preset, summary.model_kind, summary.device) == ("tiny-1", "tiny", "pair", "cpu")
    assert (summary.state, summary.message, summary.live) == (State.STOPPED, "as asked", False)
    assert (summary.step, summary.total_steps) == (201, 1000)
    assert (summary.loss, summary.accuracy, summary.eval_accuracy) == (None, 0.625, 0.75)
    assert len(summary.series) == 64
    assert summary.series[0] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert list(summary.series) == sorted(summary.series, reverse=True)


def test_a_resumed_runs_series_forgets_what_was_thrown_away(run):
    launched(run)
    write(run, start(), *[Metric(step, {"loss": float(step)}) for step in (1, 2, 3, 4)])
    write(run, start(resumed_from="checkpoint-2"), Metric(3, {"loss": 0.3}), Metric(4, {"loss": 0.4}))
    assert summarise(run).series == (1.0, 2.0, 0.3, 0.4)


def test_a_summary_of_a_long_run_is_cheap_and_true(run):
    launched(run)
    write(
        run,
        start(100_000),
        *[Metric(step, {"loss": 1 - step / 50_000, "accuracy": 0.5, "margin": 0.1}) for step in range(1, 40_000)],
        Eval(40_000, {"eval_accuracy": 0.875}),
        End("finished"),
    )
    assert run.events.stat().st_size > 4 << 20
    began = time.process_time()
    summary = summarise(run)
    assert time.process_time() - began < 0.25
    assert (summary.state, summary.step, summary.total_steps) == (State.FINISHED, 39_999, 100_000)
    assert (summary.loss, summary.eval_accuracy) == (pytest.approx(1 - 39_999 / 50_000), 0.875)
    assert summary.series[0] > summary.series[len(summary.series) // 4] > summary.series[-1]


def test_a_run_without_events_or_with_garbage_still_has_a_summary(run):
    launched(run)
    assert summarise(run).step is None
    run.events.write_bytes(b"\xff garbage\n" * 5)
    summary = summarise(run)
    assert (summary.step, summary.state) == (None, State.CRASHED)


def test_the_list_has_the_living_first_then_the_newest(loaded, monkeypatch, tmp_path):
    runs = [create_run(loaded, name) for name in ("old", "alive", "new")]
    for number, run in enumerate(runs):
        launched(run, created=1000.0 + number)
        write(run, PhaseEvent("training") if run.name == "alive" else End("finished"))
    lock = take_lock(runs[1].path)
    assert [summary.name for summary in list_runs()] == ["alive", "new", "old"]
    monkeypatch.chdir(tmp_path)
    assert [summary.name for summary in list_runs()] == ["alive", "new", "old"]
    os.close(lock)
    assert not any(summary.live for summary in list_runs())


def test_runs_that_are_gone_are_left_out_and_damaged_ones_are_not(loaded):
    gone, damaged = create_run(loaded, "gone"), create_run(loaded, "damaged")
    for file in gone.path.iterdir():
        file.unlink()
    gone.path.rmdir()
    (damaged.path / "run.json").write_text("{")
    (summary,) = list_runs()
    assert (summary.name, summary.message) == ("damaged", "run.json is damaged")


def test_runs_of_this_folder_are_listed_without_the_index(loaded):
    run = create_run(loaded)
    forget(run.path)
    assert [summary.name for summary in list_runs()] == ["tiny-1"]
    remember(run.path)
    assert [summary.name for summary in list_runs()] == ["tiny-1"]


def test_a_run_is_found_by_name_and_by_path(loaded, monkeypatch, tmp_path):
    run = create_run(loaded, "mine")
    assert find_run("mine") == find_run("runs/mine") == find_run(str(run.path)) == run
    monkeypatch.chdir(tmp_path)
    assert find_run("mine") == run


def test_an_unknown_run_is_answered_with_the_nearest(loaded):
    create_run(loaded, "reward-a")
    with pytest.raises(RunError, match="no run called rewards-a; did you mean `reward-a`"):
        find_run("rewards-a")
    for odd in ("", "x" * 5000, "\x1b[2J", "a\0b"):
        with pytest.raises(RunError) as refused:
            find_run(odd)
        assert "\x1b" not in str(refused.value)
        assert "\0" not in str(refused.value)


def test_of_two_runs_of_a_name_the_one_here_is_meant(loaded, monkeypatch, tmp_path):
    here = create_run(loaded, "same")
    for other in ("there", "yonder"):
        (tmp_path / other).mkdir()
        monkeypatch.chdir(tmp_path / other)
        create_run(loaded, "same")
    monkeypatch.chdir(tmp_path / "here")
    assert find_run("same") == here
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="there are 3 runs called same"):
        find_run("same")


@pytest.mark.parametrize(
    ("lines", "code", "guess"),
    [
        (["torch.OutOfMemoryError: CUDA out of memory. Tried"], 1, "probably out of GPU memory"),
        (["OSError: [Errno 28] No space left on device"], 1, "probably the disk is full"),
        (["Traceback", "ModuleNotFoundError: No module named 'flash_attn'"], 1, "No module named 'flash_attn'"),
        (["ordinary"], -9, "ran out of memory"),
        (["Traceback", "KeyError: 'chosen'"], 1, "KeyError: 'chosen'"),
        (["step 3 of 9"], None, ""),
    ],
)
def test_guesses_at_a_crash(lines, code, guess):
    assert guess in guess_cause(lines, code)
    assert guess or not guess_cause(lines, code)
