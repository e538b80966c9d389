"""Runs as real processes: launched, watched, stopped, killed, crashed, resumed."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from engine.events.reader import EventReader
from engine.events.schema import End, Metric, PhaseEvent, Start
from engine.events.writer import EventWriter
from engine.runs.error import RunError
from engine.runs.follow import follow
from engine.runs.launch import launch, resume, trainer_command
from engine.runs.lock import hold_lock, is_locked, take_lock
from engine.runs.manifest import update_manifest
from engine.runs.process import MARK, identity, keeper_alive, leader_alive, members
from engine.runs.remove import remove_run
from engine.runs.state import State, run_state, run_status
from engine.runs.stop import clean_up, kill, stop, terminate, wait_until_over


def wait_for(condition, timeout=15.0):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def events(run, kind=object):
    return [record.event for record in EventReader(run.events).read() if isinstance(record.event, kind)]


def test_a_run_goes_from_launch_to_finished(run, trainer):
    launch(run, trainer(run, steps=10))
    assert run_state(run).live
    assert wait_until_over(run, 20)
    status = run_status(run)
    assert (status.state, status.message) == (State.FINISHED, "10 steps")
    assert [event.step for event in events(run, Metric)] == list(range(1, 11))
    assert events(run)[0] == PhaseEvent("starting", f"on {run.manifest().host}")
    wait_for(lambda: not is_locked(run.path))


def test_the_trainer_has_a_session_of_its_own_no_stdin_and_is_written_down(run, trainer):
    launch(run, trainer(run, steps=2000))
    manifest = run.manifest()
    process = psutil.Process(manifest.pid)
    assert os.getsid(manifest.pid) == os.getpgid(manifest.pid) == manifest.pgid == manifest.pid != os.getsid(0)
    assert manifest.process_start_time == pytest.approx(process.create_time(), abs=0.1)
    assert list(manifest.argv) == trainer(run, steps=2000)
    assert manifest.versions["torch"]
    assert Path(f"/proc/{manifest.pid}/fd/0").readlink() == Path("/dev/null")
    assert Path(f"/proc/{manifest.pid}/fd/1").readlink() == run.log
    assert process.environ()["OMP_WAIT_POLICY"] == "PASSIVE"
    kill(run, patience=0)


def test_stop_asks_and_the_run_ends_with_a_checkpoint(run, trainer):
    launch(run, trainer(run, steps=2000))
    wait_for(lambda: events(run, Metric))
    stop(run)
    assert wait_until_over(run, 15)
    assert run_state(run) is State.STOPPED
    assert run.checkpoints()
    with pytest.raises(RunError, match="the run is not alive: it has stopped"):
        stop(run)


def test_a_run_that_is_asked_to_stop_says_so(run, trainer):
    launch(run, [sys.executable, "-c", "import time; time.sleep(60)"])
    trainer(run)
    stop(run)
    assert run_state(run) is State.STOPPING
    kill(run, patience=0)


def test_sigterm_is_a_request_too(run, trainer):
    launch(run, trainer(run, steps=2000))
    wait_for(lambda: events(run, Metric))
    assert terminate(run) == 1
    assert wait_until_over(run, 15)
    assert run_state(run) is State.STOPPED


def test_kill_ends_what_ignores_sigterm_and_says_so_in_the_events(run, trainer):
    launch(run, trainer(run, "stubborn", 2000))
    wait_for(lambda: events(run, Metric))
    kill(run, patience=0.3)
    assert not leader_alive(run.manifest())
    status = run_status(run)
    assert (status.state, status.message) == (State.STOPPED, "killed on request")
    assert not is_locked(run.path)
    with pytest.raises(RunError, match="not alive"):
        kill(run)


def test_kill_ends_workers_in_sessions_of_their_own_also_after_their_leader_died(run, trainer):
    launch(run, trainer(run, "workers", 2000))
    wait_for(lambda: "worker" in run.log.read_text() and events(run, Metric))
    manifest = run.manifest()
    assert len(members(manifest)) == 2
    os.kill(manifest.pid, signal.SIGKILL)
    wait_for(lambda: not leader_alive(manifest))
    (worker,) = members(manifest)
    wait_for(lambda: run_state(run) is not State.TRAINING)
    status = run_status(run)
    assert (status.state, status.workers) == (State.ORPHANED, (worker.pid,))
    assert "runs clean" in status.advice
    with pytest.raises(RunError, match="alive"):
        remove_run(run)
    assert clean_up(run, patience=0.1) == 1
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    assert run_status(run).message == "killed on request"


def test_a_crash_is_told_with_its_exit_code_log_and_a_guess(run, trainer):
    launch(run, trainer(run, "crash"))
    wait_for(lambda: not run_state(run).live)
    status = run_status(run)
    assert status.state is State.CRASHED
    assert status.exit_code == 3 == run.manifest().exit_code
    assert "ended with exit code 3" in status.message
    assert "probably out of GPU memory" in status.message
    assert status.log_tail == ("RuntimeError: CUDA out of memory␛[2J. Tried to allocate",)
    assert "resume it from checkpoint-3" in status.advice


def test_a_run_killed_from_outside_crashed_by_that_signal(run, trainer):
    launch(run, trainer(run, "killed"))
    wait_for(lambda: not run_state(run).live)
    status = run_status(run)
    assert (status.state, status.exit_code) == (State.CRASHED, -9)
    assert "SIGKILL" in status.message


def test_a_run_that_fails_says_why_itself(run, trainer):
    launch(run, trainer(run, "fail"))
    assert wait_until_over(run, 15)
    status = run_status(run)
    assert (status.state, status.advice) == (State.FAILED, "look at the path")


def test_kill_minus_nine_of_the_launcher_leaves_the_trainer_running(run, trainer):
    launcher = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent("""
                import sys, time
                from pathlib import Path
                from engine.runs.folder import RunFolder
                from engine.runs.launch import launch
                launch(RunFolder(Path(sys.argv[1])), sys.argv[2:])
                time.sleep(60)
            """),
            str(run.path),
            *trainer(run, steps=100),
        ],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
        start_new_session=True,
    )
    wait_for(lambda: events(run, Metric))
    os.killpg(launcher.pid, signal.SIGKILL)
    launcher.wait()
    before = len(events(run, Metric))
    wait_for(lambda: len(events(run, Metric)) > before + 5)
    assert run_state(run) is State.TRAINING
    assert wait_until_over(run, 20)
    assert run_state(run) is State.FINISHED


def test_how_a_trainer_ended_is_known_also_when_whoever_launched_it_is_gone(run, trainer):
    script = "import sys; from pathlib import Path; from engine.runs.folder import RunFolder;"
    script += "from engine.runs.launch import launch; launch(RunFolder(Path(sys.argv[1])), sys.argv[2:])"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    subprocess.run([sys.executable, "-c", script, str(run.path), *trainer(run, "killed")], env=env, check=True)
    wait_for(lambda: not run_state(run).live)
    status = run_status(run)
    assert (status.state, status.exit_code) == (State.CRASHED, -9)


def test_a_trainer_outlives_its_keeper_and_a_crash_that_nobody_saw_is_still_a_crash(run, trainer):
    launch(run, trainer(run, steps=2000))
    wait_for(lambda: events(run, Metric))
    manifest = run.manifest()
    os.kill(manifest.keeper_pid, signal.SIGKILL)
    wait_for(lambda: not keeper_alive(manifest))
    before = len(events(run, Metric))
    wait_for(lambda: len(events(run, Metric)) > before)
    assert run_state(run) is State.TRAINING
    os.kill(manifest.pid, signal.SIGKILL)
    wait_for(lambda: not run_state(run).live)
    status = run_status(run)
    assert (status.state, status.exit_code) == (State.CRASHED, None)
    assert "nobody saw how it ended" in status.message


def test_resume_goes_on_from_the_last_checkpoint_in_the_same_events(run, trainer):
    launch(run, trainer(run, "killed"))
    wait_for(lambda: not run_state(run).live)
    resume(run, trainer(run, steps=8))
    assert run.manifest().launches == 2
    assert run.manifest().resumed_from == "checkpoint-3"
    assert run_state(run) not in {State.CRASHED, State.STOPPED}
    assert wait_until_over(run, 20)
    assert run_state(run) is State.FINISHED
    records = EventReader(run.events).read()
    assert [record.seq for record in records] == list(range(len(records)))
    assert events(run, Start)[-1].resumed_from == "checkpoint-3"
    assert f"from checkpoint-3, on {run.manifest().host}" in [event.message for event in events(run, PhaseEvent)]
    assert [event.step for event in events(run, Metric)] == [1, 2, 3, 4, 5, 4, 5, 6, 7, 8]
    with pytest.raises(RunError, match="has finished"):
        resume(run, trainer(run, steps=8))


def test_without_a_whole_checkpoint_there_is_nothing_to_resume(run):
    (run.path / "checkpoint-7").mkdir()
    (run.path / "checkpoint-7" / "trainer_state.json").write_text('{"global_st')
    with pytest.raises(RunError, match="no complete checkpoint"):
        resume(run)


def test_a_living_run_is_neither_launched_again_nor_removed(run, trainer):
    launch(run, trainer(run, steps=2000))
    for attempt in (lambda: launch(run, trainer(run)), lambda: take_lock(run.path)):
        with pytest.raises(RunError, match="being trained already"):
            attempt()
    with pytest.raises(RunError, match="the run is alive"):
        remove_run(run)
    kill(run, patience=0)
    remove_run(run)
    assert not run.path.exists()


def test_a_trainer_started_by_hand_is_refused_while_another_lives(run, trainer):
    launch(run, trainer(run, steps=2000))
    wait_for(lambda: events(run, Metric))
    second = subprocess.run(
        [*trainer(run)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert "this run is being trained already" in second.stderr
    kill(run, patience=0)


def test_the_lock_is_freed_however_its_holder_ends(run):
    script = "import sys, time; from pathlib import Path; from engine.runs.lock import hold_lock;"
    script += "hold_lock(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    holder = subprocess.Popen([sys.executable, "-c", script, str(run.path)], env=env, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    assert is_locked(run.path)
    with pytest.raises(RunError, match="being trained already"):
        hold_lock(run.path)
    holder.kill()
    holder.wait()
    assert not is_locked(run.path)
    os.close(hold_lock(run.path))


def test_a_reused_pid_fools_nobody_and_is_never_signalled(run, trainer):
    """The manifest names a living process that has the number of a trainer long dead."""
    launch(run, trainer(run, "killed"))
    wait_for(lambda: not run_state(run).live)
    innocent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        update_manifest(run.path, pid=innocent.pid, pgid=innocent.pid)
        assert run_state(run) is State.CRASHED
        with pytest.raises(RunError, match="not alive"):
            stop(run)
        with pytest.raises(RunError, match="not alive"):
            kill(run, patience=0)
        assert terminate(run) == 0
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_a_process_has_one_identity_and_the_dead_have_none():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    first = identity(child.pid)
    assert first == identity(child.pid) != identity(os.getpid())
    child.stdin.close()
    wait_for(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
    assert identity(child.pid) is None
    child.wait()
    assert identity(child.pid) is None


def test_silence_alone_is_no_crash(run, trainer):
    launch(run, [sys.executable, "-c", "import time; time.sleep(60)"])
    trainer(run)
    old = time.time() - 7 * 24 * 3600
    os.utime(run.events, (old, old))
    assert run_state(run) is State.STARTING
    kill(run, patience=0)


def test_a_run_on_another_machine_is_alive_as_long_as_its_lock_is_held(run):
    with EventWriter(run.events) as writer:
        writer.write(PhaseEvent("training"))
    update_manifest(run.path, host="far-away", pid=1, process_identity="x", launched=1.0, launch_id="y")
    lock = take_lock(run.path)
    assert run_state(run) is State.TRAINING
    with pytest.raises(RunError, match="its processes are on far-away"):
        kill(run)
    os.close(lock)
    assert run_state(run) is State.CRASHED


def test_a_run_that_was_never_launched_is_told_apart(run):
    assert run_status(run).message == "created, but never launched"


def test_a_command_that_does_not_exist_is_one_clear_error(run):
    with pytest.raises(RunError, match="the trainer cannot be started"):
        launch(run, ["/nowhere/python"])
    assert run_state(run) is State.FAILED
    wait_for(lambda: not is_locked(run.path))


def test_several_processes_are_launched_through_accelerate(run):
    assert trainer_command(run) == [sys.executable, "-P", "-m", "engine", "run", str(run.path)]
    text = run.preset.read_text()
    assert "num_processes: 1" in text
    run.preset.write_text(text.replace("num_processes: 1", "num_processes: 2"))
    command = trainer_command(run)
    assert command[:4] == [sys.executable, "-P", "-m", "accelerate.commands.launch"]
    assert command[command.index("--num_processes") + 1] == "2"
    assert command[-4:] == ["--module", "engine", "run", str(run.path)]


@pytest.mark.parametrize(("processes", "visible"), [(1, "0,1"), (2, "")])
def test_fsdp_without_several_gpus_is_refused_and_not_left_out(run, monkeypatch, processes, visible):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    text = run.preset.read_text().replace("num_processes: 1", f"num_processes: {processes}")
    run.preset.write_text(text.replace("fsdp: []", "fsdp: [full_shard]"))
    assert "full_shard" in run.preset.read_text()
    with pytest.raises(RunError, match="FSDP shards a model over several GPUs"):
        launch(run)
    assert run_state(run) is State.FAILED
    monkeypatch.setattr("engine.runs.launch.find_spec", lambda name: None)
    run.preset.write_text(text.replace("deepspeed:", "deepspeed: ds.json"))
    with pytest.raises(RunError, match="DeepSpeed is not installed"):
        launch(run)


def test_following_gives_every_event_once_and_ends_with_the_run(run, trainer):
    launch(run, trainer(run, steps=10))
    batches = list(follow(run))
    followed = [record for batch in batches for record in batch.records]
    assert followed == EventReader(run.events).read()
    assert isinstance(followed[-1].event, End)
    assert b"\n".join(line for batch in batches for line in batch.lines) + b"\n" == run.events.read_bytes()


def test_following_a_crash_ends(run, trainer):
    launch(run, trainer(run, "killed"))
    followed = [record for batch in follow(run) for record in batch.records]
    assert [record.event.step for record in followed if isinstance(record.event, Metric)] == [1, 2, 3, 4, 5]


def test_the_mark_reaches_every_process_of_the_run(run, trainer):
    launch(run, trainer(run, "workers", 2000))
    wait_for(lambda: len(members(run.manifest())) == 2)
    assert {process.environ()[MARK] for process in members(run.manifest())} == {run.manifest().launch_id}
    kill(run, patience=0)


def test_killed_anywhere_a_run_is_whole_and_goes_on(run, trainer):
    """SIGKILL at random moments, launch after launch: no event that was there is lost, and the run still finishes."""
    rng = random.Random(11)
    acknowledged = []
    for _ in range(8):
        launch(run, trainer(run, steps=60))
        time.sleep(rng.uniform(0.05, 0.8))
        acknowledged = EventReader(run.events).read()
        manifest = run.manifest()
        for process in members(manifest):
            process.kill()
        wait_for(lambda: not run_state(run).live)
        assert run_state(run) in {State.CRASHED, State.FINISHED}
        assert EventReader(run.events).read()[: len(acknowledged)] == acknowledged
    launch(run, trainer(run, steps=60))
    assert wait_until_over(run, 20)
    assert run_state(run) is State.FINISHED
    records = EventReader(run.events).read()
    assert [record.seq for record in records] == list(range(len(records)))
    assert run.manifest().launches == 9


def test_on_a_file_system_without_locks_runs_live_and_crash_all_the_same(run, trainer, monkeypatch):
    def unsupported(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("engine.runs.lock.fcntl.flock", unsupported)
    launch(run, trainer(run, steps=2000))
    wait_for(lambda: events(run, Metric))
    assert run_state(run) is State.TRAINING
    os.kill(run.manifest().pid, signal.SIGKILL)
    wait_for(lambda: not run_state(run).live)
    status = run_status(run)
    assert (status.state, status.workers) == (State.CRASHED, ())


def test_a_run_that_has_said_its_end_may_be_resumed_and_removed_while_its_process_lingers(run, trainer):
    for _ in range(2):
        launch(run, trainer(run, "lingers", steps=4))
        assert wait_until_over(run, 15)
        assert is_locked(run.path)
    remove_run(run)
    assert not run.path.exists()
