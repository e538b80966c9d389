"""What can be done to a run, with the questions that are asked before it is done."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from engine.error import EngineError
from engine.runs.folder import RunFolder
from engine.runs.launch import launch
from engine.runs.remove import remove_run
from engine.runs.stop import kill, stop
from workbench.screen_text import visible
from workbench.screens.dialog import Question

if TYPE_CHECKING:
    from workbench.app import WorkbenchApp


async def ask_to_stop(app: "WorkbenchApp", folder: Path) -> None:
    """Ask how the run is to be stopped, and do it. Runs in a worker."""
    answer = await app.push_screen_wait(
        Question(
            f"Stop {visible(folder.name)}?",
            "Stop and save finishes the step and writes a checkpoint; the run can be resumed from it.\n\n"
            "Kill ends it now; what was learned since the last checkpoint is lost.",
            (("save", "Stop and save"), ("kill", "Kill"), ("cancel", "Let it run")),
        )
    )
    if answer == "save":
        await _do(app, stop, folder)
    elif answer == "kill":
        await _do(app, kill, folder)


async def ask_to_kill(app: "WorkbenchApp", folder: Path) -> None:
    """Ask whether to end the run now, and do it. Runs in a worker."""
    answer = await app.push_screen_wait(
        Question(
            f"Kill {visible(folder.name)}?",
            "It ends now; what was learned since the last checkpoint is lost.",
            (("cancel", "Let it run"), ("kill", "Kill")),
        )
    )
    if answer == "kill":
        await _do(app, kill, folder)


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


async def resume(app: "WorkbenchApp", folder: Path) -> None:
    """Start the run again: from its last checkpoint, or from the beginning where there is none."""
    run = RunFolder(folder)
    if await _do(app, launch, folder):
        checkpoints = await asyncio.to_thread(run.checkpoints)
        since = f"from {checkpoints[-1].name}" if checkpoints else "from the beginning: it had no checkpoint"
        app.notify(f"{visible(folder.name)} goes on {since}.", markup=False)


async def _do(app: "WorkbenchApp", action, folder: Path) -> bool:  # type: ignore[no-untyped-def]
    try:
        await asyncio.to_thread(action, RunFolder(folder))
    except EngineError as error:
        app.report_exception(error)
        return False
    return True
