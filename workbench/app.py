"""The app: its places, what they share, and its manners. Nothing here may import the engine before the first paint."""

import asyncio
import gc
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from engine.runs.index import state_folder
from workbench import modes
from workbench.screen_text import visible
from workbench.session import RowSet, Selection, Session, validated
from workbench.state import load_state, save_state
from workbench.theme import THEMES, VARIABLES_DARK

if TYPE_CHECKING:
    from engine.inspector.client import Inspector
    from workbench.screens.dialog import Trouble

AFTER_PAINT = 0.02
"""Seconds after mounting, by which the first picture stands."""
VALIDATE_AFTER = 0.01
"""Seconds without a keystroke before the preset is looked at."""
KEEP_DRAFT_AFTER = 0.1
"""Seconds between an edit and its keeping in the state folder."""
PICTURE_AFTER = 0.3
"""Seconds that the palette needs to be off the screen."""
LOOK_AT_FILE = 2.0
"""Seconds between two looks at the preset's file, which another program may have changed."""
SAVE_STATE_AFTER = 1.0
"""Seconds between a change of what is remembered and its writing."""


class WorkbenchApp(App[int]):
    """rm-workbench on a terminal. Leaves with an exit code.

    `preset` (a name or a path) is opened at the start. `state_dir` and `inspector` are for tests: by default the
    platform's state folder, and a new inspector process started when it is first needed.
    """

    TITLE = "rm-workbench"
    CSS = """
    Footer { background: $footer-background; }
    Toast { background: $panel; padding: 0 1; border-left: outer $primary; }
    Toast.-warning { border-left: outer $warning; }
    Toast.-error { border-left: outer $error; }
    """
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {mode.name: mode.open for mode in modes.MODES}
    DEFAULT_MODE = "home"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(f"{mode.key},alt+{mode.key}", f"go('{mode.name}')", f"Go to {mode.title}", tooltip=mode.purpose,
                    show=False, id=f"go.{mode.name}")
            for mode in modes.MODES
        ),
        Binding("f1,question_mark", "help", "Help", tooltip="The keys that work here", id="help", key_display="F1"),
        Binding("ctrl+p", "command_palette", "Commands", tooltip="Every action, by name", show=True, id="palette",
                priority=True),
        Binding("ctrl+o", "jump", "Jump", tooltip="A letter on every part of the screen: press it to go there",
                show=False, id="jump", priority=True),
        Binding("exclamation_mark", "trouble", "Last error", tooltip="The last error in full, to read and to copy",
                show=False, id="trouble"),
        Binding("ctrl+q", "quit", "Quit", tooltip="Nothing is lost: unsaved edits are kept, runs go on", id="quit",
                show=False, priority=True),
    ]  # fmt: skip

    session: reactive[Session] = reactive(Session(), init=False)
    """The preset being worked on. Change it through `open_preset` and `edit`."""
    selection: reactive[Selection] = reactive(Selection(), init=False)
    """The row in view, on whichever screen. Set it freely."""
    row_set: reactive[RowSet | None] = reactive[RowSet | None](None, init=False)
    """The rows Inspect is narrowed to from elsewhere (a finding, a run's hard rows); None: all. See `show_rows`."""
    run_folder: reactive[Path | None] = reactive[Path | None](None, init=False)
    """The run that Train shows. See `open_run`."""

    def __init__(
        self, preset: str | None = None, *, state_dir: Path | None = None, inspector: "Inspector | None" = None
    ) -> None:
        super().__init__()
        self.state_dir = state_dir or state_folder()
        self.state = load_state(self.state_dir)
        self.troubles: list[Trouble] = []
        self._first_preset = preset
        self._inspector = inspector
        self._save_state_due = False
        self._draft_due = False
        self._opening = 0
        self._told_of_file = ""
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = self.state.theme if self.state.theme in self.available_themes else "workbench-dark"
        self.set_keymap(self.state.keymap)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own variables for themes that do not know them."""
        return VARIABLES_DARK

    # --- starting and ending ---

    def on_mount(self) -> None:
        """Open what was asked for, or what was open last; end in good order on SIGTERM and SIGHUP."""
        for ending in (signal.SIGTERM, signal.SIGHUP):
            with suppress(NotImplementedError, RuntimeError, ValueError):  # Windows; a test's loop outside main
                asyncio.get_running_loop().add_signal_handler(ending, self._end, 128 + ending)
        if self._first_preset is not None:
            self.switch_mode("preset")
        self.set_timer(AFTER_PAINT, self._begin)

    @work(exit_on_error=False)
    async def _begin(self) -> None:
        from workbench.returning import offer_drafts

        last = self.state.last_preset
        if self._first_preset is not None:
            await self.open_preset(self._first_preset, go=False)  # its place is in view, unless it was left already
        elif not await offer_drafts(self) and self.session.path is None and last and Path(last).is_file():
            await self.open_preset(last, go=False)
        for mode in modes.MODES:
            await asyncio.to_thread(mode.bring_in)
        # What was imported stays: a full collection of garbage that walks it would hold the screen up.
        gc.freeze()
        self.set_interval(LOOK_AT_FILE, self._look_at_file)
        await self.inspector.__aenter__()

    def _end(self, code: int) -> None:
        self.exit(code, return_code=code)

    def _fatal_error(self) -> None:
        """A fault of ours: the traceback goes to a log, and one line of it to the terminal that is given back."""
        self._keep_draft()
        log = self.state_dir / "crash.log"
        fault = traceback.format_exc()
        with suppress(OSError):
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(fault, encoding="utf-8")
        told = f"rm-workbench failed: {visible(fault.strip().splitlines()[-1])}\nUnsaved edits are kept. Details: {log}"
        self.panic(Text(told))

    async def on_unmount(self) -> None:
        """Keep what is to be kept, and end the inspector."""
        self._keep_draft()
        self._write_state()
        if self._inspector is not None:
            await self._inspector.close()

    async def action_quit(self) -> None:
        """Leave; ask first where there is something to decide."""
        if not any(worker.group == "quit" and not worker.is_finished for worker in self.workers):
            self._quit()

    @work(group="quit", exit_on_error=False)
    async def _quit(self) -> None:
        from workbench.leaving import may_leave

        if await may_leave(self):
            self.exit(0)

    # --- places ---

    async def action_go(self, mode: str) -> None:
        """Go to a mode by name: home, preset, inspect, check, train, runs."""
        await self.switch_mode(mode)

    # --- the preset ---

    async def open_preset(self, name_or_path: str, *, go: bool = True) -> None:
        """Open a preset by name or path, and go to the Preset screen (unless not `go`)."""
        from engine.error import EngineError
        from workbench.preset_file import read_preset
        from workbench.returning import with_draft

        self._keep_draft()
        self._opening += 1
        this = self._opening
        try:
            session = await asyncio.to_thread(read_preset, name_or_path)
        except EngineError as error:
            self.report_exception(error)
            return
        if this == self._opening:  # else another was chosen meanwhile
            self.work_on(await asyncio.to_thread(with_draft, session, self.state_dir))
            if self.session.unsaved:
                self.notify(f"Unsaved edits of {visible(session.name)} are back. Ctrl+R gives them up.", markup=False)
            if go:
                await self.action_go("preset")

    def work_on(self, session: Session) -> None:
        """Make `session` the one that all screens show, at the row that was last in view."""
        self.session = session
        self.row_set = None
        self.state.opened(str(session.path))
        kept = self.state.selections.get(str(session.path))
        self.selection = Selection("eval" if kept and kept[0] == "eval" else "train", kept[1] if kept else 0)
        self.remember()
        self._validate(0)
        if session.unsaved:
            self._keep_draft_soon()

    def edit(self, text: str) -> None:
        """The preset's text is now `text`: looked at shortly, not saved."""
        if text != self.session.text:
            self.session = replace(self.session, text=text, checked=False)
            self._validate(VALIDATE_AFTER)
            self._keep_draft_soon()

    def saved(self, path: Path, text: str, *, revert: bool = False) -> None:
        """The file `path` now holds `text`, and is the one being worked on; with `revert`, so does the editor."""
        session = self.session
        shown = text if revert else session.text
        moved = path != session.path
        self.session = replace(
            session,
            path=path,
            text=shown,
            saved_text=text,
            built_in=session.built_in and not moved,
            checked=session.checked and not moved and shown == session.text,
        )
        self.state.opened(str(path))
        self.remember()
        self._validate(0)
        self._keep_draft_soon()

    def give_up_edits(self) -> None:
        """Back to the text of the file, and no draft."""
        self.session = replace(self.session, text=self.session.saved_text)
        self.drop_draft(str(self.session.path))

    @work(group="file", exclusive=True, exit_on_error=False)
    async def _look_at_file(self) -> None:
        from workbench.file_changes import look_at_file

        self._told_of_file = await look_at_file(self, self._told_of_file)

    # --- drafts ---

    def _keep_draft_soon(self) -> None:
        if not self._draft_due and self.is_running:
            self._draft_due = True
            self.set_timer(KEEP_DRAFT_AFTER, self._keep_draft)

    def _keep_draft(self) -> None:
        """Keep the text as a draft where it is unsaved, or drop the draft where it is not."""
        if not self._draft_due or self.session.path is None:
            return
        from workbench.drafts import Draft, keep_draft

        self._draft_due = False
        path = str(self.session.path)
        if not self.session.unsaved:
            self.drop_draft(path)
            return
        try:
            session = self.session
            keep_draft(self.state_dir, Draft(path, session.text, time.time(), os.getpid(), session.saved_text))
        except OSError as error:
            self.report("Unsaved edits cannot be kept.", str(self.state_dir), "Save them to a file.", str(error))

    def drop_draft(self, path: str) -> None:
        """Forget the unsaved edits of the preset at `path`."""
        from workbench.drafts import drop_drafts

        self._draft_due = False
        drop_drafts(self.state_dir, path, os.getpid())

    @work(group="validate", exclusive=True, exit_on_error=False)
    async def _validate(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        session = self.session
        if session.path is not None and not session.checked:
            looked_at = await asyncio.to_thread(validated, session)
            if self.session is session:
                self.session = looked_at

    # --- the place in the data, and the run ---

    async def show_rows(self, rows: RowSet | None) -> None:
        """Go to Inspect, narrowed to these rows (None: to all)."""
        self.row_set = rows
        await self.action_go("inspect")

    async def open_run(self, folder: Path) -> None:
        """Go to Train and show the run in `folder`, live or over."""
        self.run_folder = folder
        await self.action_go("train")

    def watch_selection(self, selection: Selection) -> None:
        """Remember the row in view with its preset."""
        if self.session.path is not None:
            path = str(self.session.path)
            self.state.selections.pop(path, None)
            self.state.selections[path] = (selection.split, selection.row)
            self.remember()

    @property
    def inspector(self) -> "Inspector":
        """The inspector process's client; the process starts with the first request."""
        if self._inspector is None:
            from engine.inspector.client import Inspector

            self._inspector = Inspector(self.state_dir / "inspector.log")
        return self._inspector

    # --- what went wrong ---

    def report(self, what: str, where: str = "", advice: str = "", details: str = "") -> None:
        """Tell the person what went wrong, where, and what to do; `!` shows all of it with the details."""
        from workbench.screens.dialog import Trouble

        self.troubles.append(Trouble(what, where, advice, details))
        lines = [line for line in (visible(what), visible(where), visible(advice)) if line]
        self.notify("\n".join([*lines, "! shows it in full"]), severity="error", timeout=8, markup=False)

    def report_exception(self, error: BaseException) -> None:
        """Report an error of the engine as what it says, any other as a fault of ours with its traceback."""
        from engine.error import EngineError

        if isinstance(error, EngineError):
            self.report(error.what, error.where, error.advice, details=str(error))
        else:
            details = "".join(traceback.format_exception(error))
            self.report(f"Something in the workbench failed: {type(error).__name__}", str(error), details=details)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Report a worker of the app that failed."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.report_exception(event.worker.error)

    def action_trouble(self) -> None:
        """Show the last error in full."""
        from workbench.screens.dialog import TroubleScreen

        if self.troubles:
            self.push_screen(TroubleScreen(self.troubles[-1]))
        else:
            self.notify("Nothing went wrong so far.", markup=False)

    # --- help and commands ---

    @work(group="jump", exit_on_error=False)
    async def action_jump(self) -> None:
        """Put a letter on every part of the screen that takes keys, and go to the one whose letter is pressed."""
        from workbench.screens.jump import JumpScreen

        below = self.screen
        if not below.is_modal and (place := await self.push_screen_wait(JumpScreen(below))):
            below.set_focus(place)

    def action_help(self) -> None:
        """Show the keys that work here, from the bindings themselves."""
        from workbench.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action that a key does here, and those that have no key."""
        from workbench.screens.help import is_movement

        seen = set()
        for active in screen.active_bindings.values():
            binding, title = active.binding, active.binding.description
            if not title or title in seen or not active.enabled:
                continue
            if binding.system or binding.action == "command_palette" or is_movement(binding.action):
                continue
            seen.add(title)
            about = " · ".join(part for part in (binding.tooltip, self.get_key_display(binding)) if part)
            yield SystemCommand(title, about, partial(self.run_action, binding.action, active.node))
        for theme in dict.fromkeys([*(ours.name for ours in THEMES), *self.available_themes]):
            if theme != self.theme:
                yield SystemCommand(f"Theme: {theme}", "Change the colours", partial(setattr, self, "theme", theme))
        picture = partial(self.set_timer, PICTURE_AFTER, self.save_picture)
        yield SystemCommand("Save a picture of the screen", "SVG, in the current folder", picture)

    def save_picture(self) -> None:
        """Save the screen as it stands, as SVG in the current folder."""
        try:
            self.notify(f"Saved {visible(self.save_screenshot(path='.'))}.", markup=False)
        except OSError as error:
            self.report("The picture cannot be saved.", str(Path.cwd()), details=str(error))

    # --- what is remembered ---

    def watch_theme(self, theme: str) -> None:
        """Remember the theme."""
        if theme != (self.state.theme or "workbench-dark"):
            self.state.theme = theme
            self.remember()

    def remember(self) -> None:
        """Write `state` soon. Call it after changing what a screen keeps in `app.state.of(screen)`."""
        if not self._save_state_due and self.is_running:
            self._save_state_due = True
            self.set_timer(SAVE_STATE_AFTER, self._write_state)

    def _write_state(self) -> None:
        self._save_state_due = False
        try:
            save_state(self.state_dir, self.state)
        except OSError as error:
            if self.is_running:
                self.report(
                    "The state cannot be saved.",
                    str(self.state_dir),
                    "Set RM_WORKBENCH_STATE to a folder that can be written.",
                    str(error),
                )
