"""The demo in plain text, for a machine without a terminal: preview, check and train, as a person would type them."""

import shlex
import sys

from engine.cli.main import main as command_line

TOUR = (
    ("Two pairs, token by token: what the reward model will be fed.", "preview demo-pairs --rows 0:2"),
    ("Every row accounted for, and what is wrong with the data.", "check demo-pairs"),
    ("Train on them; the accuracy at the end is on held-out rows.", "train demo-pairs"),
    ("Stepwise-supervised samples: each step's label at the token that carries it.", "preview demo-steps --rows 0:2"),
    ("Every row of those.", "check demo-steps"),
    ("Train a process reward model on them.", "train demo-steps"),
)


def main() -> int:
    """Run the tour; returns the first exit code that is not 0, else 0."""
    for what, command in TOUR:
        sys.stdout.write(f"\n{what}\n$ rm-workbench {command}\n\n")
        sys.stdout.flush()
        if code := command_line(shlex.split(command)):
            return code
    sys.stdout.write("\nOpen the workbench itself: rm-workbench demo-pairs\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
