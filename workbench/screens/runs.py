"""Runs: all of them, the living first; one opened, or several side by side."""

import asyncio
from pathlib import Path
from time import time as now
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.events import Resize
from textual.widgets import Static

from engine.error import EngineError
from engine.runs.compare import compare
from engine.runs.folder import RunFolder
from engine.runs.summary import RunSummary, list_runs
from workbench.panels import NamedRun, comparison, panels
from workbench.run_actions import ask_to_delete, ask_to_kill, ask_to_stop, resume
from workbench.run_follower import Follower
from workbench.run_history import RunHistory
from workbench.screens.base import WorkbenchScreen
from workbench.screens.hard_rows import HardRowsScreen
from workbench.widgets.chart_grid import ChartGrid
from workbench.widgets.run_list import RunList, differences

LIST_EVERY = 1.5
"""Seconds between two looks at all runs."""
CHARTS_EVERY = 0.5
_KEPT = 8


class RunsScreen(WorkbenchScreen):
    """The list above; below it the curves of the run under the cursor, or of the marked ones together."""

    MODE = "runs"
    DEFAULT_CSS = """
    RunsScreen {
        RunList { height: auto; max-height: 40%; }
        #beneath { height: 1fr; border-top: solid $border-blurred; }
        #differences { width: 1fr; max-width: 84; padding: 0 1; display: none; }
        &.-differences #differences { display: block; }
        &.-differences ChartGrid { display: none; }
        &.-comparing.-beside #differences { display: block; }
        &.-comparing.-beside ChartGrid { display: block; width: 2fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "differences", "Differences", tooltip="Of the marked runs' presets and results", id="runs.diff"),
        Binding("s", "stop", "Stop", tooltip="Asks whether to save first", id="runs.stop"),
        Binding("k", "kill", "Kill", tooltip="End the run now; asks", id="runs.kill"),
        Binding("h", "hard_rows", "Hard rows", tooltip="The rows that the model fought with", id="runs.hard-rows"),
        Binding("r", "resume", "Resume", tooltip="Go on from the last checkpoint", id="runs.resume"),
        Binding(
            "delete,backspace", "delete", "Delete", tooltip="With everything in its folder; asks", id="runs.delete"
        ),
        Binding("n", "more_charts", "Next charts", tooltip="The next metrics", show=False, id="runs.charts"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._followed: dict[Path, tuple[Follower, RunHistory]] = {}

    def compose_body(self) -> ComposeResult:
        """The list, the curves, the differences."""
        yield RunList()
        with Horizontal(id="beneath"):
            yield ChartGrid()
            with VerticalScroll(id="differences"):
                yield Static()

    @property
    def run_list(self) -> RunList:
        """The list."""
        return self.query_one(RunList)

    def on_screen_resume(self) -> None:
        """In view: look at the runs, and go on looking."""
        self._list()
        self._draw()

    def on_screen_suspend(self) -> None:
        """Out of view: nothing is polled."""
        self.workers.cancel_group(self, "list")
        self.workers.cancel_group(self, "draw")

    def on_resize(self, event: Resize) -> None:
        """Where there is room, differences stand beside the curves."""
        self.set_class(event.size.width >= 140, "-beside")

    # --- what is shown ---

    @work(group="list", exclusive=True, exit_on_error=False)
    async def _list(self) -> None:
        while True:
            runs = await asyncio.to_thread(list_runs)
            before = self.run_list.highlighted
            self.run_list.show(runs, now())
            after = self.run_list.highlighted
            if after is not None and (before is None or before.state is not after.state):
                self.refresh_bindings()
            self.query_one("#beneath").display = bool(runs)
            await asyncio.sleep(LIST_EVERY)

    def on_run_list_changed(self) -> None:
        """Another run, or other marks: other curves."""
        self.refresh_bindings()
        self._draw()
        self._difference()

    @work(group="draw", exclusive=True, exit_on_error=False)
    async def _draw(self) -> None:
        """The curves of what is chosen, and whatever comes to them."""
        chosen = self.run_list.chosen
        while chosen:
            grown = False
            named = []
            for run in chosen:
                follower, history = self._followed_run(run.path)
                more = True
                while more:
                    await asyncio.to_thread(follower.read)
                    news = follower.take()
                    if news.history is not None:
                        history, grown = news.history, True
                        self._followed[run.path] = follower, history
                    history.add(news.records)
                    grown = grown or bool(news.records)
                    more = news.more
                    await asyncio.sleep(0)
                named.append(NamedRun(run.name, history))
            if grown or not self.query_one(ChartGrid).shows(chosen):
                plots = panels(named[0].history) if len(named) == 1 else comparison(named)
                self.query_one(ChartGrid).show(plots, of=chosen)
            await asyncio.sleep(CHARTS_EVERY)

    def _followed_run(self, path: Path) -> tuple[Follower, RunHistory]:
        kept = self._followed.pop(path, None) or (Follower(path), RunHistory())
        self._followed[path] = kept
        while len(self._followed) > max(_KEPT, len(self.run_list.chosen)):
            del self._followed[next(iter(self._followed))]
        return kept

    @work(group="difference", exclusive=True, exit_on_error=False)
    async def _difference(self) -> None:
        marked = self.run_list.marked
        self.set_class(len(marked) > 1, "-comparing")
        if len(marked) < 2:
            self.remove_class("-differences")
            return
        try:
            found = await asyncio.to_thread(compare, [RunFolder(run.path) for run in marked])
        except EngineError as error:
            self.workbench.report_exception(error)
            return
        text = differences(found.preset, found.results, [run.name for run in marked])
        self.query_one("#differences Static", Static).update(text)

    # --- what can be done ---

    @property
    def _run(self) -> RunSummary | None:
        return self.run_list.highlighted

    async def on_run_list_opened(self, message: RunList.Opened) -> None:
        """Go to Train with the run."""
        await self.workbench.open_run(message.path)

    def action_differences(self) -> None:
        """The differences in place of the curves, or the curves again."""
        self.toggle_class("-differences")

    def action_more_charts(self) -> None:
        """The next metrics."""
        self.query_one(ChartGrid).action_turn(1)

    @work(group="act", exclusive=True, exit_on_error=False)
    async def action_stop(self) -> None:
        """Ask how to stop the run, and do it."""
        if self._run is not None:
            await ask_to_stop(self.workbench, self._run.path)
            self._list()

    @work(group="act", exclusive=True, exit_on_error=False)
    async def action_kill(self) -> None:
        """Ask, and kill the run."""
        if self._run is not None:
            await ask_to_kill(self.workbench, self._run.path)
            self._list()

    def action_hard_rows(self) -> None:
        """The rows that the run's model fought with."""
        if self._run is not None:
            self.workbench.push_screen(HardRowsScreen(self._run.path))

    @work(group="act", exclusive=True, exit_on_error=False)
    async def action_resume(self) -> None:
        """Start the run again."""
        if self._run is not None:
            await resume(self.workbench, self._run.path)
            self._list()

    @work(group="act", exclusive=True, exit_on_error=False)
    async def action_delete(self) -> None:
        """Ask, and delete the run."""
        if self._run is not None:
            path = self._run.path
            await ask_to_delete(self.workbench, path)
            if self.workbench.run_folder == path and not path.exists():
                self.workbench.run_folder = None
            self._list()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what makes sense for the run under the cursor is offered."""
        if not self.is_mounted:
            return True
        run = self._run
        live = run is not None and run.live
        return {
            "stop": live,
            "hard_rows": run is not None and bool(run.step),
            "kill": live,
            "resume": run is not None and run.state.value in ("stopped", "failed", "crashed"),
            "delete": run is not None and not live,
            "differences": len(self.run_list.marked) > 1 and not self.has_class("-beside"),
        }.get(action, True)
