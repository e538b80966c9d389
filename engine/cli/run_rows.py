"""`runs rows`: the rows that a run's model fought with."""

import argparse
import json
import sys
from pathlib import Path

from rich.table import Table
from rich.text import Text

from engine.cli.run_list import listing_console
from engine.runs.error import RunError
from engine.runs.find import find_run
from engine.runs.hard_rows import RANKINGS, HardRow, judged_rows, ranked, row_object, write_rows
from engine.runs.row_history import read_row_history
from engine.words import counted, fraction, short_number

SHOWN = 20


def add_rows_parser(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `rows` to the actions of `runs`."""
    parser = actions.add_parser(
        "rows",
        help="the rows that a run's model fought with: worst, perhaps mislabelled, forgotten, variable",
        description="Rows are ranked by: " + "; ".join(f"{name}: {what}" for name, what in RANKINGS.items()) + ".",
    )
    parser.add_argument("name", metavar="RUN")
    parser.add_argument("--by", choices=list(RANKINGS), default="worst", help="what to rank by (default: worst)")
    parser.add_argument("--split", choices=("train", "eval"), default="train", help="of which rows (default: train)")
    parser.add_argument("--limit", type=int, metavar="N", help=f"how many (default: {SHOWN}; all with --json or --out)")
    parser.add_argument("--out", metavar="FILE", help="write them as JSON lines, which a preset's `leave_out` can name")
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="one JSON object a row")
    parser.set_defaults(run=run_rows)


def run_rows(arguments: argparse.Namespace) -> int:
    """Print or write the rows."""
    run = find_run(arguments.name)
    seen = judged_rows(read_row_history(run.path), arguments.split)
    if not seen:
        raise RunError(
            f"the run has told nothing of its {arguments.split} rows", str(run.path), "they come as training goes on"
        )
    found = ranked(seen, arguments.by)
    rows = found if arguments.limit is None else found[: max(0, arguments.limit)]
    if arguments.out:
        count = write_rows(rows, Path(arguments.out))
        sys.stderr.write(
            f"{counted(count, 'row')} written; `leave_out: {arguments.out}` in a preset trains without them\n"
        )
    if arguments.json:
        for row in rows:
            sys.stdout.write(json.dumps(row_object(row)) + "\n")
    elif not arguments.out:
        which = f"{arguments.by}: {RANKINGS[arguments.by]}; {len(found):,} of {len(seen):,} rows"
        _print(rows if arguments.limit is not None else rows[:SHOWN], which, len(found))
    return 0


def _print(shown: list[HardRow], which: str, found: int) -> None:
    console = listing_console()
    console.print(Text(which, style="dim"))
    table = Table(box=None, pad_edge=False)
    for heading in ("data set", "row", "visits", "margin", "spread", "forgotten", "loss", "P(data)"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("margin, visit by visit", overflow="fold")
    for row in shown:
        item = f".{row.id.item}" if row.id.item else ""
        step = f" step {row.step}" if row.step is not None else ""
        given = f"{fraction(row.confidence)}{step}" if row.confidence is not None else "–"
        table.add_row(
            str(row.id.dataset),
            f"{row.id.row}{item}",
            str(len(row.record.steps)),
            short_number(row.mean_margin),
            short_number(row.variability),
            str(row.forgotten),
            short_number(row.mean_loss),
            given,
            " ".join(short_number(margin) for margin in row.record.visit_margins[-8:]),
        )
    if shown:
        console.print(table)
    if len(shown) < found:
        console.print(Text(f"… and {found - len(shown):,} more: --limit N, --out FILE", style="dim"))
