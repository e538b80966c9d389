"""Takes the pictures of README and docs: the real app on the demo, with a real training behind it.

    python docs/pictures.py [FOLDER]

It works in FOLDER (a temporary one by default), and trains demo-pairs and demo-steps there first unless that is done.
The pictures go to docs/pictures.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.pilot import Pilot

PICTURES = Path(__file__).parent / "pictures"
TALL, LOW = (130, 36), (120, 26)
PATIENCE = 60.0
"""Seconds to wait for something to come to the screen."""


def screen_text(pilot: Pilot[int]) -> str:
    """What the screen says, line by line."""
    width, height = pilot.app.size
    lines = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines[:height]) if width else ""


async def wait_for(pilot: Pilot[int], wanted: str | Callable[[], bool]) -> None:
    """Let the app run until `wanted` is on the screen (or true)."""
    until = time.monotonic() + PATIENCE
    while not (wanted() if callable(wanted) else wanted in screen_text(pilot)):
        if time.monotonic() > until:
            sys.exit(f"{wanted!r} did not come to the screen:\n{screen_text(pilot)}")
        await pilot.pause(0.1)
    await pilot.pause(0.5)


async def show(
    preset: str, name: str, steps: Callable[[Pilot[int]], Awaitable[None]], size: tuple[int, int] = TALL
) -> None:
    """Open the app on `preset`, do `steps`, and keep the screen as docs/pictures/NAME.svg."""
    from workbench.app import WorkbenchApp

    app = WorkbenchApp(preset)
    async with app.run_test(size=size) as pilot:
        await steps(pilot)
        app.clear_notifications()
        await pilot.pause(0.5)
        svg = app.export_screenshot(title="rm-workbench")
        (PICTURES / f"{name}.svg").write_text(svg, encoding="utf-8")
        sys.stdout.write(f"{name}.svg\n")
        app.exit(0)


async def go(pilot: Pilot[int], place: str) -> None:
    await pilot.app.run_action(f"app.go('{place}')")


async def home(pilot: Pilot[int]) -> None:
    await wait_for(pilot, "✓ kept")
    await go(pilot, "home")
    await wait_for(pilot, "demo-steps")
    await wait_for(pilot, "finished")


async def preset(pilot: Pilot[int]) -> None:
    await wait_for(pilot, "reward read here")


async def inspect_pairs(pilot: Pilot[int]) -> None:
    await wait_for(pilot, "✓ kept")
    await go(pilot, "inspect")
    await wait_for(pilot, "v View")
    await pilot.press("g", "1", "enter")
    await wait_for(pilot, "row 1 of")
    await wait_for(pilot, "reward read here")


async def inspect_steps(pilot: Pilot[int]) -> None:
    await wait_for(pilot, "✓ kept")
    await go(pilot, "inspect")
    await wait_for(pilot, "v View")
    await wait_for(pilot, "✓1")


async def check(pilot: Pilot[int]) -> None:
    await wait_for(pilot, "reward read here")
    await go(pilot, "check")
    await wait_for(pilot, "digest of the training set")
    await wait_for(pilot, "train row")


async def runs(pilot: Pilot[int]) -> None:
    await wait_for(pilot, "reward read here")
    await go(pilot, "runs")
    await wait_for(pilot, "demo-steps-1")
    await wait_for(pilot, "finished")


async def finished_run(pilot: Pilot[int]) -> None:
    from engine.runs.find import find_run

    await wait_for(pilot, "reward read here")
    await pilot.app.open_run(find_run("demo-pairs-1").path)  # type: ignore[attr-defined]
    await wait_for(pilot, "held-out")


async def main() -> None:
    """Train both demos, then take every picture."""
    from engine.cli.main import main as command_line

    for name in ("demo-pairs", "demo-steps"):
        if not Path("runs", f"{name}-1", "model").is_dir() and command_line(["train", name]):
            sys.exit(f"{name} did not train")
    PICTURES.mkdir(exist_ok=True)
    await show("demo-pairs", "home", home, LOW)
    await show("demo-pairs", "preset", preset)
    await show("demo-pairs", "inspect-pairs", inspect_pairs, LOW)
    await show("demo-steps", "inspect-steps", inspect_steps, LOW)
    await show("demo-pairs", "check", check)
    await show("demo-pairs", "runs", runs)
    await show("demo-pairs", "train", finished_run)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        os.environ |= {"RM_WORKBENCH_STATE": str(folder / "state"), "LANG": "C.UTF-8"}
        os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        os.environ.pop("NO_COLOR", None)
        os.chdir(folder)
        asyncio.run(main())
