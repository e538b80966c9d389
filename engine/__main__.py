"""`python -m engine`: the command line without the app, and the engine's two processes.

`python -m engine inspect` is the inspector (the screen starts it); `python -m engine run DIR` is the trainer of the run
in DIR (a launch starts it); everything else is the command line of docs/command-line.md.
"""

import sys
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    """Run what `argv` (default: the process's own arguments) asks for; returns the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    match arguments:
        case ["inspect"]:
            from engine.inspector.server import serve

            return serve()
        case ["run", directory]:
            from engine.trainer.process import main as train

            return train(Path(directory))
    from engine.cli.main import main as command_line

    return command_line(arguments, program="python -m engine")


if __name__ == "__main__":
    sys.exit(main())
