"""`train`: a new run of a preset, followed to its end."""

import argparse
import json
import sys

from rich.console import Console
from rich.text import Text

from engine.cli.preset_argument import add_preset_argument
from engine.cli.turn import add_turn_arguments, turn_of
from engine.cli.watch import watch_run
from engine.preset.load import load_preset
from engine.runs.folder import create_run
from engine.runs.launch import launch
from engine.runs.state import State, run_status
from engine.visible import visible


def add_train_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the `train` command."""
    parser = commands.add_parser(
        "train",
        help="train a preset, and follow it",
        description="Train a preset. The run goes on by itself: it outlives this command, the terminal and the "
        "connection. Ctrl-C asks it to stop with a checkpoint, a second Ctrl-C kills it.",
    )
    add_preset_argument(parser)
    parser.add_argument("--name", metavar="NAME", help="the run's name (default: the preset's, numbered)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--detach", action="store_true", help="launch it, say where it is, and return at once")
    how.add_argument(
        "--no-launch", action="store_true", help="only make its folder, for a launcher of your own (docs/runs.md)"
    )
    add_turn_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the run's events as JSON lines, and nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Create, launch and follow a run; 0 if it finished or was stopped, 1 if it failed or crashed."""
    loaded = load_preset(arguments.preset, arguments.set)
    turn = turn_of(arguments)
    created = create_run(loaded, arguments.name)
    if arguments.no_launch:
        sys.stdout.write(
            json.dumps({"run": created.name, "path": str(created.path)}) if arguments.json else str(created.path)
        )
        sys.stdout.write("\n")
        return 0
    launch(created, **turn)
    if arguments.detach:
        if arguments.json:
            sys.stdout.write(json.dumps({"run": created.name, "path": str(created.path)}) + "\n")
        else:
            console = Console(highlight=False, soft_wrap=True)
            status = run_status(created)
            waits = f", and {status.message}" if status.state is State.QUEUED else ""
            console.print(Text(visible(f"{created.name} is launched{waits}: {created.path}")))
            console.print(Text(f"  rm-workbench runs watch {created.name}", style="dim"))
        return 0
    if not arguments.json:
        Console(highlight=False, soft_wrap=True).print(Text(visible(f"{created.name}: {created.path}")))
    return watch_run(created, as_json=arguments.json, owner=True)
