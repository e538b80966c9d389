"""The preset's file, changed by another program: taken up where nothing is lost by that, else told of."""

import asyncio
from typing import TYPE_CHECKING

from workbench.preset_file import read_text
from workbench.screen_text import visible

if TYPE_CHECKING:
    from workbench.app import WorkbenchApp


async def look_at_file(app: "WorkbenchApp", told: str) -> str:
    """Compare the file with what it held last; returns the text that the person has been told of, `told` until now."""
    session = app.session
    if session.path is None:
        return told
    on_disk = await asyncio.to_thread(read_text, session.path)
    # An empty file is one that is being written. Where something was typed meanwhile, the next look decides.
    if not on_disk or on_disk == session.saved_text or app.session is not session:
        return told
    name = visible(session.path.name)
    if on_disk == session.text or not session.unsaved:
        app.saved(session.path, on_disk, revert=True)
        app.notify(f"{name} was changed by another program: so is it here. Ctrl+Z in Preset undoes it.", markup=False)
    elif on_disk != told:
        app.notify(
            f"{name} was changed by another program, and has unsaved edits here.\n"
            "In Preset: F5 shows the difference, Ctrl+R takes the file, Ctrl+S asks.",
            severity="warning", timeout=10, markup=False,
        )  # fmt: skip
    return on_disk
