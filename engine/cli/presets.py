"""`rm-workbench presets` and `rm-workbench show PRESET`."""

import argparse
import json
import sys

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from engine.cli.preset_argument import add_preset_argument
from engine.preset.load import load_preset
from engine.preset.names import list_presets
from engine.preset.problem import Problem
from engine.preset.show import preset_values, show_preset
from engine.visible import visible

_KINDS = {"pair": "pairs", "steps": "steps", None: ""}


def add_presets_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command that lists the presets which can be named."""
    parser = commands.add_parser("presets", help="list the presets that can be named")
    parser.add_argument("--json", action="store_true", help="print one JSON object a preset")
    parser.set_defaults(run=run_presets)


def add_show_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command that prints a resolved preset."""
    parser = commands.add_parser("show", help="print a preset with its defaults filled in and each value's origin")
    add_preset_argument(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run_show)


def run_presets(arguments: argparse.Namespace) -> int:
    """Print the presets: built in, then ./presets, then the user's folder."""
    presets = list_presets()
    if arguments.json:
        for preset in presets:
            values = {
                "name": preset.name,
                "path": str(preset.path),
                "origin": preset.origin,
                "kind": preset.kind,
                "description": preset.description,
            }
            print(json.dumps(values))
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("name", no_wrap=True, style="cyan")
    table.add_column("trains", no_wrap=True)
    table.add_column("from", no_wrap=True, style="dim")
    table.add_column("what")
    for preset in presets:
        table.add_row(Text(visible(preset.name)), _KINDS[preset.kind], preset.origin, Text(visible(preset.description)))
    Console().print(table)
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """Print the resolved preset; what has no effect goes to stderr. Raises PresetError."""
    loaded = load_preset(arguments.preset, arguments.set)
    if arguments.json:
        values = {
            "name": loaded.name,
            "path": str(loaded.path),
            "kind": loaded.preset.model_kind,
            "preset": preset_values(loaded.preset),
            "origins": dict(loaded.origins),
            "notices": [_notice(problem) for problem in loaded.notices],
        }
        print(json.dumps(values))
        return 0
    text = show_preset(loaded)
    if sys.stdout.isatty():
        Console().print(Syntax(visible(text, keep="\n"), "yaml", background_color="default", word_wrap=True))
    else:
        print(text, end="")
    for problem in loaded.notices:
        print(visible(str(problem)), file=sys.stderr)
    return 0


def _notice(problem: Problem) -> dict[str, object]:
    return {"line": problem.line, "column": problem.column, "message": problem.message}
