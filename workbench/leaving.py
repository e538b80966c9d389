"""Leaving the app: what is unsaved, and what still runs, is asked about in plain words."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.saving import save
from workbench.screen_text import visible
from workbench.screens.dialog import Question

if TYPE_CHECKING:
    from workbench.app import WorkbenchApp

UNSAVED = (("keep", "Keep for next time"), ("save", "Save"), ("discard", "Discard"), ("stay", "Stay"))
TRAINING = (("leave", "Leave it training"), ("stop", "Stop it"), ("stay", "Stay"))


async def may_leave(app: "WorkbenchApp") -> bool:
    """Ask what there is to ask; whether the app may end now. Runs in a worker."""
    return await _unsaved_settled(app) and await _training_settled(app)


async def _unsaved_settled(app: "WorkbenchApp") -> bool:
    session = app.session
    if not session.unsaved or session.path is None:
        return True
    text = f"{visible(session.name)} has edits that are not saved."
    match await app.push_screen_wait(Question("Quit", text, UNSAVED)):
        case "keep":
            return True
        case "save":
            return await save(app)
        case "discard":
            app.give_up_edits()
            return True
        case _:
            return False


async def _training_settled(app: "WorkbenchApp") -> bool:
    folder = app.run_folder
    if folder is None or not await asyncio.to_thread(_is_live, folder):
        return True
    text = f"{visible(folder.name)} is training. It goes on without the app; Runs lists it next time."
    match await app.push_screen_wait(Question("Quit", text, TRAINING)):
        case "leave":
            return True
        case "stop":
            await asyncio.to_thread(_stop, folder)
            return True
        case _:
            return False


def _is_live(folder: Path) -> bool:
    from engine.error import EngineError
    from engine.runs.folder import RunFolder
    from engine.runs.state import run_state

    try:
        return run_state(RunFolder(folder)).live
    except EngineError:
        return False


def _stop(folder: Path) -> None:
    from engine.runs.folder import RunFolder
    from engine.runs.stop import stop

    stop(RunFolder(folder))
