"""Runs: all of them, the living first; one opened, or several side by side."""

import asyncio
from time import time as now
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widgets import Input, OptionList, Static

from engine.error import EngineError
from engine.runs.compare import compare
from engine.runs.folder import RunFolder
from engine.runs.state import State, run_status
from engine.runs.summary import RunSummary, list_runs
from workbench.followed_runs import FollowedRuns
from workbench.panels import comparison, panels
from workbench.run_actions import (
    ask_for_name,
    ask_for_note,
    ask_for_tags,
    ask_to_clean_up,
    ask_to_delete,
    ask_to_kill,
    ask_to_stop,
    resume,
    toggle_archived,
    write_report_of,
)
from workbench.screen_text import visible
from workbench.screens.base import WorkbenchScreen
from workbench.screens.hard_rows import HardRowsScreen
from workbench.widgets.chart_grid import ChartGrid
from workbench.widgets.run_differences import differences
from workbench.widgets.run_list import RunList
from workbench.widgets.text_input import TextInput

LIST_EVERY = 1.5
"""Seconds between two looks at all runs."""
CHARTS_EVERY = 0.5


class RunsScreen(WorkbenchScreen):
    """The list above; below it what is said of the run under the cursor and its curves, or the marked ones together."""

    MODE = "runs"
    DEFAULT_CSS = """
    RunsScreen {
        #filter { height: 1; border: none; padding: 0 1; background: $panel; display: none; }
        &.-filtering #filter { display: block; }
        RunList { height: auto; max-height: 40%; }
        #about { height: auto; max-height: 2; padding: 0 1; display: none; text-wrap: nowrap; text-overflow: ellipsis; }
        #about.-some { display: block; }
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
        Binding("k", "clean_up", "Clean up", tooltip="End the processes that outlived the one that leads the run",
                id="runs.clean-up"),
        Binding("slash", "filter", "Filter", tooltip="By name, preset, state, #tag or note", id="runs.filter"),
        Binding("g", "tags", "Tags", tooltip="Words to find runs by", show=False, id="runs.tags"),
        Binding("e", "note", "Note", tooltip="What is to be remembered of a run", show=False, id="runs.note"),
        Binding("R", "rename", "Rename", tooltip="The run and its folder; not a live one", show=False,
                id="runs.rename"),
        Binding("a", "archive", "Archive", tooltip="Put the run away, or back; nothing is deleted", show=False,
                id="runs.archive"),
        Binding("A", "archived", "Show archived", tooltip="Archived runs too, or not", show=False,
                id="runs.archived"),
        Binding("w", "report", "Report", tooltip="Write what there is to tell of the run as HTML and Markdown",
                show=False, id="runs.report"),
        Binding("h", "hard_rows", "Hard rows", tooltip="The rows that the model fought with", id="runs.hard-rows"),
        Binding("r", "resume", "Resume", tooltip="Go on from the last checkpoint", id="runs.resume"),
        Binding(
            "delete,backspace", "delete", "Delete", tooltip="With everything in its folder; asks", id="runs.delete"
        ),
        Binding("n", "more_charts", "Next charts", tooltip="The next metrics", show=False, id="runs.charts"),
        Binding("escape", "let_go", "Show all", tooltip="No filter, no marks", show=False, id="runs.let-go"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._followed = FollowedRuns()
        self._archived = False

    def compose_body(self) -> ComposeResult:
        """The list, the curves, the differences."""
        yield TextInput(placeholder="words that a run has in its name, preset, state, #tags or note", id="filter")
        yield RunList()
        yield Static(id="about")
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
            runs = await asyncio.to_thread(list_runs, self._archived)
            before = self.run_list.highlighted
            self.run_list.show(runs, now())
            after = self.run_list.highlighted
            self._say_about()
            if after is not None and (before is None or before.state is not after.state):
                self.refresh_bindings()
            self.query_one("#beneath").display = bool(runs)
            await asyncio.sleep(LIST_EVERY)

    def on_run_list_changed(self) -> None:
        """Another run, or other marks: other curves."""
        self.refresh_bindings()
        self._say_about()
        self._draw()
        self._difference()

    def _say_about(self) -> None:
        """What people say of the run under the cursor, and what it said last."""
        run, about = self._run, self.query_one("#about", Static)
        note = visible(run.note) if run else ""
        message = visible(run.message) if run else ""
        lines = [Content.assemble(("✎ ", "$accent"), note)] if note else []
        lines += [Content.styled(message, "$quiet")] if message else []
        about.set_class(bool(lines), "-some")
        about.update(Content("\n").join(lines))

    @work(group="draw", exclusive=True, exit_on_error=False)
    async def _draw(self) -> None:
        """The curves of what is chosen, and whatever comes to them."""
        chosen = self.run_list.chosen
        while chosen:
            named, grown = await self._followed.read([run.path for run in chosen])
            if grown or not self.query_one(ChartGrid).shows(chosen):
                plots = panels(named[0].history) if len(named) == 1 else comparison(named)
                self.query_one(ChartGrid).show(plots, of=chosen)
            await asyncio.sleep(CHARTS_EVERY)

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
        self.query_one("#differences Static", Static).update(differences(found))

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

    def action_filter(self) -> None:
        """Ask for words that the runs shown must have."""
        self.add_class("-filtering")
        self.query_one("#filter", Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """The list follows every key."""
        self.run_list.words = event.value
        self.on_run_list_changed()

    def on_input_submitted(self) -> None:
        """Back to the list, as it is."""
        self.set_class(bool(self.run_list.words), "-filtering")
        self.run_list.query_one(OptionList).focus()

    def action_let_go(self) -> None:
        """No filter and no marks."""
        self.query_one("#filter", Input).value = ""
        self.remove_class("-filtering", "-differences")
        self.run_list.unmark()
        self.run_list.query_one(OptionList).focus()

    def action_archived(self) -> None:
        """Archived runs too, or not."""
        self._archived = not self._archived
        self._list()

    @work(group="act", exclusive=True, exit_on_error=False)
    async def action_tags(self) -> None:
        """Ask for the run's tags."""
        if self._run is not None:
            await ask_for_tags(self.workbench, self._run)
            self._list()

    @work(group="act", exclusive=True, exit_on_error=False)
    async def action_note(self) -> None:
        """Ask for a note on the run."""
        if self._run is not None:
            await ask_for_note(self.workbench, self._run)
            self._list()

    @work(group="act", exclusive=True, exit_on_error=False)
    async def action_archive(self) -> None:
        """Put the run away, or back among the others."""
        if self._run is not None:
            await toggle_archived(self.workbench, self._run)
            self._list()

    @work(group="act", exclusive=True, exit_on_error=False)
    async def action_rename(self) -> None:
        """Ask for another name of the run."""
        run = self._run
        if run is None:
            return
        renamed = await ask_for_name(self.workbench, run)
        if renamed is not None:
            self._followed.forget(run.path)
            if self.workbench.run_folder == run.path:
                self.workbench.run_folder = None
            self.run_list.show(await asyncio.to_thread(list_runs, self._archived), now())
            self.run_list.select(renamed)
            self._list()

    @work(group="report", exclusive=True, exit_on_error=False)
    async def action_report(self) -> None:
        """Write the run's report, in a process of its own: it opens the data."""
        if self._run is not None:
            await write_report_of(self.workbench, self._run.path)

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

    @work(group="act", exclusive=True, exit_on_error=False)
    async def action_clean_up(self) -> None:
        """Ask, and end what outlived the run's leader."""
        if self._run is not None:
            status = await asyncio.to_thread(run_status, RunFolder(self._run.path))
            await ask_to_clean_up(self.workbench, self._run.path, status.workers)
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
        orphaned = run is not None and run.state is State.ORPHANED
        return {
            "stop": live and not orphaned,
            "clean_up": orphaned,
            "hard_rows": run is not None and bool(run.step),
            "kill": live and not orphaned,
            "resume": run is not None and run.state.value in ("stopped", "failed", "crashed"),
            "delete": run is not None and not live,
            "rename": run is not None and not live,
            "archive": run is not None and not live,
            "tags": run is not None,
            "note": run is not None,
            "report": run is not None,
            "let_go": bool(self.run_list.words) or bool(self.run_list.marked) or self.has_class("-filtering"),
            "differences": len(self.run_list.marked) > 1 and not self.has_class("-beside"),
        }.get(action, True)
