"""The walls of the house: the screen starts without torch, the engine knows no screen."""

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.__main__ import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "transformers", "datasets", "accelerate", "peft")


def modules_of(package: str) -> list[str]:
    """Every module of a package, by walking its files, so that nothing is imported to find them."""
    found = pkgutil.walk_packages([str(ROOT / package)], f"{package}.", onerror=lambda _: None)
    return [package] + [module.name for module in found if not module.name.endswith("__main__")]


def imported_after(modules: list[str]) -> set[str]:
    """The top-level modules that a fresh interpreter has after importing these."""
    code = (
        "import importlib, json, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_app_imports_nothing_heavy():
    modules = modules_of("workbench")
    assert "workbench.app" in modules
    imported = imported_after(modules)
    assert "textual" in imported
    assert not imported & set(HEAVY)


def test_the_engine_knows_no_screen():
    modules = modules_of("engine")
    assert "engine.prepare.open" in modules
    assert not imported_after(modules) & {"textual", "workbench"}


@pytest.mark.parametrize(
    "module",
    ["engine.cli.main", "engine.preset.load", "engine.events.reader", "engine.runs.launch", "engine.inspector.client"],
)
def test_what_the_screen_and_the_command_line_start_with_is_light(module):
    assert not imported_after([module]) & set(HEAVY)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_the_app_passes_on_is_one_of_the_engines(command):
    asked = [sys.executable, "-m", "engine", command, "--help"]
    assert subprocess.run(asked, capture_output=True, cwd=ROOT, check=False).returncode == 0
