"""Saving the preset being worked on: where to, and what if something is there already."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content

from workbench.preset_file import PRESET_ENDINGS, copy_target, read_text, write_preset
from workbench.screens.dialog import Question
from workbench.screens.pick_path import PickPath

if TYPE_CHECKING:
    from workbench.app import WorkbenchApp

LEAVE = ("keep", "Leave it")
RELOAD = ("reload", "Reload the file")
OVERWRITE = ("overwrite", "Overwrite the file")


async def save(app: "WorkbenchApp") -> bool:
    """Save the preset to its file; a built-in one to a copy in the current folder. Whether it was saved.

    Runs in a worker: it may ask. Raises EngineError where the file cannot be written.
    """
    session = app.session
    if session.path is None:
        return False
    if not session.built_in:
        return await save_to(app, session.path)
    target = copy_target(session.path)
    return await save_as(app) if target.exists() else await save_to(app, target)


async def save_as(app: "WorkbenchApp") -> bool:
    """Ask for a file and save the preset there. Whether it was saved."""
    session = app.session
    if session.path is None:
        return False
    suggestion = copy_target(session.path, free=True) if session.built_in else session.path
    picker = PickPath(
        "Save as", "The file to write:", purpose="save", value=short_path(suggestion), endings=PRESET_ENDINGS
    )
    name = await app.push_screen_wait(picker)
    if not name or not name.strip():
        return False
    target = Path(name.strip()).expanduser().absolute()
    return await save_to(app, target if target.suffix else target.with_suffix(".yaml"))


async def save_to(app: "WorkbenchApp", target: Path) -> bool:
    """Save the preset to `target`, asking first where that would overwrite what the person has not seen."""
    session = app.session
    same_file = target == session.path
    on_disk = await asyncio.to_thread(read_text, target) if target.exists() else None
    if on_disk not in (None, session.text, session.saved_text if same_file else None):
        if same_file:
            return await _settle(app, target, on_disk or "")
        question = Question("Overwrite?", f"{short_path(target)} is there already.", (LEAVE, OVERWRITE))
        if await app.push_screen_wait(question) != "overwrite":
            return False
    await _write(app, target)
    return True


async def _settle(app: "WorkbenchApp", path: Path, on_disk: str) -> bool:
    """Which text is to stay, the file's or that of the editor: ask, beside the lines in which they differ."""
    from engine.preset.difference import line_differences
    from workbench.screens.difference import report_of_lines

    lines = line_differences(on_disk, app.session.text)
    text = f"{short_path(path)} was changed by another program since it was opened.\n- the file's lines, + yours."
    shown = Content("\n").join(report_of_lines(lines))
    app.clear_notifications()  # that the file was changed, which is said here
    match await app.push_screen_wait(Question("Which is to stay?", text, (LEAVE, RELOAD, OVERWRITE), shown=shown)):
        case "reload":
            app.saved(path, on_disk, revert=True)
            app.notify(f"{short_path(path)} as it is now. Ctrl+Z brings your text back.", markup=False)
        case "overwrite":
            await _write(app, path)
            return True
    return False


async def _write(app: "WorkbenchApp", target: Path) -> None:
    session = app.session
    same_file = target == session.path
    await asyncio.to_thread(write_preset, target, session.text)
    if not same_file and (
        origin := str(session.path) if session.built_in else app.state.origins.get(str(session.path))
    ):
        app.state.origins[str(target)] = origin
    app.saved(target, session.text)
    copied = session.built_in and not same_file
    note = "; the built-in preset stays as it is" if copied else ""
    app.notify(f"Saved {short_path(target)}{note}.", markup=False)


def short_path(path: Path) -> str:
    """A path as it would be typed here: relative where it lies below the current folder."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
