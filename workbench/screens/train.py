"""Train: what will be trained, then how it goes."""

import asyncio
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Button, ContentSwitcher

from engine.error import EngineError
from engine.inspector.check_messages import CheckReport
from engine.inspector.messages import Description, Failure, PresetText
from engine.runs.folder import create_run
from engine.runs.launch import launch
from engine.sample import SampleId
from workbench.gpu_use import look_at_gpus
from workbench.hardware import look_at_hardware
from workbench.run_actions import ask_to_clean_up, ask_to_stop, resume
from workbench.run_follower import TICK, Follower
from workbench.run_rows import open_preset_of, rows_of_steps, show_run_rows
from workbench.screen_text import visible
from workbench.screens.base import WorkbenchScreen
from workbench.screens.hard_rows import HardRowsScreen
from workbench.session import Session
from workbench.widgets.chart_grid import ChartGrid
from workbench.widgets.plan_pane import PlanPane
from workbench.widgets.run_view import RunView

GPUS_EVERY = 2.0
"""Seconds between two looks at the GPUs while a run in view trains on them."""
_AGAIN = frozenset(("stopped", "failed", "crashed"))


class TrainScreen(WorkbenchScreen):
    """The plan of the open preset, and the live view of a run: the one just launched, or one opened from Runs."""

    MODE = "train"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "launch", "Train", tooltip="Start a run of the open preset", id="train.launch"),
        Binding("s", "stop", "Stop", tooltip="Asks whether to save first", id="train.stop"),
        Binding("d", "detach", "Detach", tooltip="Leave; the run goes on", id="train.detach"),
        Binding("d", "close", "Close", tooltip="Put the run away; Runs (6) has it", id="train.close"),
        Binding("k", "clean_up", "Clean up", tooltip="End the processes that outlived the one that leads the run",
                id="train.clean-up"),
        Binding("r", "resume", "Resume", tooltip="Go on from the last checkpoint", id="train.resume"),
        Binding("t,p", "again", "Next run", tooltip="The plan of the open preset, from which t starts a run",
                id="train.again", key_display="t"),
        Binding("p", "plan", "Plan", tooltip="What the open preset would train", id="train.plan"),
        Binding("p", "watch", "Watch", tooltip="Back to the run", id="train.watch"),
        Binding("o", "log", "Log", tooltip="The end of train.log", id="train.log"),
        Binding("w", "remarks", "Remarks", tooltip="All alarms and findings, with advice", id="train.remarks"),
        Binding("i", "rows", "Rows", tooltip="Look at the rows that the gravest remark is about", id="train.rows"),
        Binding("h", "hard_rows", "Hard rows", tooltip="The rows that the model fights with", id="train.hard-rows"),
        Binding("space", "pause", "Pause", tooltip="Hold the picture still; the run goes on", id="train.pause",
                show=False),
        Binding("c", "copy", "Copy error", tooltip="How the run failed, to the clipboard", show=False,
                id="train.copy"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._known: Description | CheckReport | Failure | None = None
        self._known_for: PresetText | None = None
        self._gpus: tuple[str, ...] | None = None
        self._visible = False
        self._follower: Follower | None = None

    def compose_body(self) -> ComposeResult:
        """The plan and the run, one at a time."""
        with ContentSwitcher(initial="plan"):
            yield PlanPane(id="plan")
            yield RunView(id="run")

    def on_mount(self) -> None:
        """Follow the preset that is open and the run that is chosen."""
        self.watch(self.app, "session", self._session_changed)
        self.watch(self.app, "run_folder", self._run_changed)

    def on_screen_resume(self) -> None:
        """In view: look at the run again."""
        self._visible = True
        self._look_at_data()
        self._watch_gpus()
        if self._follower is not None:
            self._follow(self._follower)

    def on_screen_suspend(self) -> None:
        """Out of view: nothing is polled."""
        self._visible = False
        self.workers.cancel_group(self, "follow")
        self.workers.cancel_group(self, "gpus")

    @property
    def run_view(self) -> RunView:
        """The view of the run."""
        return self.query_one(RunView)

    @property
    def watching(self) -> bool:
        """Whether the run is in view, and not the plan."""
        return self.query_one(ContentSwitcher).current == "run"

    # --- the plan ---

    def _session_changed(self, session: Session) -> None:
        if self._known_for != session.preset_text:
            self._known = None
        self.query_one(PlanPane).show(session, self._known, self._gpus)
        self.refresh_bindings()
        self._look_at_data()

    def _look_at_data(self) -> None:
        preset = self.workbench.session.preset_text
        if not self._visible or preset is None:
            return
        checked = self.workbench.inspector.checked
        if checked is not None and checked[0] == preset:
            self._known, self._known_for = checked[1], preset
            self.query_one(PlanPane).show(self.workbench.session, self._known, self._gpus)
        elif preset != self._known_for:
            self._describe(preset)

    @work(group="describe", exclusive=True, exit_on_error=False)
    async def _describe(self, preset: PresetText) -> None:
        await asyncio.sleep(0.3)
        if self._gpus is None:
            self._gpus = (await asyncio.to_thread(look_at_hardware)).gpus
            self.query_one(PlanPane).show(self.workbench.session, self._known, self._gpus)
        known = await self.workbench.inspector.describe(preset)
        self._known, self._known_for = known, preset
        self.query_one(PlanPane).show(self.workbench.session, known, self._gpus)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The button does what its key does."""
        if event.button.id == "launch":
            self.action_launch()

    def action_launch(self) -> None:
        """Start a run of the open preset and watch it."""
        if self.workbench.session.valid:
            self._launch(self.workbench.session)

    @work(group="launch", exclusive=True, exit_on_error=False)
    async def _launch(self, session: Session) -> None:
        assert session.loaded is not None
        button = self.query_one("#launch", Button)
        button.disabled = True
        try:
            run = await asyncio.to_thread(create_run, session.loaded, None)
            await asyncio.to_thread(launch, run)
        except EngineError as error:
            self.workbench.report_exception(error)
            return
        finally:
            button.disabled = not self.workbench.session.valid
        self.workbench.run_folder = run.path

    # --- the run ---

    def _run_changed(self, folder: Path | None) -> None:
        switcher = self.query_one(ContentSwitcher)
        if folder is None:
            self.workers.cancel_group(self, "follow")
            self._follower = None
            switcher.current = "plan"
            self.refresh_bindings()
            return
        switcher.current = "run"
        self.run_view.begin(folder)
        self.call_after_refresh(self.query_one(ChartGrid).focus_first)
        self._follower = Follower(folder)
        self._follow(self._follower)
        self.refresh_bindings()

    @work(group="follow", exclusive=True, exit_on_error=False)
    async def _follow(self, follower: Follower) -> None:
        """Read what is new of the run, ten times a second, and show it."""
        while True:
            await asyncio.to_thread(follower.read, self.run_view.log_shown)
            news = follower.take()
            if news.gone and not follower.run.path.exists():
                self.notify("The run's folder is gone.", severity="warning", markup=False)
                self.workbench.run_folder = None
                return
            before = self.run_view.offers
            self.run_view.take(news)
            after = self.run_view.offers
            if after != before:
                self.refresh_bindings()
            await asyncio.sleep(0.005 if news.more else TICK)

    @work(group="gpus", exclusive=True, exit_on_error=False)
    async def _watch_gpus(self) -> None:
        """Ask how busy the GPUs are, as long as a run in view trains on them and there is somebody to ask."""
        while True:
            if self.watching and self.run_view.on_gpu and self.run_view.live:
                gpus = await asyncio.to_thread(look_at_gpus)
                if gpus is None:
                    return
                self.run_view.take_gpus(gpus)
            await asyncio.sleep(GPUS_EVERY)

    @work(group="stop", exclusive=True, exit_on_error=False)
    async def action_stop(self) -> None:
        """Ask how to stop, and do it."""
        if self.run_view.folder is not None:
            await ask_to_stop(self.workbench, self.run_view.folder)

    @work(group="stop", exclusive=True, exit_on_error=False)
    async def action_clean_up(self) -> None:
        """Ask, and end what outlived the run's leader."""
        if self.run_view.folder is not None and self.run_view.status is not None:
            await ask_to_clean_up(self.workbench, self.run_view.folder, self.run_view.status.workers)

    async def action_detach(self) -> None:
        """Leave the run to itself."""
        self.notify(f"{visible(self.run_view.name_of_run)} goes on. Runs (6) has it.", markup=False)
        await self.action_close()

    async def action_close(self) -> None:
        """Put the run away."""
        self.workbench.run_folder = None
        await self.workbench.action_go("runs")

    @work(group="launch", exclusive=True, exit_on_error=False)
    async def action_resume(self) -> None:
        """Go on from the last checkpoint."""
        if self.run_view.folder is not None:
            await resume(self.workbench, self.run_view.folder)

    def action_plan(self) -> None:
        """Show the plan; the run goes on."""
        self.query_one(ContentSwitcher).current = "plan"
        self.query_one("#launch", Button).focus()
        self.refresh_bindings()

    @work(group="launch", exclusive=True, exit_on_error=False)
    async def action_again(self) -> None:
        """Show the plan for the next run: of the preset that is open, or where none is, of the run's own."""
        if self.workbench.session.path is None and self.run_view.folder is not None:
            await open_preset_of(self.workbench, self.run_view.folder)
        self.action_plan()

    def action_watch(self) -> None:
        """Back to the run."""
        self.query_one(ContentSwitcher).current = "run"
        self.query_one(ChartGrid).focus_first()
        self.refresh_bindings()

    def action_log(self) -> None:
        """Open or close the log."""
        self.run_view.toggle_log()

    def action_remarks(self) -> None:
        """Open or close the remarks."""
        self.run_view.toggle_remarks()

    @work(group="rows", exclusive=True, exit_on_error=False)
    async def action_rows(self) -> None:
        """Inspect the rows that a remark names, or those of the steps that it is about: in the run's own preset."""
        remark, folder = self.run_view.remark_with_rows, self.run_view.folder
        if remark is None or folder is None:
            return
        rows = [SampleId(dataset, row) for dataset, row in remark.rows]
        if remark.rows_of is not None:
            rows = await asyncio.to_thread(rows_of_steps, folder, *remark.rows_of)
        if rows:
            await show_run_rows(self.workbench, folder, rows, remark.message)
        else:
            self.notify("The run has told nothing of the rows of those steps.", markup=False)

    def action_hard_rows(self) -> None:
        """The rows that the model fights with."""
        if self.run_view.folder is not None:
            self.workbench.push_screen(HardRowsScreen(self.run_view.folder))

    def action_pause(self) -> None:
        """Hold the picture, or go on."""
        self.run_view.toggle_pause()

    def action_copy(self) -> None:
        """Copy how the run failed."""
        self.app.copy_to_clipboard(self.run_view.failure)
        self.notify("Copied.", markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what makes sense now is offered."""
        if not self.is_mounted:
            return True
        state, watching = self.run_view.state, self.watching
        live = self.run_view.live
        return {
            "launch": not watching and self.workbench.session.valid,
            "plan": watching and live,
            "again": watching and not live,
            "watch": not watching and self.run_view.folder is not None and self.workbench.run_folder is not None,
            "stop": watching and live and state != "orphaned",
            "clean_up": watching and state == "orphaned",
            "detach": watching and live,
            "close": watching and not live,
            "resume": watching and state in _AGAIN,
            "log": watching,
            "remarks": watching and self.run_view.has_remarks,
            "rows": watching and self.run_view.remark_with_rows is not None,
            "hard_rows": watching and self.run_view.history.step > 0,
            "pause": watching,
            "copy": watching and bool(self.run_view.failure),
        }.get(action, True)
