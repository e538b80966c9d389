"""Preset: the YAML, and beside it what becomes of one sample."""

import asyncio
import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import ClassVar, Literal, get_args

from textual import on, work
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widgets import OptionList, TextArea

from engine.preset.complete import Around, Hover, data_set_at, hover
from workbench.path_entries import path_entries
from workbench.preset_file import read_text
from workbench.saving import save, save_as
from workbench.screens.base import WorkbenchScreen
from workbench.session import Session
from workbench.widgets.completion_list import CompletionList
from workbench.widgets.find_bar import FindBar
from workbench.widgets.preset_editor import PresetEditor
from workbench.widgets.preset_status import PresetStatus
from workbench.widgets.sample_pane import SamplePane

NEEDED = "needed"
"""What the schema writes in the place of a default where there is none."""
NO_MODEL = "-"
"""Given where only the data are looked at."""
Panes = Literal["both", "editor", "sample"]


class PresetScreen(WorkbenchScreen):
    """The editor and a sample: beside each other where there is room, else one above the other."""

    MODE = "preset"
    AUTO_FOCUS = ""
    CSS = """
    PresetScreen {
        #panes { height: 1fr; layout: vertical; }
        &.-wide #panes { layout: horizontal; }
        #left { height: 1fr; }
        #sample { height: 1fr; }
        &.-wide #left { width: 2fr; height: 100%; }
        &.-wide #sample { width: 3fr; height: 100%; }
        &.-narrow #sample:focus-within { height: 2fr; }
        &.-tiny.-narrow #left { height: 4; }
        &.-tiny.-editor #left { height: 1fr; }
        &.-tiny PresetStatus { max-height: 1; min-height: 1; }
        &.-tiny RowHeader { max-height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        &.-editor #sample, &.-sample #left { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "edit", "Edit", tooltip="Back to the editor, which Escape leaves", id="preset.edit"),
        Binding("ctrl+s", "save", "Save", tooltip="Write the file; a built-in preset becomes ./NAME.yaml",
                id="preset.save"),
        Binding("f3", "save_as", "Save as", tooltip="Write another file", id="preset.save_as", show=False),
        Binding("ctrl+r", "revert", "Revert", tooltip="Back to the file; undo brings the edits back", show=False,
                id="preset.revert"),
        Binding("f4", "external_editor", "Editor", tooltip="Edit in $VISUAL or $EDITOR", id="preset.external"),
        Binding("ctrl+f", "find", "Find", tooltip="Text in the preset", show=False, priority=True, id="preset.find"),
        Binding("f5", "differences", "Diff", tooltip="What was changed: against the file, the built-in, the last runs",
                id="preset.differences"),
        Binding("f8", "next_problem", "Next problem", show=False, id="preset.next_problem"),
        Binding("alt+n", "step(1)", "Next row", tooltip="The next row as sample", id="preset.next_row"),
        Binding("alt+p", "step(-1)", "Previous row", show=False, id="preset.previous_row"),
        Binding("f2", "panes", "Panes", tooltip="Editor and sample, editor alone, sample alone", id="preset.panes"),
    ]  # fmt: skip

    def compose_body(self) -> ComposeResult:
        """The editor over its status, and the sample."""
        with Container(id="panes"):
            with Vertical(id="left"):
                completions = CompletionList()
                editor = PresetEditor(completions, id="editor")
                editor.around = self._around
                yield editor
                yield FindBar(editor)
                yield PresetStatus()
            yield SamplePane(id="sample")
        yield completions

    def on_mount(self) -> None:
        """Follow the session."""
        self._path: Path | None = None
        self._typed: str | None = None
        self._columns: dict[str, tuple[str, ...]] = {}
        self._set_panes(self.workbench.state.of("preset").get("panes", "both"))
        self.watch(self.app, "session", self._show_session)

    def on_screen_resume(self) -> None:
        """The preset, or the row, may have changed on another screen."""
        if self.is_mounted:
            self.query_one(SamplePane).follow()

    def on_screen_suspend(self) -> None:
        """A dialog or another screen comes over this one."""
        self.query_one(PresetEditor).close_completions()

    # --- the session ---

    def _show_session(self, session: Session) -> None:
        editor = self.query_one(PresetEditor)
        if session.path != self._path:
            self._path = session.path
            if session.text != editor.text:
                editor.load_text(session.text)
        elif session.text not in (self._typed, editor.text):  # changed elsewhere; what was typed since is not here yet
            self._replace_text(session.text)
        editor.read_only = session.path is None
        if session.checked:
            editor.mark(session.problems)
        self._show_status()

    @on(TextArea.Changed)
    def _edited(self, event: TextArea.Changed) -> None:
        if self._path is not None:
            self._typed = event.text_area.text
            self.workbench.edit(self._typed)

    @on(OptionList.OptionSelected, "CompletionList")
    def _completed(self) -> None:
        self.query_one(PresetEditor).accept()

    @on(TextArea.SelectionChanged)
    def _moved(self) -> None:
        self._show_status()

    def _show_status(self) -> None:
        session, editor = self.workbench.session, self.query_one(PresetEditor)
        line, column = editor.cursor_location
        self.query_one(PresetStatus).show(session.problems, line + 1, _about(hover(editor.text, line, column)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is a way back to the editor where one is not in it."""
        return not (action == "edit" and isinstance(self.focused, PresetEditor))

    def on_descendant_focus(self) -> None:
        """The keys below the screen are those of the pane with the focus."""
        self.refresh_bindings()

    def on_descendant_blur(self) -> None:
        """The same where no pane has it."""
        self.refresh_bindings()

    def action_edit(self) -> None:
        """Give the keys to the editor, brought into view if it is not."""
        if self.has_class("-sample"):
            self.action_panes()
        self.query_one(PresetEditor).focus()

    def action_find(self) -> None:
        """Look for text in the preset."""
        bar = self.query_one(FindBar)
        if bar.has_focus:
            bar.action_look(False)
        else:
            bar.open()

    # --- what completion knows ---

    def _around(self, line: int) -> Around:
        return Around(self._columns_at(line), _paths)

    def _columns_at(self, line: int) -> tuple[str, ...]:
        """The columns of the data set at this line; where they are not known yet, they are looked at and offered."""
        editor = self.query_one(PresetEditor)
        if not editor.document.get_line(line).lstrip(" -").startswith("field_"):
            return ()
        path = data_set_at(editor.text, line)
        if path and path not in self._columns:
            self._columns[path] = ()
            self._look_at_columns(path, line)
        return self._columns.get(path or "", ())

    @work(group="columns", exit_on_error=False)
    async def _look_at_columns(self, path: str, line: int) -> None:
        from workbench.new_preset import look_at_data

        beside = self._path.parent / path if self._path else None
        given = str(beside) if beside and not Path(path).exists() and beside.exists() else path
        seen, _ = await look_at_data(given, NO_MODEL)
        if seen is None:
            del self._columns[path]  # the next time it may be there
            return
        self._columns[path] = tuple(seen["columns"])
        editor = self.query_one(PresetEditor)
        if editor.has_focus and editor.cursor_location[0] == line:
            editor.action_complete()

    # --- saving ---

    @work(group="save", exclusive=True, exit_on_error=False)
    async def action_save(self) -> None:
        """Write the file. A built-in preset is copied to the current folder instead."""
        await save(self.workbench)

    @work(group="save", exclusive=True, exit_on_error=False)
    async def action_save_as(self) -> None:
        """Ask for a file, and write it."""
        await save_as(self.workbench)

    async def action_revert(self) -> None:
        """Back to what the file holds now."""
        session = self.workbench.session
        if session.path is not None:
            text = await asyncio.to_thread(read_text, session.path)
            self.workbench.saved(session.path, session.saved_text if text is None else text, revert=True)

    # --- the keys' other actions ---

    def action_external_editor(self) -> None:
        """Edit the text in the person's own editor; it comes back as an edit that can be undone."""
        session = self.workbench.session
        command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")
        if not command:
            self.workbench.report(
                "No editor is named.", "VISUAL and EDITOR are not set", "export EDITOR=vim, for example."
            )
            return
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{session.name or 'preset'}.yaml"
            file.write_text(session.text, encoding="utf-8", newline="")
            try:
                with self.app.suspend():
                    subprocess.run([*command, str(file)], check=False)
            except (OSError, SuspendNotSupported) as error:
                self.workbench.report("The editor does not start.", command[0], "Set VISUAL or EDITOR.", str(error))
                return
            text = read_text(file)
        if text is not None and text != session.text:
            self._replace_text(text)

    @work(group="differences", exclusive=True, exit_on_error=False)
    async def action_differences(self) -> None:
        """Show what was changed, against each version of the preset that there is."""
        from workbench.preset_versions import versions_of
        from workbench.screens.difference import DifferenceScreen

        session = self.workbench.session
        if session.path is None:
            return
        origin = self.workbench.state.origins.get(str(session.path))
        versions = await asyncio.to_thread(versions_of, session, origin)
        if not versions:
            self.notify(
                "There is nothing to compare with: it is not saved yet, and no run was made of it.", markup=False
            )
            return
        taken = await self.app.push_screen_wait(DifferenceScreen(session, versions))
        if taken is not None and taken != session.text:
            self._replace_text(taken)

    def _replace_text(self, text: str) -> None:
        """Put `text` in place of all there is, as an edit that can be undone."""
        editor = self.query_one(PresetEditor)
        editor.replace(text, editor.document.start, editor.document.end)

    def action_next_problem(self) -> None:
        """Put the cursor at the next problem, from the top again after the last."""
        editor = self.query_one(PresetEditor)
        places = sorted({(p.line - 1, max(0, p.column - 1)) for p in self.workbench.session.problems if p.line})
        if places:
            after = [place for place in places if place > editor.cursor_location]
            editor.move_cursor((after or places)[0], center=True)
            editor.focus()

    def action_step(self, by: int) -> None:
        """The next or previous row as sample."""
        self.query_one(SamplePane).action_step(by)

    def action_panes(self) -> None:
        """Both panes, the editor alone, the sample alone, and round again."""
        order: tuple[Panes, ...] = get_args(Panes)
        now = self.workbench.state.of("preset").get("panes", "both")
        following = order[(order.index(now) + 1) % len(order)] if now in order else "both"
        self.workbench.state.of("preset")["panes"] = following
        self.workbench.remember()
        self._set_panes(following)

    def _set_panes(self, panes: str) -> None:
        self.set_class(panes == "editor", "-editor")
        self.set_class(panes == "sample", "-sample")
        self.query_one(PresetEditor).disabled = panes == "sample"  # keys must not go where nobody sees them
        if panes != "sample":
            self.set_focus(self.query_one(PresetEditor))  # at once: a key may be on its way


def _paths(typed: str) -> list[str]:
    return [entry.text for entry in path_entries(typed, Path.cwd())] if typed else []


def _about(key: Hover | None) -> Content:
    if key is None:
        return Content.styled("F1 help · ctrl+space what may be typed here", "$quiet")
    default = key.default.replace("`", "")
    default = f", {default}" if default == NEEDED else f", default {default}" if default else ""
    return Content.assemble(
        (key.key, "$primary"), (f"  {key.type}{default}".rstrip(), "$quiet"), "\n", key.description.replace("`", "")
    )
