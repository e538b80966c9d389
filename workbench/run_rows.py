"""From a run to its rows: Inspect on the very data it trained on, and a preset that leaves rows out."""

import asyncio
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from math import inf, isnan
from pathlib import Path
from typing import TYPE_CHECKING

from engine.error import EngineError
from engine.preset.complete import yaml_text
from engine.runs.folder import RunFolder
from engine.runs.hard_rows import HardRow, write_rows
from engine.runs.row_history import read_row_history
from engine.sample import SampleId, Split
from workbench.screen_text import visible
from workbench.session import row_set_of

if TYPE_CHECKING:
    from workbench.app import WorkbenchApp

MOST = 2000
"""Rows that Inspect walks at once."""


async def show_run_rows(
    app: "WorkbenchApp", folder: Path, rows: Iterable[SampleId], why: str, split: Split = "train"
) -> None:
    """Inspect rows of a run, in its own preset: opened first where another one is."""
    if await open_preset_of(app, folder):
        await app.show_rows(row_set_of(islice(rows, MOST), why, split, folder))


async def open_preset_of(app: "WorkbenchApp", folder: Path) -> bool:
    """Open the preset that a run was started from, or where that is gone, the run's own copy of it; False if neither
    can be read.
    """
    try:
        manifest = await asyncio.to_thread(RunFolder(folder).manifest)
    except EngineError as error:
        app.report_exception(error)
        return False
    if str(app.session.path) == manifest.preset_path:
        return True
    there = Path(manifest.preset_path)
    path = there if manifest.preset_path and there.is_file() else RunFolder(folder).preset
    if app.session.path != path:
        await app.open_preset(str(path), go=False)
        if app.session.path == path:
            app.notify(f"Opened {visible(path.stem)}: the preset of {visible(folder.name)}.", markup=False)
    return app.session.path == path


def rows_of_steps(folder: Path, first: int, last: int) -> list[SampleId]:
    """The training rows that a run saw in optimizer steps `first` to `last`, the highest loss first."""
    found: list[tuple[float, SampleId]] = []
    for row, record in read_row_history(folder).rows.items():
        visits = zip(record.steps, record.losses, strict=True)
        losses = [inf if isnan(loss) else loss for step, loss in visits if first <= step <= last]
        if losses and record.split == "train":
            found.append((max(losses), row))
    return [row for _, row in sorted(found, key=lambda pair: -pair[0])]


def leave_out(rows: Sequence[HardRow], before: Path | None, path: Path) -> int:
    """Write a file of rows to leave out: these, after those of the file `before`; returns how many lines it has.

    Raises RunError where it cannot be written.
    """
    kept = [line for line in before.read_text(encoding="utf-8").splitlines() if line.strip()] if before else []
    count = write_rows(rows, path)
    if kept:
        path.write_text("\n".join(kept) + "\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    return count + len(kept)


def with_left_out(text: str, file: str) -> str:
    """The preset's text with `leave_out: FILE`, every other line as it was."""
    line = f"leave_out: {yaml_text(file)}"
    changed, count = re.subn(r"(?m)^leave_out:.*$", lambda _: line, text, count=1)
    return changed if count else f"{text.rstrip()}\n{line}\n"
