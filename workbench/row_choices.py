"""What Inspect asks a person: which rows, in which order, and what to do with the marked ones."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content

from workbench.row_listing import Order, RowFilter, orders_for
from workbench.row_marks import as_json_line
from workbench.row_reader import RowReader
from workbench.row_values import RunOfRows, likeliest, runs_of_rows
from workbench.screen_text import visible
from workbench.screens.choose import Choose
from workbench.screens.dialog import AskText, needs_a_new_file
from workbench.screens.which_rows import WhichRows

if TYPE_CHECKING:
    from workbench.app import WorkbenchApp

CLIPBOARD = 70_000
"""Characters that a terminal can be trusted to take over OSC 52."""

Choice = tuple[Order | None, RunOfRows | None]
"""An order, and the run that it goes by. Without an order: another run is to be chosen."""


async def ask_filter(app: "WorkbenchApp", reader: RowReader, current: RowFilter) -> RowFilter | None:
    """Say what there is among the rows, and which of them to walk; None: leave it as it is."""
    return await app.push_screen_wait(WhichRows(reader.table, current, len(await reader.marked())))


async def ask_order(
    app: "WorkbenchApp", reader: RowReader, model_kind: str, preset_path: str, current: Order
) -> tuple[Order, RunOfRows | None] | None:
    """Which order, and which run it goes by; None: leave it as it is."""
    runs = await asyncio.to_thread(runs_of_rows, model_kind, reader.table.digest)
    run = likeliest(runs, preset_path)
    if reader.values is not None:
        run = next((one for one in runs if one.folder == reader.values.folder), run)
    while True:
        offers: list[tuple[Choice, Content]] = [
            ((order, None), Content(order.value.capitalize())) for order in orders_for(model_kind)
        ]
        if run is not None:
            offers += [((order, run), _of_run(order, run)) for order in Order if order.of_a_run]
        if runs and (run is None or len(runs) > 1):
            count = f"{len(runs):,} know their rows" if len(runs) > 1 else "1 knows its rows"
            offers.append(((None, None), Content.assemble("By a run …", (f"  {count}", "$quiet"))))
        here: Choice = (current, run if current.of_a_run else None)
        answer = await app.push_screen_wait(Choose[Choice]("In which order", offers, here))
        if answer is None:
            return None
        order, by = answer
        if order is not None:
            return order, by
        named: list[tuple[RunOfRows | None, Content]] = [(one, _named(one)) for one in runs]
        run = await app.push_screen_wait(Choose[RunOfRows | None]("By which run", named, run)) or run


def _of_run(order: Order, run: RunOfRows) -> Content:
    return Content.assemble(order.value.capitalize(), f" in {visible(run.name)}", (f"  {_rows_of(run)}", "$quiet"))


def _named(run: RunOfRows) -> Content:
    return Content.assemble(visible(run.name), (f"  {_rows_of(run)}", "$quiet"))


def _rows_of(run: RunOfRows) -> str:
    if run.same_rows is None:
        return ""
    return "trained on these rows" if run.same_rows else "trained on other rows, or otherwise encoded"


async def export_marked(app: "WorkbenchApp", reader: RowReader) -> None:
    """Copy the marked rows of the split as JSON lines, or write them to a file. Raises FetchError."""
    positions = await reader.marked()
    if not positions:
        app.notify("No row is marked: m marks the one in view.", markup=False)
        return
    lines = [as_json_line(raw) for raw in await reader.raw_rows(positions) if raw]
    text = "".join(f"{line}\n" for line in lines)
    size = f"{len(lines):,} row{'' if len(lines) == 1 else 's'}, {len(text):,} characters"
    if len(lines) < len(positions):
        size += f"; {len(positions) - len(lines):,} unreadable left out"
    offers = [("file", Content.assemble("Write to a file …", (f"  {size}", "$quiet")))]
    if len(text) <= CLIPBOARD:
        offers.insert(0, ("copy", Content.assemble("Copy as JSON lines", (f"  {size}", "$quiet"))))
    answer = await app.push_screen_wait(Choose("Marked rows", offers, offers[0][0]))
    if answer == "copy":
        app.copy_to_clipboard(text)
        app.notify(f"Copied {size}.", markup=False)
    elif answer == "file":
        name = await app.push_screen_wait(
            AskText("Write the marked rows", "JSON lines, into a new file", "marked.jsonl", refuses=needs_a_new_file)
        )
        if name:
            await _write(app, Path(name.strip()).expanduser(), text, size)


async def _write(app: "WorkbenchApp", path: Path, text: str, size: str) -> None:
    def write() -> None:
        with path.open("x", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)

    try:
        await asyncio.to_thread(write)
    except FileExistsError:
        app.report("There is such a file already.", str(path), "Choose another name: nothing is overwritten.")
    except (OSError, ValueError) as error:
        app.report("The rows cannot be written.", str(path), "Choose another place.", str(error))
    else:
        app.notify(f"Wrote {size}, to {visible(str(path))}.", markup=False)
