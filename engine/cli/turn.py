"""The arguments that say when a launched run may begin: at once, in its turn, or after others."""

import argparse
from collections.abc import Sequence
from typing import TypedDict

from engine.runs.find import find_run
from engine.runs.folder import RunFolder


class Turn(TypedDict):
    """What `launch` and `resume` are told of it."""

    queue: bool | None
    after: Sequence[RunFolder]


def add_turn_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--queue`, `--now` and `--after RUN`."""
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--queue",
        action="store_true",
        default=None,
        help="wait until no other run trains on the same GPU (that is the default), or on the CPU (that is not)",
    )
    when.add_argument(
        "--now", dest="queue", action="store_false", default=None, help="do not wait for other runs on the same GPU"
    )
    parser.add_argument(
        "--after",
        metavar="RUN",
        action="append",
        default=[],
        help="wait until RUN is over, however it ends; several may be given",
    )


def turn_of(arguments: argparse.Namespace) -> Turn:
    """What the arguments say. Raises RunError where there is no such run."""
    return Turn(queue=arguments.queue, after=[find_run(name) for name in arguments.after])
