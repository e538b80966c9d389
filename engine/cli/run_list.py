"""`runs list`: the runs there are, and what is said of one after another."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.runs.error import RunError
from engine.runs.find import find_run
from engine.runs.folder import RunFolder
from engine.runs.state import State
from engine.runs.summary import RunSummary, list_runs
from engine.visible import visible
from engine.words import fraction, short_number

_STYLES = {
    State.FINISHED: "green",
    State.STOPPED: "yellow",
    State.STALLED: "yellow",
    State.FAILED: "red",
    State.CRASHED: "red",
    State.ORPHANED: "red",
}
_WIDE = 160
_SPARKS = "▁▂▃▄▅▆▇█"


def add_list_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says which runs to list."""
    parser.add_argument("--tag", metavar="TAG", action="append", default=[], help="only runs with this tag (and this)")
    parser.add_argument("--state", choices=[state.value for state in State], metavar="STATE", help="only runs that are")
    parser.add_argument("--preset", metavar="NAME", help="only runs of this preset")
    parser.add_argument("--archived", action="store_true", help="archived runs too")
    parser.set_defaults(run=run_list)


def run_list(arguments: argparse.Namespace) -> int:
    """Print the runs."""
    everything = list_runs(arguments.archived)
    summaries = [summary for summary in everything if _wanted(summary, arguments)]
    if arguments.json:
        for summary in summaries:
            sys.stdout.write(json.dumps(summary_object(summary)) + "\n")
        return 0
    console = listing_console()
    if not summaries:
        none = "No run is like that." if everything else "No runs yet: `rm-workbench train demo-pairs` makes one."
        console.print(none)
        return 0
    tagged = any(summary.tags for summary in summaries)
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "state", "preset", *(["tags"] if tagged else [])):
        table.add_column(heading, overflow="fold")
    for heading in ("step", "loss", "accuracy", "held-out"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("loss so far", no_wrap=True)
    table.add_column("created", no_wrap=True)
    for summary in summaries:
        table.add_row(*_cells(summary, (console.encoding or "").lower().startswith("utf"), tagged))
    console.print(table)
    return 0


def listing_console() -> Console:
    """Where tables go: as wide as the terminal, or wide enough for all where there is none."""
    console = Console(highlight=False, soft_wrap=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDE)


def each_run(names: Sequence[str], action: Callable[[RunFolder], str]) -> int:
    """Do it to each run, saying what was done; one that fails does not keep the others from it. The exit code."""
    console, errors = listing_console(), Console(stderr=True, highlight=False, soft_wrap=True)
    code = 0
    for name in names:
        try:
            console.print(Text(visible(action(find_run(name)))))
        except RunError as error:
            errors.print(Text(visible(str(error), keep="\n"), style="red"))
            code = 1
    return code


def summary_object(summary: RunSummary) -> dict[str, Any]:
    """The summary as a JSON object."""
    return asdict(summary) | {"path": str(summary.path), "state": summary.state.value, "live": summary.live}


def _wanted(summary: RunSummary, arguments: argparse.Namespace) -> bool:
    return (
        all(tag.removeprefix("#") in summary.tags for tag in arguments.tag)
        and arguments.state in (None, summary.state.value)
        and arguments.preset in (None, summary.preset)
    )


def _cells(summary: RunSummary, draw: bool, tagged: bool) -> list[Text]:
    steps = "-" if summary.step is None else str(summary.step)
    if summary.total_steps:
        steps = f"{summary.step or 0}/{summary.total_steps}"
    state = f"{summary.state.value}, archived" if summary.archived else summary.state.value
    return [
        Text(visible(summary.name)),
        Text(state, style=_STYLES.get(summary.state, "cyan")),
        Text(visible(summary.preset)),
        *([Text(visible(" ".join(summary.tags)))] if tagged else []),
        Text(steps),
        Text(short_number(summary.loss)),
        Text(fraction(summary.accuracy)),
        Text(fraction(summary.eval_accuracy)),
        Text(_spark(summary.series) if draw else ""),
        Text(time.strftime("%Y-%m-%d %H:%M", time.localtime(summary.created)) if summary.created else "-"),
    ]


def _spark(series: Sequence[float], width: int = 12) -> str:
    if not series:
        return ""
    chosen = [series[len(series) * i // width] for i in range(width)] if len(series) > width else list(series)
    low, high = min(chosen), max(chosen)
    if high == low:
        return _SPARKS[0] * len(chosen)
    return "".join(_SPARKS[round((value - low) / (high - low) * (len(_SPARKS) - 1))] for value in chosen)
