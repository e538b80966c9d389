"""Which command was meant, and how it ends: exit code 0 fine, 1 failed or found wanting, 2 bad usage or bad preset."""

import argparse
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.text import Text

from engine.cli.check import add_check_parser
from engine.cli.new import add_new_parser
from engine.cli.presets import add_presets_parser, add_show_parser
from engine.cli.preview import add_preview_parser
from engine.cli.runs import add_runs_parser
from engine.cli.train import add_train_parser
from engine.error import EngineError
from engine.preset.problem import PresetError
from engine.runs.index import state_folder
from engine.visible import visible


def build_parser(program: str) -> argparse.ArgumentParser:
    """The parser of the whole command line; each command's module adds its own part."""
    parser = argparse.ArgumentParser(
        prog=program,
        description="See exactly what a reward model will be fed, fix it, train on it.",
        epilog=f"`{program} COMMAND --help` says more. Without a command, rm-workbench opens the app.",
    )
    parser.add_argument("--version", action="version", version=f"rm-workbench {version('rm-workbench')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add_parser in (
        add_presets_parser,
        add_show_parser,
        add_new_parser,
        add_preview_parser,
        add_check_parser,
        add_train_parser,
        add_runs_parser,
    ):
        add_parser(commands)
    return parser


def main(argv: Sequence[str], program: str = "rm-workbench") -> int:
    """Run one command; every error a person can act on ends in a message on stderr, never in a traceback."""
    arguments = build_parser(program).parse_args(argv)
    logging.getLogger("transformers").setLevel(logging.ERROR)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except PresetError as error:
        for problem in error.problems:
            console.print(Text(visible(str(problem)), style="red"))
        return 2
    except EngineError as error:
        console.print(Text(visible(str(error), keep="\n"), style="red"))
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader went away (`preview | head`); point stdout elsewhere so that the interpreter's last flush is quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        log = keep_traceback()
        console.print(Text(visible(f"{type(error).__name__}: {error}", keep="\n"), style="red"))
        console.print(Text(f"  This is a defect of rm-workbench. The traceback is in {log}."))
        return 1
    return code


def keep_traceback() -> Path:
    """Add the current exception's traceback to the log that a report of a defect needs; returns where that is."""
    log = state_folder() / "command-line.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{datetime.now(UTC).isoformat()}\n{traceback.format_exc()}\n")
    return log
