"""How to start the engine in a process of its own: the inspector, a trainer."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds the `engine` package."""


def engine_command(*arguments: str) -> list[str]:
    """The command line that runs `python -m engine ARGUMENTS` with this interpreter.

    `-P` keeps the current folder off the module path: a user's own `engine/` must not be taken for ours.
    """
    return [sys.executable, "-P", "-m", "engine", *arguments]


def engine_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for `engine_command`: this one, with this engine importable, and `extra` on top."""
    inherited = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join(part for part in (str(ROOT), inherited) if part)
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **(extra or {})}
