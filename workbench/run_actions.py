"""What can be done to a run, with the questions that are asked before it is done."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from engine.entry import engine_command, engine_environment
from engine.error import EngineError
from engine.runs.annotation import archive, set_note, tag, unarchive
from engine.runs.folder import RunFolder
from engine.runs.launch import launch
from engine.runs.remove import remove_run
from engine.runs.rename import rename_run
from engine.runs.stop import PATIENCE, clean_up, kill, stop
from engine.runs.summary import RunSummary
from workbench.screen_text import visible
from workbench.screens.dialog import AskText, Question, needs_a_name

if TYPE_CHECKING:
    from workbench.app import WorkbenchApp

Result = TypeVar("Result")


_KILL = (
    f"Kill sends SIGTERM to all its processes, which asks them to save and end, and after {PATIENCE:.0f} seconds "
    "SIGKILL to those that are left: what was learned since the last checkpoint is lost then."
)


async def ask_to_stop(app: "WorkbenchApp", folder: Path) -> None:
    """Ask how the run is to be stopped, and do it. Runs in a worker."""
    answer = await app.push_screen_wait(
        Question(
            f"Stop {visible(folder.name)}?",
            "Stop and save finishes the step and writes a checkpoint; the run can be resumed from it.\n\n" + _KILL,
            (("save", "Stop and save"), ("kill", "Kill"), ("cancel", "Let it run")),
        )
    )
    if answer == "save":
        await _do(app, stop, folder)
    elif answer == "kill":
        await _kill(app, folder)


async def ask_to_kill(app: "WorkbenchApp", folder: Path) -> None:
    """Ask whether to end the run now, and do it. Runs in a worker."""
    answer = await app.push_screen_wait(
        Question(f"Kill {visible(folder.name)}?", _KILL, (("cancel", "Let it run"), ("kill", "Kill")))
    )
    if answer == "kill":
        await _kill(app, folder)


async def ask_to_clean_up(app: "WorkbenchApp", folder: Path, workers: Sequence[int]) -> None:
    """Ask whether to end the processes that outlived the run's leader, and do it. Runs in a worker."""
    count = len(workers)
    many = "1 process" if count == 1 else f"{count} processes"
    answer = await app.push_screen_wait(
        Question(
            f"Clean up after {visible(folder.name)}?",
            f"The process that leads it is dead; {many} of it ({', '.join(map(str, workers))}) still live and may "
            f"hold a GPU. They get SIGTERM, and after {PATIENCE:.0f} seconds SIGKILL. Its folder stays as it is.",
            (("cancel", "Leave them"), ("clean", "End them")),
        )
    )
    if answer == "clean":
        await _do(app, clean_up, folder)


async def _kill(app: "WorkbenchApp", folder: Path) -> None:
    killed = await _do(app, kill, folder)
    if killed is not None:
        how = "was ended by SIGKILL" if killed.forced else "ended by itself when asked"
        left = f"it can be resumed from {killed.checkpoint}" if killed.checkpoint else "it left no checkpoint"
        app.notify(f"{visible(folder.name)} {how}; {left}.", markup=False)


async def ask_to_delete(app: "WorkbenchApp", folder: Path) -> None:
    """Ask whether to delete the run with everything in its folder, and do it. Runs in a worker."""
    answer = await app.push_screen_wait(
        Question(
            f"Delete {visible(folder.name)}?",
            f"Its events, log, checkpoints and model are deleted for good:\n{visible(str(folder))}",
            (("keep", "Keep it"), ("delete", "Delete")),
        )
    )
    if answer == "delete":
        await _do(app, remove_run, folder)


async def ask_for_tags(app: "WorkbenchApp", run: RunSummary) -> None:
    """Ask for the run's tags, and write them. Runs in a worker."""
    answer = await app.push_screen_wait(
        AskText(f"Tags of {visible(run.name)}", "One word each, with blanks between.", " ".join(run.tags))
    )
    if answer is not None:
        wanted = answer.replace(",", " ").split()
        await _do(app, partial(tag, add=wanted, remove=[old for old in run.tags if old not in wanted]), run.path)


async def ask_for_note(app: "WorkbenchApp", run: RunSummary) -> None:
    """Ask for a note on the run, and write it. Runs in a worker."""
    answer = await app.push_screen_wait(
        AskText(f"Note on {visible(run.name)}", "What is to be remembered of it.", run.note)
    )
    if answer is not None:
        await _do(app, partial(set_note, text=answer), run.path)


async def ask_for_name(app: "WorkbenchApp", run: RunSummary) -> Path | None:
    """Ask for another name, and rename the run with its folder; its new folder, None where it keeps the old one."""
    ask = AskText(f"Rename {visible(run.name)}", "Its folder is renamed too.", run.name, refuses=needs_a_name)
    answer = await app.push_screen_wait(ask)
    if not answer or answer.strip() == run.name:
        return None
    renamed = await _do(app, partial(rename_run, name=answer.strip()), run.path)
    return renamed.path if renamed else None


async def toggle_archived(app: "WorkbenchApp", run: RunSummary) -> None:
    """Put the run away, or back among the others."""
    if await _do(app, unarchive if run.archived else archive, run.path) is not None and not run.archived:
        app.notify(f"{visible(run.name)} is archived: A shows archived runs.", markup=False)


async def write_report_of(app: "WorkbenchApp", folder: Path) -> None:
    """Write the run's report into its folder, and say where. Runs in a worker."""
    app.notify(f"Writing the report of {visible(folder.name)}…", timeout=3, markup=False)
    process = await asyncio.create_subprocess_exec(
        *engine_command("runs", "report", str(folder)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=engine_environment(),
    )
    said, complaint = await process.communicate()
    if process.returncode:
        app.report("The report cannot be written.", str(folder), details=complaint.decode("utf-8", "replace"))
        return
    page = said.decode("utf-8", "replace").splitlines()[0]
    app.copy_to_clipboard(page)
    app.notify(f"{visible(page)}\nIts path is on the clipboard; report.md lies beside it.", timeout=10, markup=False)


async def resume(app: "WorkbenchApp", folder: Path) -> None:
    """Start the run again: from its last checkpoint, or from the beginning where there is none."""
    if await _do(app, _launched, folder):
        checkpoints = await asyncio.to_thread(RunFolder(folder).checkpoints)
        since = f"from {checkpoints[-1].name}" if checkpoints else "from the beginning: it had no checkpoint"
        app.notify(f"{visible(folder.name)} goes on {since}.", markup=False)


def _launched(run: RunFolder) -> bool:
    launch(run)
    return True


async def _do(app: "WorkbenchApp", action: Callable[[RunFolder], Result], folder: Path) -> Result | None:
    """What the action gives; None where it could not be done, which is said."""
    try:
        return await asyncio.to_thread(action, RunFolder(folder))
    except EngineError as error:
        app.report_exception(error)
        return None
