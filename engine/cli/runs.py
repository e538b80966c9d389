"""`runs`: what can be done with runs; listing them and writing on them have modules of their own."""

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from rich.table import Table
from rich.text import Text

from engine.cli.run_list import add_list_arguments, each_run, listing_console, run_list, summary_object
from engine.cli.run_notes import add_note_parsers
from engine.cli.run_report import add_report_parser
from engine.cli.run_rows import add_rows_parser
from engine.cli.turn import add_turn_arguments, turn_of
from engine.cli.watch import watch_run
from engine.runs.compare import Comparison, compare
from engine.runs.error import RunError
from engine.runs.find import find_run
from engine.runs.folder import RunFolder
from engine.runs.launch import resume
from engine.runs.remove import remove_run
from engine.runs.state import run_state, run_status
from engine.runs.stop import PATIENCE, clean_up, kill, stop, wait_until_over
from engine.runs.summary import list_runs
from engine.visible import visible
from engine.words import short_number


def add_runs_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the `runs` command and its own commands."""
    parser = commands.add_parser(
        "runs",
        help="list, watch, stop, kill, resume, compare, tag, rename, archive, remove runs",
        description="What runs there are, and what to do with them. RUN is a run's name or its folder.",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a run")
    parser.set_defaults(run=run_list, tag=[], state=None, preset=None, archived=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")

    listing = actions.add_parser("list", help="list the runs, the living first (what `runs` alone does)")
    listing.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="one JSON object a run")
    add_list_arguments(listing)

    watch = actions.add_parser("watch", help="follow a run; Ctrl-C ends the watching, not the run")
    watch.add_argument("name", metavar="RUN", nargs="?", help="which (default: the newest of the living)")
    watch.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="its events as JSON lines")
    watch.set_defaults(run=run_watch)

    stopping = _for_several(actions, "stop", "ask runs to save a checkpoint and end; they can be resumed", run_stop)
    stopping.add_argument("--wait", action="store_true", help="wait until they have ended")
    _for_several(
        actions, "kill", f"end runs: SIGTERM, and SIGKILL to what lives {PATIENCE:.0f} seconds later", run_kill
    )

    cleaning = actions.add_parser("clean", help="end the processes that outlived the one that leads their run")
    cleaning.add_argument("names", metavar="RUN", nargs="*", help="whose (default: of every run)")
    cleaning.add_argument("--yes", action="store_true", help="do not ask")
    cleaning.set_defaults(run=run_clean)

    resuming = actions.add_parser("resume", help="train a run on from its last complete checkpoint, and follow it")
    resuming.add_argument("name", metavar="RUN")
    resuming.add_argument("--detach", action="store_true", help="launch it and return at once")
    add_turn_arguments(resuming)
    resuming.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="its events as JSON lines")
    resuming.set_defaults(run=run_resume)

    comparing = _for_several(actions, "compare", "what runs reached, and how their presets differ", run_compare)
    comparing.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="one JSON object")

    add_rows_parser(actions)
    add_report_parser(actions)
    add_note_parsers(actions)

    removing = _for_several(actions, "rm", "remove runs with everything in their folders; never a living one", run_rm)
    removing.add_argument("--yes", action="store_true", help="do not ask")


def run_watch(arguments: argparse.Namespace) -> int:
    """Follow a run."""
    if arguments.name is not None:
        return watch_run(find_run(arguments.name), as_json=arguments.json, owner=False)
    living = [summary for summary in list_runs() if summary.live]
    if not living:
        raise RunError("no run is alive", advice="`rm-workbench runs` lists them all; name the one to look at")
    return watch_run(RunFolder(living[0].path), as_json=arguments.json, owner=False)


def run_stop(arguments: argparse.Namespace) -> int:
    """Ask runs to stop."""

    def ask(run: RunFolder) -> str:
        stop(run)
        if not arguments.wait:
            return f"{run.name} saves a checkpoint at the step's end and ends"
        wait_until_over(run)
        return f"{run.name} has {run_state(run)}"

    return each_run(arguments.names, ask)


def run_kill(arguments: argparse.Namespace) -> int:
    """Kill runs."""

    def end(run: RunFolder) -> str:
        killed = kill(run)
        how = f"was killed, {PATIENCE:.0f} seconds after it was asked" if killed.forced else "ended when it was asked"
        return f"{run.name} {how}; " + (f"{killed.checkpoint} is its last" if killed.checkpoint else "no checkpoint")

    return each_run(arguments.names, end)


def run_clean(arguments: argparse.Namespace) -> int:
    """End what outlived the leaders of runs, after asking."""
    runs = [find_run(name) for name in arguments.names]
    runs = runs or [RunFolder(summary.path) for summary in list_runs() if summary.path.exists()]
    left = {run: run_status(run).workers for run in runs if run.exists()}
    left = {run: workers for run, workers in left.items() if workers}
    if not left:
        listing_console().print("No process has outlived the one that leads its run.")
        return 0
    for run, workers in left.items():
        listing_console().print(Text(visible(f"{run.name}: processes {', '.join(map(str, workers))}")))
    if not arguments.yes and not _agreed("End them?", "ending processes is not undone"):
        return 1

    def clean(run: RunFolder) -> str:
        count = clean_up(run)
        return f"{run.name}: {count} ended"

    return each_run([str(run.path) for run in left], clean)


def run_resume(arguments: argparse.Namespace) -> int:
    """Launch a run again, and follow it."""
    run = find_run(arguments.name)
    resume(run, **turn_of(arguments))
    if not arguments.detach:
        return watch_run(run, as_json=arguments.json, owner=True)
    if arguments.json:
        sys.stdout.write(json.dumps({"run": run.name, "path": str(run.path)}) + "\n")
    else:
        listing_console().print(Text(visible(f"{run.name} goes on from {run.manifest().resumed_from}")))
    return 0


def run_compare(arguments: argparse.Namespace) -> int:
    """Print runs side by side."""
    comparison = compare([find_run(name) for name in arguments.names])
    if arguments.json:
        sys.stdout.write(json.dumps(_comparison_object(comparison)) + "\n")
        return 0
    console = listing_console()
    console.print(_comparison_table(comparison))
    known = [digest for digest in comparison.digests if digest]
    if len(known) == len(comparison.runs) > 1:
        same = len(set(known)) == 1
        console.print(
            Text("all were fed the same training set" if same else "they were fed different training sets", style="dim")
        )
    return 0


def run_rm(arguments: argparse.Namespace) -> int:
    """Remove runs, after asking."""
    runs = [find_run(name) for name in arguments.names]
    names = ", ".join(visible(run.name) for run in runs)
    if not arguments.yes and not _agreed(
        f"Remove {names} with all checkpoints and models?", f"removing {names} cannot be undone"
    ):
        return 1

    def remove(run: RunFolder) -> str:
        remove_run(run)
        return f"{run.name} is removed"

    return each_run(arguments.names, remove)


def _for_several(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    what: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=what)
    parser.add_argument("names", metavar="RUN", nargs="+")
    parser.set_defaults(run=run)
    return parser


def _agreed(question: str, why: str) -> bool:
    """Ask on the terminal. Raises RunError where there is none to ask on."""
    if not sys.stdin.isatty():
        raise RunError(why, advice="say --yes if you mean it")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _comparison_object(comparison: Comparison) -> dict[str, Any]:
    return {
        "runs": [summary_object(summary) for summary in comparison.runs],
        "digests": comparison.digests,
        "preset": comparison.preset,
        "results": comparison.results,
        "ledger": comparison.ledger,
    }


def _comparison_table(comparison: Comparison) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for summary in comparison.runs:
        table.add_column(Text(visible(summary.name)), overflow="fold")
    table.add_row("state", *[Text(summary.state.value) for summary in comparison.runs])
    for name, values in comparison.results.items():
        table.add_row(Text(visible(name)), *[Text(_result(name, value)) for value in values])
    for name, counts in comparison.ledger.items():
        table.add_row(Text(visible(name)), *[f"{count:,}" for count in counts])
    for key, entries in comparison.preset.items():
        table.add_row(Text(visible(key), style="bold"), *[Text(visible(_value(entry))) for entry in entries])
    return table


def _result(name: str, value: float | None) -> str:
    return str(int(value)) if name == "step" and value is not None else short_number(value)


def _value(entry: Any) -> str:
    return entry if isinstance(entry, str) else json.dumps(entry)
