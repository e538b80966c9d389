"""Starting a run's trainer so that it outlives whoever started it, and starting it again from its last checkpoint."""

import os
import select
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from importlib.util import find_spec

from engine.entry import engine_command, engine_environment
from engine.events.reader import read_tail
from engine.events.schema import End, PhaseEvent, Record
from engine.events.writer import EventWriter
from engine.preset.load import load_preset
from engine.preset.schema import Preset
from engine.runs.devices import is_gpu, wanted_devices
from engine.runs.error import RunError
from engine.runs.folder import RunFolder
from engine.runs.keeper import READY
from engine.runs.lock import INHERITED, TIME_TO_END, take_lock
from engine.runs.manifest import update_manifest
from engine.runs.process import MARK, host, identity, keeper_alive, leader_alive
from engine.runs.versions import versions

_children: list["subprocess.Popen[bytes]"] = []
_KEEP_MEMORY = "glibc.malloc.hugetlb=1:glibc.malloc.trim_threshold=4294967296:glibc.malloc.mmap_threshold=33554432"
_PATIENCE = 60.0


def launch(
    run: RunFolder,
    command: Sequence[str] | None = None,
    *,
    queue: bool | None = None,
    after: Sequence[RunFolder] = (),
) -> None:
    """Start the run's trainer in a session of its own: stdin closed, stdout and stderr in `train.log`.

    It has no pipe to this process and no terminal, so it outlives both; a keeper (engine/runs/keeper.py) starts it
    and notes its end. It holds the run's lock from its birth. The manifest records which process it is.

    With `queue` the run waits until no other run holds the devices it takes; without (False) it starts at once; None
    queues it for GPUs, and not for the CPU. It comes `after` other runs, however they end. A run that waits is
    launched all the same, and its state is `queued`. `command` replaces the trainer's own command line. Raises
    RunError if the run is alive, or cannot be started.
    """
    preset = load_preset(str(run.preset)).preset
    devices = wanted_devices(preset)
    last = read_tail(run.events)
    ends = bool(last) and isinstance(last[-1].event, End)
    # A keeper without a trainer is about to note how it ended.
    ends = ends or (keeper_alive(run.manifest()) and not leader_alive(run.manifest()) and not _waits(last))
    lock = take_lock(run.path, TIME_TO_END if ends else 0.5)
    try:
        launch_id = uuid.uuid4().hex
        manifest = run.manifest()
        try:
            arguments = list(command) if command is not None else trainer_command(run)
        except RunError as refused:
            with EventWriter(run.events) as events:
                events.write(End("failed", refused.what, refused.advice))
            raise
        try:
            run.stop_request.unlink(missing_ok=True)
            log = os.open(run.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _cannot_start(run, error) from error
        checkpoints = run.checkpoints()
        try:
            manifest = update_manifest(
                run.path,
                launches=manifest.launches + 1,
                launch_id=launch_id,
                launched=time.time(),
                host=host(),
                pid=None,
                pgid=None,
                process_start_time=None,
                process_identity=None,
                keeper_pid=None,
                keeper_identity=None,
                argv=arguments,
                devices=devices,
                queued=any(map(is_gpu, devices)) if queue is None else queue,
                after=[str(other.path.resolve()) for other in after],
                exit_code=None,
                memory_kills=None,
                resumed_from=checkpoints[-1].name if checkpoints else None,
                versions=versions(),
            )
            since = f"from {manifest.resumed_from}, " if manifest.resumed_from else ""
            with EventWriter(run.events) as events:
                events.write(PhaseEvent("starting", f"{since}on {manifest.host}"))
            _start_keeper(run, launch_id, lock, log)
        finally:
            os.close(log)
    finally:
        os.close(lock)


def _waits(last: Sequence[Record]) -> bool:
    return bool(last) and isinstance(last[-1].event, PhaseEvent) and last[-1].event.phase == "queued"


def _start_keeper(run: RunFolder, launch_id: str, lock: int, log: int) -> None:
    """Start the run's keeper, and return when it has started the trainer, or has begun to wait.

    Raises RunError where the trainer cannot be started; what became of the launch is in the events then.
    """
    heard, answer = os.pipe()
    try:
        try:
            keeper = subprocess.Popen(
                engine_command("keep", str(run.path.resolve())),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(lock, answer),
                env=engine_environment(_environment(launch_id, lock) | {READY: str(answer)}),
            )
        except OSError as error:
            refused = _cannot_start(run, error)
            with EventWriter(run.events) as events:
                events.write(End("failed", refused.what))
            raise refused from error
        finally:
            os.close(answer)
        # Those that have ended are let go: nobody else would collect them while this process lives.
        _children[:] = [child for child in _children if child.poll() is None] + [keeper]
        update_manifest(run.path, keeper_pid=keeper.pid, keeper_identity=identity(keeper.pid))
        ready, _, _ = select.select([heard], [], [], _PATIENCE)
        said = os.read(heard, 4096).decode() if ready else "started"
    finally:
        os.close(heard)
    if said not in {"started", "queued"}:
        raise RunError(said or "the trainer could not be started", str(run.path), f"look into {run.log.name}")


def resume(
    run: RunFolder,
    command: Sequence[str] | None = None,
    *,
    queue: bool | None = None,
    after: Sequence[RunFolder] = (),
) -> None:
    """Start the run again, from its last complete checkpoint; `queue` and `after` as in `launch`.

    Raises RunError if it is alive, finished, or has no checkpoint.
    """
    last = read_tail(run.events)
    ended = last[-1].event if last else None
    if isinstance(ended, End) and ended.status == "finished":
        raise RunError(
            "the run has finished: there is nothing left to train",
            str(run.path),
            "train the preset again, as a new run",
        )
    if not run.checkpoints():
        raise RunError(
            "there is no complete checkpoint to resume from", str(run.path), "train the preset again, as a new run"
        )
    launch(run, command, queue=queue, after=after)


def trainer_command(run: RunFolder) -> list[str]:
    """The command line that trains the run: one process, or `accelerate launch` for as many as the preset says.

    Raises RunError where the preset asks for FSDP, which would be left out without a word, or for a DeepSpeed that is
    not installed.
    """
    preset = load_preset(str(run.preset)).preset
    if preset.deepspeed and not find_spec("deepspeed"):
        raise RunError(
            "DeepSpeed is not installed",
            str(run.preset),
            "`pip install deepspeed`, or remove `deepspeed` from the preset",
        )
    if preset.fsdp and (preset.num_processes == 1 or not any(map(is_gpu, wanted_devices(preset)))):
        raise RunError(
            "FSDP shards a model over several GPUs, and this run has not several",
            str(run.preset),
            "remove `fsdp`, or set `num_processes` to the number of GPUs",
        )
    directory = str(run.path.resolve())
    if preset.num_processes == 1:
        return engine_command("run", directory)
    return [
        *(sys.executable, "-P", "-m", "accelerate.commands.launch"),
        *_accelerate_options(preset),
        *("--module", "engine", "run", directory),
    ]


def _accelerate_options(preset: Preset) -> list[str]:
    """Options of `accelerate launch`.

    `--multi_gpu` is torch's launcher, and the only one that starts several processes on a CPU too (`--cpu` starts
    one). FSDP and DeepSpeed are configured by the trainer's own arguments, from the preset.
    """
    return [
        "--multi_gpu",
        *("--num_machines", "1"),
        *("--num_processes", str(preset.num_processes)),
        *("--main_process_port", str(_free_port())),
        *("--mixed_precision", "no"),
        *("--dynamo_backend", "no"),
    ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment(launch_id: str, lock: int) -> dict[str, str]:
    """What the trainer's processes find in their environment, beside ours.

    Passive waiting must be set before torch is imported: spinning threads eat each other's time on a busy machine.
    Large pages, and memory that is kept for the next step, save a training on the CPU some 6 % of its time (glibc).
    Progress bars would fill the log with control characters.
    """
    return {
        MARK: launch_id,
        INHERITED: str(lock),
        "PYTHONSAFEPATH": "1",
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
        "GLIBC_TUNABLES": os.environ.get("GLIBC_TUNABLES", _KEEP_MEMORY),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "NO_COLOR": "1",
    }


def _cannot_start(run: RunFolder, error: OSError) -> RunError:
    return RunError(f"the trainer cannot be started: {error.strerror or error}", str(run.path))
