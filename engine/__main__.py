"""`python -m engine`: the command line without the app, and the engine's processes.

`python -m engine inspect` is the inspector (the screen starts it); `python -m engine keep DIR` is the keeper of the run
in DIR (a launch starts it), and `python -m engine run DIR` its trainer (the keeper starts it); everything else is the
command line of docs/command-line.md.
"""

import sys
from pathlib import Path

from engine.importing import importing


def main(argv: list[str] | None = None) -> int:
    """Run what `argv` (default: the process's own arguments) asks for; returns the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    match arguments:
        case ["inspect"]:
            with importing():
                from engine.inspector.server import serve

            return serve()
        case ["keep", directory]:
            from engine.runs.keeper import keep

            return keep(Path(directory))
        case ["run", directory]:
            from engine.trainer.begin import begin

            return begin(Path(directory))
    from engine.cli.main import main as command_line

    return command_line(arguments, program="python -m engine")


if __name__ == "__main__":
    sys.exit(main())
