"""The keeper of a run: the small process that a launch starts, which starts the trainer, waits, and notes how it ended.

It waits first for the run's turn, where the run is to take turns. It outlives whoever launched the run, so that an
exit code, or the signal that ended the trainer, is known also when nobody watched. It imports nothing heavy, and does
nothing while the trainer lives. If it is killed itself, the trainer goes on.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from engine.events.schema import End, Event, PhaseEvent
from engine.events.writer import EventWriter
from engine.runs.devices import in_words
from engine.runs.error import RunError
from engine.runs.folder import RunFolder
from engine.runs.index import known_run_folders
from engine.runs.lock import INHERITED, is_locked
from engine.runs.manifest import Manifest, read_manifest, update_manifest
from engine.runs.process import identity, start_time
from engine.runs.turns import HELD, device_files, take_devices, wait_for_runs
from engine.visible import visible

READY = "RM_WORKBENCH_READY"
"""The environment variable with the descriptor on which a keeper tells who launched it what became of the launch."""
_LOOK = 0.25
_TELL_AGAIN = 10.0


def keep(run_dir: Path) -> int:
    """Wait for the run's turn, start its trainer, wait for its end, and note it in the manifest.

    Returns the trainer's exit code (128 + the signal's number, where one ended it); 0 where it was stopped while it
    waited.
    """
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: asked.set())
    run = RunFolder(run_dir)
    manifest = run.manifest()
    files = device_files(manifest.devices)
    held = _take_turn(run, manifest, files, asked)
    if held is None:
        _tell(run, End("stopped", "Stopped while it waited for its turn."))
        run.stop_request.unlink(missing_ok=True)
        return 0
    try:
        trainer = subprocess.Popen(
            manifest.argv,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=_inherited(),
            cwd=manifest.directory if Path(manifest.directory).is_dir() else run.path,
            env={**os.environ, HELD: os.pathsep.join(map(str, files))},
        )
    except OSError as error:
        refused = f"the trainer cannot be started: {error.strerror or error}"
        _tell(run, End("failed", refused))
        _answer(refused)
        return 1
    _note(
        run,
        pid=trainer.pid,
        pgid=trainer.pid,
        process_start_time=start_time(trainer.pid),
        process_identity=identity(trainer.pid),
    )
    _answer("started")
    killed_before = _killed_for_memory()
    code = trainer.wait()
    killed = _killed_for_memory()
    _note(
        run,
        exit_code=code,
        memory_kills=killed - killed_before if killed is not None and killed_before is not None else None,
    )
    with suppress(OSError):
        # Only now have all processes of the run heard it.
        run.stop_request.unlink(missing_ok=True)
    return code if code >= 0 else 128 - code


def _take_turn(run: RunFolder, manifest: Manifest, files: Sequence[Path], asked: threading.Event) -> list[int] | None:
    """Hold the run's devices, in its turn; None if it is asked to stop before that."""
    held: list[int] = []
    taken = threading.Event()

    def take() -> None:
        wait_for_runs([Path(folder) for folder in manifest.after])
        held.extend(take_devices(files, manifest.queued))
        taken.set()

    # The kernel wakes this thread; the other one listens meanwhile.
    threading.Thread(target=take, daemon=True).start()
    told, told_at = "", 0.0
    while not taken.wait(_LOOK):
        if asked.is_set() or run.stop_request.exists():
            return None
        if not told or time.monotonic() - told_at >= _TELL_AGAIN:
            message, told_at = _waits_for(run, manifest), time.monotonic()
            if message != told:
                _tell(run, PhaseEvent("queued", message))
                told = message
                _answer("queued")
    if asked.is_set() or run.stop_request.exists():
        return None
    if told:
        _tell(run, PhaseEvent("starting", "its turn has come"))
    return held


def _waits_for(run: RunFolder, manifest: Manifest) -> str:
    """What the run waits for, in words: runs that are to end first, and those that hold its devices."""
    reasons = [visible(Path(folder).name) for folder in manifest.after if is_locked(Path(folder))]
    if manifest.queued:
        for device in manifest.devices:
            names = ", ".join(_holders(run, device)) or "another run"
            reasons.append(f"{in_words(device)}, which {names} {'take' if ', ' in names else 'takes'}")
    return "waits for " + "; ".join(reasons)


def _holders(run: RunFolder, device: str) -> list[str]:
    """The living runs that take the device, or wait for it before this one, in the order of their launches."""
    mine = run.manifest().launched or 0.0
    found = []
    for folder in known_run_folders():
        try:
            other = read_manifest(folder)
        except RunError:
            continue
        if device in other.devices and folder != run.path and (other.launched or 0.0) <= mine and is_locked(folder):
            found.append((other.launched or 0.0, visible(other.name)))
    return [name for _, name in sorted(found)]


def _inherited() -> tuple[int, ...]:
    """The descriptor of the run's lock, for the trainer to hold too."""
    text = os.environ.get(INHERITED, "")
    return (int(text),) if text.isdigit() else ()


def _answer(text: str) -> None:
    """Tell who launched the run; once, and only if it still listens."""
    descriptor = os.environ.pop(READY, "")
    if descriptor.isdigit():
        with suppress(OSError):
            os.write(int(descriptor), text.encode())
            os.close(int(descriptor))


def _tell(run: RunFolder, event: Event) -> None:
    with EventWriter(run.events) as events:
        events.write(event)


def _note(run: RunFolder, **changes: object) -> None:
    try:
        update_manifest(run.path, **changes)
    except (RunError, OSError) as error:
        # Its folder is gone or full: the trainer goes on, and the log is the place left to say it.
        sys.stderr.write(f"run.json cannot be written: {error}\n")


def _killed_for_memory() -> int | None:
    """How many processes the kernel has killed for lack of memory: in this control group, else on this machine."""
    sources = [Path("/proc/vmstat")]
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::/"):
                sources.insert(0, Path("/sys/fs/cgroup") / line[4:] / "memory.events")
    for source in sources:
        with suppress(OSError):
            for line in source.read_text().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill" and count.isdigit():
                    return int(count)
    return None
