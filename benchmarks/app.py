"""What a person waits for in the app: the first picture, the first tokens, a mistake told, the next row, a long row.

    python benchmarks/app.py [--rows 100000] [--turns 5]

The first picture is taken in a pseudo-terminal, from exec to the first bytes that show the app's own words, against a
Textual app of one line, in turns: wall time and CPU time, medians. Everything else happens in this process on the real
app with its real inspector, on made-up data. "held up" is the longest time in which the screen could not have answered
a key: the longest gap between the beats of a task on the app's event loop. The garbage collector and other processes
count in it, so run it on a quiet machine; the load is printed.
"""

import argparse
import asyncio
import json
import os
import pty
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fcntl import ioctl
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("hello")
Bare().run()
"""
LONG = 32_768
"""Tokens of each side of the long row."""
BEAT = 0.002
TIMEOUT = 60


def main() -> None:
    """Print one line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        os.environ |= {
            "RM_WORKBENCH_STATE": str(work / "state"),
            "RM_WORKBENCH_CACHE": str(work / "cache"),
            "PYTHONPATH": str(ROOT),
        }
        os.chdir(work)
        write_data(work, options.rows)
        print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
        compare_first_pictures(options.turns)
        asyncio.run(in_the_app(work, options.rows, options.turns))


def write_data(work: Path, rows: int) -> None:
    """Many short pairs, and one long pair."""
    rng = random.Random(0)
    words = [f"{i}" for i in range(100, 400)]

    def text(count: int) -> str:
        return " ".join(rng.choices(words, k=count))

    with (work / "many.jsonl").open("w") as file:
        for index in range(rows):
            row = {"input": f"Question {index}: {text(8)}", "chosen": text(rng.randint(5, 40)), "rejected": text(12)}
            file.write(json.dumps(row) + "\n")
    prompt = text(LONG // 8)
    row = {"input": prompt, "chosen": text(LONG), "rejected": text(LONG)}
    (work / "long.jsonl").write_text(json.dumps(row) + "\n")
    for name, limit in (("many", 512), ("long", 8 * LONG)):
        (work / f"{name}.yaml").write_text(
            "base_model: demo:model\nreward_model: true\nnum_labels: 1\n"
            f"datasets:\n  - path: {name}.jsonl\n    type: bradley_terry.chat_template\nsequence_len: {limit}\n"
        )


def compare_first_pictures(turns: int) -> None:
    """From exec to the first picture, against a bare Textual app."""
    python = [sys.executable, "-c", BARE]
    contestants = {"app": ([sys.executable, "-m", "workbench"], b"Inspect"), "bare Textual": (python, b"hello")}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for turn in range(turns + 1):
        for name, (command, shown) in contestants.items():
            measured = first_picture(command, shown)
            if turn:  # the first one reads the files from the disk
                found[name].append(measured)
    for name, times in found.items():
        wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"exec to first picture, {name:<14} {wall:6.2f} s   CPU {cpu:5.2f} s")


def first_picture(command: list[str], shown: bytes) -> tuple[float, float]:
    """Wall and CPU seconds until `shown` comes out of a pseudo-terminal of 120 x 40."""
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color"}
    began = time.perf_counter()
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    seen = b""
    while shown not in seen and time.perf_counter() - began < TIMEOUT:
        seen = seen[-200:] + os.read(master, 65536)
    wall = time.perf_counter() - began
    process.kill()
    _, _, usage = os.wait4(process.pid, 0)
    os.close(master)
    return wall, usage.ru_utime + usage.ru_stime


async def in_the_app(work: Path, rows: int, turns: int) -> None:
    """The rest, by keys, on the real app."""
    from workbench.app import WorkbenchApp
    from workbench.widgets.sample_pane import SamplePane

    def inspected() -> bool:
        return app.current_mode == "inspect" and app.screen.row is not None  # type: ignore[attr-defined]

    app = WorkbenchApp(str(work / "many.yaml"))
    async with app.run_test(size=(160, 50)) as pilot:
        async with beats("first tokens of a cold preset, with the inspector's start"):
            await until(lambda: app.screen.query_one(SamplePane).row is not None)
        await measure_typing(app, pilot, turns)
        await pilot.press("alt+3")
        await until(inspected)
        await measure_rows(app, pilot, rows, turns)
    app = WorkbenchApp(str(work / "long.yaml"))
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.press("alt+3")
        async with beats(f"a row of 2 x {LONG:,} tokens, from the key to the tokens"):
            await until(inspected)
            await pilot.pause()
        for key, words in (("pagedown", "one page of it"), ("end", "to its end"), ("v", "another view of it")):
            async with beats(words):
                await pilot.press(key)


async def measure_typing(app: Any, pilot: Any, turns: int) -> None:
    """A letter that makes a key of the preset unknown, until that is said under the editor."""
    from textual.events import Key

    from workbench.widgets.preset_status import PresetStatus

    def told() -> bool:
        return "unknown key" in str(app.screen.query_one(PresetStatus).render())

    for turn in range(turns):
        async with beats(f"a keystroke to the mistake it makes, said ({turn + 1})"):
            app.post_message(Key("x", "x"))
            await until(told)
        await pilot.press("ctrl+z")
        await until(lambda: app.session.valid and not told())


async def measure_rows(app: Any, pilot: Any, rows: int, turns: int) -> None:
    """The next row, a far row, a sorted listing and a search."""
    screen = app.screen
    for turn in range(turns):
        before = screen.row.row
        async with beats(f"the next row ({turn + 1})"):
            await pilot.press("n")
            await until(lambda before=before: screen.row.row == before + 1)  # type: ignore[misc]
    async with beats(f"row {rows - 10:,}"):
        await pilot.press("g", *str(rows - 10), "enter")
        await until(lambda: screen.row is not None and screen.row.row == rows - 10)
    async with beats(f"search for a text that row {rows - 5:,} alone has"):
        await pilot.press("slash", *f"Question {rows - 5}:", "enter")
        await until(lambda: screen.row is not None and screen.row.row == rows - 5)


async def until(condition: Callable[[], Any]) -> None:
    """Wait for a condition; the benchmark fails if it does not come true."""
    deadline = time.perf_counter() + TIMEOUT
    while True:
        try:
            if condition():
                return
        except Exception:  # the screen is not there yet
            pass
        if time.perf_counter() > deadline:
            raise TimeoutError("what was waited for did not happen")
        await asyncio.sleep(BEAT)


@asynccontextmanager
async def beats(words: str) -> AsyncIterator[None]:
    """Print how long what is done inside took, and for how long at most the event loop was held up."""
    longest, done = 0.0, False

    async def beat() -> None:
        nonlocal longest
        last = time.perf_counter()
        while not done:
            await asyncio.sleep(BEAT)
            now = time.perf_counter()
            longest, last = max(longest, now - last - BEAT), now

    task = asyncio.create_task(beat())
    began = time.perf_counter()
    yield
    took = time.perf_counter() - began
    done = True
    await task
    print(f"{words:<60} {1000 * took:6.0f} ms   held up {1000 * longest:5.0f} ms", flush=True)


if __name__ == "__main__":
    main()
