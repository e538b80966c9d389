"""A preset for data that have none yet: the engine looks at them and writes it, here it is opened, unsaved."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.entry import engine_command, engine_environment
from workbench.preset_file import free_path
from workbench.saving import short_path
from workbench.screen_text import visible
from workbench.screens.pick_path import PickPath
from workbench.session import Session

if TYPE_CHECKING:
    from workbench.app import WorkbenchApp

DATA_ENDINGS = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".arrow", ".gz", ".zst")
DEMO = "demo:"


async def new_preset(app: "WorkbenchApp") -> None:
    """Ask for data, and open a preset that was written for them. Runs in a worker."""
    about = "The data: a file; a folder of files (Enter once more takes the folder itself); or a hub id."
    data = await app.push_screen_wait(PickPath("New preset", about, purpose="data", endings=DATA_ENDINGS))
    if data is None:
        return
    data = data.strip().rstrip("/") or "/"
    app.notify(f"Looking at {visible(data)} …", markup=False, timeout=3)
    loaded = app.session.loaded
    model = loaded.preset.base_model if loaded and not loaded.preset.base_model.startswith(DEMO) else None
    seen, trouble = await look_at_data(_as_written(data), model)
    if seen is None:
        what, _, advice = trouble.partition("\n")
        app.report(what, advice=advice.strip(), details=trouble)
        return
    name = Path(data).name.split(".")[0] or "preset"
    app.work_on(Session(free_path(Path.cwd() / f"{name}.yaml"), seen["text"]))
    await app.action_go("preset")
    if seen["kind"] is None:
        app.notify(
            f"No known layout was recognised in {visible(data)}.\n{visible(seen['reason'])}",
            severity="warning",
            markup=False,
        )
    else:
        app.notify(f"Written from the data, not saved yet.\n{visible(seen['reason'])}.\nCtrl+S saves.", markup=False)


async def look_at_data(data: str, model: str | None = None) -> tuple[dict[str, Any] | None, str]:
    """What `rm-workbench new DATA` says, in a process of its own: libraries that read data are slow to bring in.

    Returns the object it printed, or None and what went wrong.
    """
    command = engine_command("new", "--json", *(["--model", model] if model else []), "--", data)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=engine_environment({"HF_HUB_DISABLE_PROGRESS_BARS": "1"}),
        start_new_session=True,
    )
    try:
        printed, told = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        raise
    try:
        return json.loads(printed), ""
    except ValueError:
        return None, told.decode(errors="replace").strip() or "The data cannot be looked at."


def _as_written(data: str) -> str:
    """The path as the preset will hold it: relative where it is here; `~` opened out."""
    path = Path(data).expanduser()
    return short_path(path.absolute()) if path.exists() else data
