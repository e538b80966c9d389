"""`rm-workbench`: the app, or, with a command, the command line."""

import os
import sys
from collections.abc import Sequence

COMMANDS = ("presets", "new", "show", "preview", "check", "train", "runs")

USAGE = """\
usage: rm-workbench [PRESET]              open the app, with a preset (a name or a path) or on its home screen
       rm-workbench COMMAND [ARGUMENT]... without the app: `rm-workbench COMMAND --help` says more

commands:
  presets   the presets that can be named
  new       print a preset written from a data set: `rm-workbench new rows.jsonl > mine.yaml`
  show      a preset with its defaults filled in, and where each value is from
  preview   what the model will be fed, row by row
  check     every row accounted for, and what is wrong
  train     train, and watch in plain text
  runs      list, watch, stop, kill, clean, resume, compare, rows, report, tag, note, rename, archive, unarchive, rm

options:
  --version, --help

In the app F1 shows the keys, and Ctrl+P every action by name. The demo needs no network: `rm-workbench demo-pairs`.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `rm-workbench` with `argv` (the process's own by default); returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in COMMANDS:
        from engine.cli.main import main as command_line

        return command_line(arguments)
    if any(argument in ("-h", "--help") for argument in arguments):
        sys.stdout.write(USAGE)
        return 0
    if "--version" in arguments:
        from importlib.metadata import version

        sys.stdout.write(f"rm-workbench {version('rm-workbench')}\n")
        return 0
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        stray = next((argument for argument in arguments if argument.startswith("-")), arguments[-1])
        return _refuse(f"rm-workbench: {stray!r} is not understood here\n{USAGE}")
    if arguments and (mistake := _no_such_preset(arguments[0])):
        return _refuse(f"rm-workbench: {mistake}\n")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return _refuse("rm-workbench: the app needs a terminal, and this is none. The commands work without one.\n")
    if os.environ.get("TERM", "dumb") in ("dumb", ""):
        return _refuse("rm-workbench: the app needs a terminal that can place text, and TERM says this one cannot.\n")
    return run_app(arguments[0] if arguments else None)


def _no_such_preset(name: str) -> str:
    """Why `name` opens nothing, where it is neither a preset nor a path; it may have been meant as a command."""
    from engine.error import EngineError
    from engine.preset.names import find_preset
    from engine.preset.suggest import did_you_mean

    try:
        find_preset(name)
    except EngineError as error:
        near = did_you_mean(name, COMMANDS).removeprefix("; ")
        advice = near or "`rm-workbench --help` lists the commands."
        return (
            str(error)
            if "/" in name or "." in name
            else f"{error}\n  It is no command either{'; ' if near else '. '}{advice}"
        )
    return ""


def run_app(preset: str | None) -> int:
    """Open the app; a fault of ours ends in one line and a log, not in a traceback."""
    from engine.importing import importing

    with importing():
        from workbench.app import WorkbenchApp
        from workbench.terminal_keys import hear_alt_digits

    hear_alt_digits()
    app = WorkbenchApp(preset)
    app.run()
    return app.return_code or 0


def _refuse(message: str) -> int:
    sys.stderr.write(message)
    return 2


if __name__ == "__main__":
    sys.exit(main())
