"""`runs`: list, watch, stop, kill, resume, compare and remove runs."""

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

from engine.cli.watch import number, watch_run
from engine.runs.compare import Comparison, compare
from engine.runs.error import RunError
from engine.runs.find import find_run
from engine.runs.folder import RunFolder
from engine.runs.launch import resume
from engine.runs.remove import remove_run
from engine.runs.state import State, run_state
from engine.runs.stop import kill, stop, wait_until_over
from engine.runs.summary import RunSummary, list_runs
from engine.visible import visible

_STYLES = {State.FINISHED: "green", State.STOPPED: "yellow", State.FAILED: "red", State.CRASHED: "red"}
_WIDE = 160
_SPARKS = "▁▂▃▄▅▆▇█"


def add_runs_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the `runs` command and its own commands."""
    parser = commands.add_parser(
        "runs",
        help="list, watch, stop, kill, resume, compare, remove runs",
        description="What runs there are, and what to do with them. RUN is a run's name or its folder.",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a run")
    parser.set_defaults(run=run_list)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")

    listing = actions.add_parser("list", help="list the runs, the living first (what `runs` alone does)")
    listing.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="one JSON object a run")
    listing.set_defaults(run=run_list)

    watch = actions.add_parser("watch", help="follow a run; Ctrl-C ends the watching, not the run")
    watch.add_argument("name", metavar="RUN", nargs="?", help="which (default: the newest of the living)")
    watch.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="its events as JSON lines")
    watch.set_defaults(run=run_watch)

    stopping = _for_several(actions, "stop", "ask runs to save a checkpoint and end; they can be resumed", run_stop)
    stopping.add_argument("--wait", action="store_true", help="wait until they have ended")
    _for_several(actions, "kill", "end runs now: SIGTERM, and after a few seconds SIGKILL", run_kill)

    resuming = actions.add_parser("resume", help="train a run on from its last complete checkpoint, and follow it")
    resuming.add_argument("name", metavar="RUN")
    resuming.add_argument("--detach", action="store_true", help="launch it and return at once")
    resuming.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="its events as JSON lines")
    resuming.set_defaults(run=run_resume)

    comparing = _for_several(actions, "compare", "what runs reached, and how their presets differ", run_compare)
    comparing.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="one JSON object")

    removing = _for_several(actions, "rm", "remove runs with everything in their folders; never a living one", run_rm)
    removing.add_argument("--yes", action="store_true", help="do not ask")


def run_list(arguments: argparse.Namespace) -> int:
    """Print the runs."""
    summaries = list_runs()
    if arguments.json:
        for summary in summaries:
            sys.stdout.write(json.dumps(_plain(summary)) + "\n")
        return 0
    console = _console()
    if not summaries:
        console.print("No runs yet: `rm-workbench train demo-pairs` makes one.")
        return 0
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "state", "preset"):
        table.add_column(heading, overflow="fold")
    for heading in ("step", "loss", "accuracy", "held-out"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("loss so far", no_wrap=True)
    table.add_column("created", no_wrap=True)
    for summary in summaries:
        table.add_row(*_cells(summary, _can_draw(console)))
    console.print(table)
    return 0


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

    return _each(arguments.names, ask)


def run_kill(arguments: argparse.Namespace) -> int:
    """Kill runs."""

    def end(run: RunFolder) -> str:
        kill(run)
        return f"{run.name} is ended"

    return _each(arguments.names, end)


def run_resume(arguments: argparse.Namespace) -> int:
    """Launch a run again, and follow it."""
    run = find_run(arguments.name)
    resume(run)
    if not arguments.detach:
        return watch_run(run, as_json=arguments.json, owner=True)
    if arguments.json:
        sys.stdout.write(json.dumps({"run": run.name, "path": str(run.path)}) + "\n")
    else:
        _console().print(Text(visible(f"{run.name} goes on from {run.manifest().resumed_from}")))
    return 0


def run_compare(arguments: argparse.Namespace) -> int:
    """Print runs side by side."""
    comparison = compare([find_run(name) for name in arguments.names])
    if arguments.json:
        sys.stdout.write(json.dumps(_comparison_object(comparison)) + "\n")
        return 0
    console = _console()
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
    if not arguments.yes:
        names = ", ".join(visible(run.name) for run in runs)
        if not sys.stdin.isatty():
            raise RunError(f"removing {names} cannot be undone", advice="say --yes if you mean it")
        sys.stderr.write(f"Remove {names} with all checkpoints and models? [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            return 1

    def remove(run: RunFolder) -> str:
        remove_run(run)
        return f"{run.name} is removed"

    return _each(arguments.names, remove)


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


def _each(names: Sequence[str], action: Callable[[RunFolder], str]) -> int:
    """Do it to each run, saying what was done; one that fails does not keep the others from it."""
    console, errors = _console(), Console(stderr=True, highlight=False, soft_wrap=True)
    code = 0
    for name in names:
        try:
            console.print(Text(visible(action(find_run(name)))))
        except RunError as error:
            errors.print(Text(visible(str(error), keep="\n"), style="red"))
            code = 1
    return code


def _console() -> Console:
    console = Console(highlight=False, soft_wrap=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDE)


def _can_draw(console: Console) -> bool:
    return (console.encoding or "").lower().startswith("utf")


def _cells(summary: RunSummary, draw: bool) -> list[Text]:
    steps = "-" if summary.step is None else str(summary.step)
    if summary.total_steps:
        steps = f"{summary.step or 0}/{summary.total_steps}"
    return [
        Text(visible(summary.name)),
        Text(summary.state.value, style=_STYLES.get(summary.state, "cyan")),
        Text(visible(summary.preset)),
        Text(steps),
        Text(number(summary.loss)),
        Text(number(summary.accuracy)),
        Text(number(summary.eval_accuracy)),
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


def _plain(summary: RunSummary) -> dict[str, Any]:
    return asdict(summary) | {"path": str(summary.path), "state": summary.state.value, "live": summary.live}


def _comparison_object(comparison: Comparison) -> dict[str, Any]:
    return {
        "runs": [_plain(summary) for summary in comparison.runs],
        "digests": comparison.digests,
        "preset": comparison.preset,
        "results": comparison.results,
    }


def _comparison_table(comparison: Comparison) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for summary in comparison.runs:
        table.add_column(Text(visible(summary.name)), overflow="fold")
    table.add_row("state", *[Text(summary.state.value) for summary in comparison.runs])
    for name, values in comparison.results.items():
        table.add_row(Text(visible(name)), *[Text(_result(name, value)) for value in values])
    for key, entries in comparison.preset.items():
        table.add_row(Text(visible(key), style="bold"), *[Text(visible(_value(entry))) for entry in entries])
    return table


def _result(name: str, value: float | None) -> str:
    return str(int(value)) if name == "step" and value is not None else number(value)


def _value(entry: Any) -> str:
    return entry if isinstance(entry, str) else json.dumps(entry)
