"""Coming back: edits that an earlier session left unsaved are offered, and found again with their preset."""

import asyncio
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.drafts import find_drafts
from workbench.screen_text import visible
from workbench.screens.dialog import Question
from workbench.session import Session

if TYPE_CHECKING:
    from workbench.app import WorkbenchApp

ANSWERS = (("restore", "Restore"), ("later", "Later"), ("discard", "Discard"))


def with_draft(session: Session, state_dir: Path) -> Session:
    """`session` with the text that was left unsaved, if any was, and the file's text that it was made from."""
    for draft in find_drafts(state_dir, os.getpid()):
        if draft.path == str(session.path):
            saved_text = session.saved_text if draft.saved_text is None else draft.saved_text
            return replace(session, text=draft.text, saved_text=saved_text)
    return session


async def offer_drafts(app: "WorkbenchApp") -> bool:
    """Ask about each draft; whether one was opened. Runs in a worker."""
    for draft in await asyncio.to_thread(find_drafts, app.state_dir, os.getpid()):
        path = Path(draft.path)
        when = datetime.fromtimestamp(draft.time).strftime("%d %B, %H:%M")
        text = f"{visible(path.name)} was left with unsaved edits on {when}."
        match await app.push_screen_wait(Question("Unsaved edits", text, ANSWERS)):
            case "restore":
                if path.is_file():
                    await app.open_preset(draft.path)
                else:  # the file is gone; its text is not
                    app.work_on(Session(path, draft.text))
                    await app.action_go("preset")
                return True
            case "discard":
                app.drop_draft(draft.path)
    return False
