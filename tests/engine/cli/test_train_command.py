"""`train`, with a fake trainer in place of the real one, and once with the real one."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from engine.cli.main import main
from engine.runs.error import RunError
from engine.runs.find import find_run
from engine.runs.process import members
from engine.runs.state import State, run_state
from engine.runs.stop import stop

ROOT = Path(__file__).resolve().parents[3]
TRAINER = ROOT / "tests" / "engine" / "runs" / "fake_trainer.py"
PRESET = "base_model: org/model\nreward_model: true\ndatasets:\n  - path: rows.jsonl\n"
# Under nohup the tests, and so the command, would be deaf to SIGHUP.
COMMAND = textwrap.dedent(f"""
    import signal
    import sys
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    import engine.runs.launch
    from engine.cli.main import main
    behaviour = sys.argv[1:3]
    engine.runs.launch.trainer_command = lambda run: [sys.executable, {str(TRAINER)!r}, str(run.path), *behaviour]
    sys.exit(main(sys.argv[3:]))
""")


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
def trained_by(monkeypatch):
    def use(behaviour, steps=12):
        command = [sys.executable, str(TRAINER)]
        monkeypatch.setattr(
            "engine.runs.launch.trainer_command", lambda run: [*command, str(run.path), behaviour, str(steps)]
        )

    return use


def wait_for(condition, timeout=20.0):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_training_is_followed_in_plain_text_to_its_result(trained_by, capfd, tmp_path):
    trained_by("train")
    assert main(["train", "tiny.yaml"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert f"tiny-1: {tmp_path}/runs/tiny-1" in out
    assert "12 steps on cpu, 10 of 1,000 parameters trained, 8 of 10 rows; left out: identical-pair 2" in out
    assert "; held out: 3 of 4 rows; left out: too-long 1" in out
    assert re.search(r"\[#{24}\] 12/12 +loss 0\.05\d+ +accuracy 0\.620", out)
    assert "finished: 12 steps" in out
    assert re.search(r"held-out accuracy +0\.875", out)
    assert re.search(r"choosing by length alone +0\.500", out)
    assert re.search(rf"model +{tmp_path}/runs/tiny-1/model", out)
    assert "\x1b" not in out


def test_json_prints_the_events_as_they_stand_and_nothing_else(trained_by, capfd, tmp_path):
    trained_by("train")
    assert main(["train", "tiny.yaml", "--json", "--name", "mine"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert out == (tmp_path / "runs" / "mine" / "events.jsonl").read_text()
    assert [json.loads(line)["seq"] for line in out.splitlines()] == list(range(len(out.splitlines())))
    assert json.loads(out.splitlines()[-1])["status"] == "finished"


def test_detach_returns_at_once_and_the_run_goes_on(trained_by, capfd):
    trained_by("train", 60)
    began = time.monotonic()
    assert main(["train", "tiny.yaml", "--detach", "--json"]) == 0
    assert time.monotonic() - began < 1.2
    run = find_run(json.loads(capfd.readouterr().out)["run"])
    assert run_state(run).live
    wait_for(lambda: run_state(run) is State.FINISHED)


def test_a_failure_is_told_in_the_runs_own_words_made_harmless(trained_by, capfd):
    trained_by("fail")
    assert main(["train", "tiny.yaml"]) == 1
    out = capfd.readouterr().out
    assert "failed: the data ␛[31mcannot be read" in out
    assert "look at the path" in out
    assert "Traceback" not in out
    assert "\x1b" not in out


def test_a_crash_is_told_with_the_log_and_what_to_do(trained_by, capfd):
    trained_by("crash")
    assert main(["train", "tiny.yaml"]) == 1
    out = capfd.readouterr().out
    assert "crashed: ended with exit code 3 without saying why; probably out of GPU memory" in out
    assert "resume it from checkpoint-3" in out
    assert "| RuntimeError: CUDA out of memory␛[2J" in out
    assert "\x1b" not in out


def test_a_crash_under_json_is_told_on_stderr_only(trained_by, capfd):
    trained_by("crash")
    assert main(["train", "tiny.yaml", "--json"]) == 1
    out, err = capfd.readouterr()
    assert all(json.loads(line)["kind"] != "end" for line in out.splitlines())
    assert "out of GPU memory" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.yaml"], "no such file"),
        (["tiny.yaml", "--set", "sequence_length=5"], "unknown key `sequence_length`"),
    ],
)
def test_a_bad_preset_is_exit_code_2_and_makes_no_run(arguments, message, capfd, tmp_path):
    assert main(["train", *arguments]) == 2
    out, err = capfd.readouterr()
    assert (out, "Traceback" in err) == ("", False)
    assert message in err
    assert not (tmp_path / "runs").exists()


def test_a_run_can_be_made_for_a_launcher_of_ones_own(capfd, tmp_path):
    assert main(["train", "tiny.yaml", "--name", "mine", "--no-launch"]) == 0
    assert capfd.readouterr().out == f"{tmp_path}/runs/mine\n"
    assert find_run("mine").manifest().launches == 0


def test_a_name_that_is_taken_is_exit_code_1(trained_by, capfd):
    trained_by("train")
    assert main(["train", "tiny.yaml", "--name", "one"]) == 0
    assert main(["train", "tiny.yaml", "--name", "one"]) == 1
    assert "there is a run called one already" in capfd.readouterr().err


def test_set_reaches_the_runs_preset(trained_by):
    trained_by("train")
    assert main(["train", "tiny.yaml", "--set", "learning_rate=0.125"]) == 0
    assert "learning_rate: 0.125" in find_run("tiny-1").preset.read_text()


def test_the_first_ctrl_c_stops_the_run_with_a_checkpoint():
    following = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "train", "5000", "train", "tiny.yaml"], stdout=subprocess.PIPE, text=True
    )
    wait_for(lambda: Path("runs/tiny-1/checkpoint-3").is_dir())
    following.send_signal(signal.SIGINT)
    out, _ = following.communicate(timeout=20)
    assert following.returncode == 0
    assert "stopping: it saves a checkpoint" in out
    assert "stopped: after step" in out
    assert "rm-workbench runs resume tiny-1" in out


def test_the_second_ctrl_c_kills_it():
    following = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "stubborn", "5000", "train", "tiny.yaml"], stdout=subprocess.PIPE, text=True
    )
    wait_for(lambda: Path("runs/tiny-1/checkpoint-3").is_dir())
    run = find_run("tiny-1")
    leader = run.manifest().pid
    os.kill(leader, signal.SIGSTOP)
    following.send_signal(signal.SIGINT)
    wait_for(run.stop_request.exists)
    following.send_signal(signal.SIGINT)
    out, _ = following.communicate(timeout=20)
    assert following.returncode == 0
    assert "stopped: killed on request" in out
    assert not members(run.manifest())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_the_run_outlives_the_command(number):
    following = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "train", "5000", "train", "tiny.yaml"],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(lambda: Path("runs/tiny-1/checkpoint-3").is_dir())
    os.killpg(following.pid, number)
    following.wait()
    run = find_run("tiny-1")
    written = run.events.stat().st_size
    wait_for(lambda: run.events.stat().st_size > written + 1000)
    assert run_state(run) is State.TRAINING
    stop(run)
    wait_for(lambda: run_state(run) is State.STOPPED)


def test_a_terminal_gets_a_progress_bar_and_the_same_result():
    terminal, other_end = pty.openpty()
    following = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "train", "40", "train", "tiny.yaml"],
        stdin=other_end,
        stdout=other_end,
        stderr=other_end,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "30"},
    )
    os.close(other_end)
    shown = b""
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    assert following.wait(timeout=20) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert re.search(r"training .*\d+/40 +loss \d\.\d+ +accuracy \d\.\d{3}", text)
    assert re.search(r"held-out accuracy +0\.875", text)


def test_the_real_trainer_trains_the_demo(tmp_path, monkeypatch):
    monkeypatch.setenv("RM_WORKBENCH_CACHE", str(tmp_path / "cache"))
    small = ["datasets.0.split=test", "max_steps=4", "save_steps=2", "saves_per_epoch=null", "num_threads=1"]
    command = [sys.executable, "-m", "engine", "train", "demo-pairs", "--name", "real", "--json"]
    for override in [*small, "micro_batch_size=4", "logging_steps=1"]:
        command += ["--set", override]
    trained = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert (trained.returncode, trained.stderr) == (0, "")
    events = [json.loads(line) for line in trained.stdout.splitlines()]
    by_kind = {event["kind"]: event for event in events}
    run = find_run("real")
    assert by_kind["end"]["status"] == "finished"
    assert [event["step"] for event in events if event["kind"] == "metric"] == [1, 2, 3, 4]
    assert by_kind["start"]["digest"] == run.manifest().digest
    assert by_kind["start"]["ledger"] == run.manifest().ledger
    assert 0 <= by_kind["eval"]["values"]["eval_accuracy"] <= 1
    assert (run.model / "model.safetensors").is_file()
    assert run_state(run) is State.FINISHED
