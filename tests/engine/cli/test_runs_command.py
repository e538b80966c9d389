"""`runs`: list, watch, stop, kill, resume, compare, rm."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.cli.main import main
from engine.events.schema import End, Eval, Metric, PhaseEvent, Start
from engine.events.writer import EventWriter
from engine.preset.load import load_preset
from engine.runs.error import RunError
from engine.runs.find import find_run
from engine.runs.folder import create_run
from engine.runs.launch import launch
from engine.runs.manifest import update_manifest
from engine.runs.process import members
from engine.runs.state import State, run_state
from engine.runs.stop import clean_up, wait_until_over

ROOT = Path(__file__).resolve().parents[3]
TRAINER = ROOT / "tests" / "engine" / "runs" / "fake_trainer.py"
PRESET = "base_model: org/model\nreward_model: true\ndatasets:\n  - path: rows.jsonl\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("RM_WORKBENCH_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(PRESET)
    yield
    for path in tmp_path.glob("runs/*"):
        try:
            for process in members(find_run(path.name).manifest()):
                process.kill()
        except RunError:
            continue


@pytest.fixture
def started(monkeypatch):
    def start(behaviour="train", steps=2000, name=None):
        monkeypatch.setattr(
            "engine.runs.launch.trainer_command",
            lambda run: [sys.executable, str(TRAINER), str(run.path), behaviour, str(steps)],
        )
        run = create_run(load_preset("tiny.yaml"), name)
        launch(run)
        end = time.monotonic() + 15
        while not (run.path / "checkpoint-3").exists() and time.monotonic() < end and run_state(run).live:
            time.sleep(0.02)
        return run

    return start


def until(condition, timeout=15.0):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def ended(name, loss=0.5, accuracy=0.75, overrides=(), digest="d1"):
    run = create_run(load_preset("tiny.yaml", overrides), name)
    update_manifest(run.path, launched=1.0, host="here", launch_id="x", process_identity="gone", pid=1)
    with EventWriter(run.events) as writer:
        writer.write(Start(name, "pair", "cpu", 2, digest, {}, 10, 10))
        writer.write(Metric(2, {"loss": loss, "accuracy": accuracy}))
        writer.write(Eval(1, {"eval_accuracy": accuracy + 0.125}))
        writer.write(Eval(2, {"eval_accuracy": accuracy}))
        writer.write(End("finished", "2 steps"))
    return run


def test_no_runs_yet_is_said(capfd):
    assert main(["runs"]) == 0
    assert "No runs yet" in capfd.readouterr().out
    assert main(["runs", "--json"]) == 0
    assert capfd.readouterr().out == ""


def test_the_list_has_a_line_a_run(started, capfd):
    ended("first", loss=0.25, accuracy=0.875)
    started(name="living")
    for arguments in (["runs"], ["runs", "list"]):
        assert main(arguments) == 0
        header, living, first = capfd.readouterr().out.splitlines()
        assert header.split()[:3] == ["run", "state", "preset"]
        assert re.match(r"living +training +tiny +\d+/2000 +0\.\d{3}", living)
        assert re.match(r"first +finished +tiny +2/2 +0\.2500 +0\.875 +0\.875", first)


def test_the_list_as_json(capfd):
    run = ended("first", loss=0.25)
    for arguments in (["runs", "--json"], ["runs", "list", "--json"], ["runs", "--json", "list"]):
        assert main(arguments) == 0
        (line,) = capfd.readouterr().out.splitlines()
        summary = json.loads(line)
        assert summary["path"] == str(run.path)
        assert (summary["name"], summary["state"], summary["live"], summary["loss"]) == (
            "first",
            "finished",
            False,
            0.25,
        )


def test_hostile_text_in_a_runs_files_is_shown_harmless(capfd):
    run = ended("first")
    update_manifest(run.path, preset="\x1b]0;title\x07")
    with EventWriter(run.events) as writer:
        writer.write(PhaseEvent("loading", "\x1b[2J"))
        writer.write(End("failed", "\x1b[31mred\x9b", "\x1b[H"))
    for arguments in (["runs"], ["runs", "watch", "first"], ["runs", "watch", "first", "--json"], ["runs", "--json"]):
        main(arguments)
        out, err = capfd.readouterr()
        assert "first" in out + err or "seq" in out
        assert not set(out + err) & {"\x1b", "\x07", "\x9b"}


def test_watch_replays_an_ended_run_and_follows_a_living_one(started, capfd):
    ended("first")
    assert main(["runs", "watch", "first"]) == 0
    assert "finished: 2 steps" in capfd.readouterr().out
    with pytest.raises(SystemExit):
        main(["runs", "watch", "first", "second"])
    assert main(["runs", "watch"]) == 1
    assert "no run is alive" in capfd.readouterr().err
    run = started(steps=40)
    assert main(["runs", "watch", "--json"]) == 0
    assert capfd.readouterr().out == run.events.read_text()


def test_json_passes_on_only_what_is_an_object_and_cannot_act_on_a_terminal(capfd):
    run = ended("first")
    good = run.events.read_bytes()
    run.events.write_bytes(b'\x1b[2J\n"text"\n{"kind": "x", "t": "\xc2\x9b\x7f"}\n' + good)
    assert main(["runs", "watch", "first", "--json"]) == 0
    out = capfd.readouterr().out
    assert out == '{"kind": "x", "t": "\\u009b\\u007f"}\n' + good.decode()


def test_stop_waits_if_asked_and_the_run_can_be_resumed(started, capfd):
    run = started()
    assert main(["runs", "stop", "--wait", run.name]) == 0
    assert "tiny-1 has stopped" in capfd.readouterr().out
    assert run_state(run) is State.STOPPED
    last = run.checkpoints()[-1].name
    assert main(["runs", "resume", run.name, "--detach"]) == 0
    assert f"goes on from {last}" in capfd.readouterr().out
    assert run_state(run).live
    assert main(["runs", "stop", run.name]) == 0
    assert "saves a checkpoint at the step's end" in capfd.readouterr().out
    assert wait_until_over(run, 15)


def test_resume_follows_to_the_end(started, capfd, monkeypatch):
    run = started("killed")
    assert wait_until_over(run, 15)
    assert run_state(run) is State.CRASHED
    monkeypatch.setattr(
        "engine.runs.launch.trainer_command",
        lambda run: [sys.executable, str(TRAINER), str(run.path), "train", "8"],
    )
    assert main(["runs", "resume", run.name]) == 0
    out = capfd.readouterr().out
    assert "resumed from checkpoint-3" in out
    assert "finished: 8 steps" in out


def test_kill_ends_a_run_now(started, capfd):
    run = started()
    assert main(["runs", "kill", run.name]) == 0
    assert "tiny-1 ended when it was asked; checkpoint-" in capfd.readouterr().out
    assert not members(run.manifest())


def test_one_run_that_is_not_there_does_not_keep_the_others_from_it(started, capfd):
    run = started()
    assert main(["runs", "stop", "tiny-2", run.name]) == 1
    out, err = capfd.readouterr()
    assert "no run called tiny-2; did you mean `tiny-1`?" in err
    assert "tiny-1 saves a checkpoint" in out


@pytest.mark.parametrize("action", [["watch"], ["stop"], ["kill"], ["resume"], ["compare"], ["rm", "--yes"]])
def test_an_unknown_run_is_exit_code_1_with_the_nearest_name(action, capfd):
    ended("reward-a")
    assert main(["runs", *action, "rewards-a"]) == 1
    out, err = capfd.readouterr()
    assert "did you mean `reward-a`?" in err
    assert "Traceback" not in out + err


def test_compare_shows_results_and_what_differs_in_the_presets(capfd):
    ended("one", loss=0.5, accuracy=0.5)
    ended("two", loss=0.25, accuracy=0.75, overrides=["learning_rate=0.001", "datasets.0.split=train"])
    assert main(["runs", "compare", "one", "two"]) == 0
    out = capfd.readouterr().out
    assert re.search(r"^loss +0\.5000 +0\.2500", out, re.MULTILINE)
    assert re.search(r"^eval_best +0\.6250 +0\.8750", out, re.MULTILINE)
    assert re.search(r"^learning_rate +2e-05 +0\.001", out, re.MULTILINE)
    assert re.search(r"^datasets\.0\.split +null +train", out, re.MULTILINE)
    assert "sequence_len" not in out
    assert "all were fed the same training set" in out
    ended("three", digest="d2")
    assert main(["runs", "compare", "--json", "one", "three"]) == 0
    comparison = json.loads(capfd.readouterr().out)
    assert comparison["digests"] == ["d1", "d2"]
    assert comparison["preset"] == {}
    assert comparison["results"]["eval_accuracy"] == [0.5, 0.75]
    assert [run["name"] for run in comparison["runs"]] == ["one", "three"]


def test_tags_notes_and_names_are_kept_and_filter_the_list(capfd):
    ended("one")
    ended("two")
    assert main(["runs", "tag", "one", "best", "long"]) == 0
    assert main(["runs", "tag", "one", "long", "--remove"]) == 0
    assert main(["runs", "note", "one", "try it with \x1b[2J margins"]) == 0
    assert main(["runs", "rename", "one", "first"]) == 0
    assert main(["runs", "archive", "two"]) == 0
    capfd.readouterr()
    assert main(["runs", "note", "first"]) == 0
    assert capfd.readouterr().out == "try it with ␛[2J margins\n"
    for filters, names in (
        ([], ["first"]),
        (["--archived"], ["two", "first"]),
        (["--archived", "--tag", "best"], ["first"]),
        (["--state", "finished"], ["first"]),
        (["--state", "crashed"], []),
        (["--preset", "other"], []),
    ):
        assert main(["runs", "list", "--json", *filters]) == 0
        assert [json.loads(line)["name"] for line in capfd.readouterr().out.splitlines()] == names
    assert main(["runs", "list", "--archived"]) == 0
    shown = capfd.readouterr().out
    assert "best" in shown
    assert "finished, archived" in shown


def test_clean_ends_what_outlived_its_leader_and_nothing_else(started, capfd, monkeypatch):
    monkeypatch.setattr("engine.cli.runs.clean_up", lambda run: clean_up(run, patience=0.1))
    living = started(name="living")
    orphaned = started("workers", name="orphaned")
    os.kill(orphaned.manifest().pid, signal.SIGKILL)
    until(lambda: run_state(orphaned) is State.ORPHANED)
    assert main(["runs", "clean"]) == 1
    assert "say --yes" in capfd.readouterr().err
    assert main(["runs", "clean", "--yes"]) == 0
    assert "orphaned: 1 ended" in capfd.readouterr().out
    assert run_state(living).live
    assert not members(orphaned.manifest())
    assert main(["runs", "clean"]) == 0


def test_rm_removes_after_yes_and_never_a_living_run(started, capfd):
    run, living = ended("first"), started(name="living")
    assert main(["runs", "rm", "first"]) == 1
    assert "say --yes" in capfd.readouterr().err
    assert run.exists()
    assert main(["runs", "rm", "--yes", "first", "living"]) == 1
    out, err = capfd.readouterr()
    assert "first is removed" in out
    assert "the run is alive" in err
    assert not run.path.exists()
    assert living.exists()


@pytest.mark.parametrize(("answer", "code"), [("n", 1), ("", 1), ("y", 0), ("yes", 0)])
def test_rm_asks_on_a_terminal(answer, code):
    run = ended("first")
    terminal, other_end = pty.openpty()
    asking = subprocess.Popen(
        [sys.executable, "-m", "engine", "runs", "rm", "first"], stdin=other_end, stdout=other_end, stderr=other_end
    )
    os.close(other_end)
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(terminal, 4096)
    os.write(terminal, answer.encode() + b"\n")
    assert asking.wait(timeout=20) == code
    assert run.path.exists() == bool(code)
    os.close(terminal)
