"""What becomes of one row of the preset's data, live: the pane beside the editor."""

import asyncio
from typing import TYPE_CHECKING, ClassVar, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from engine.inspector.messages import Failure, PresetText, Rows, RowView
from workbench.screen_text import visible
from workbench.session import Selection
from workbench.widgets.pair_view import PairView
from workbench.widgets.row_header import RowHeader
from workbench.widgets.steps_view import StepsView

if TYPE_CHECKING:
    from workbench.app import WorkbenchApp

ENCODE_AFTER = 0.04
"""Seconds without a change before the row is encoded again."""
OPENING = "Opening the data and the tokenizer …"
SAY_SO_AFTER = 0.4
"""Seconds after which a person is told what is being waited for."""


class SamplePane(Vertical):
    """Shows the selected row as the preset encodes it, and walks the rows.

    It follows the app's session and selection while its screen is in view. What the inspector cannot do is said here,
    with what to do about it; the last sample stays until there is a new one.
    """

    BINDING_GROUP_TITLE = "Sample"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,right_square_bracket", "step(1)", "Next row", show=False),
        Binding("p,left_square_bracket", "step(-1)", "Previous row", show=False),
    ]
    DEFAULT_CSS = """
    SamplePane {
        background: $background;
        RowHeader { height: auto; max-height: 3; }
        #message { height: 1fr; padding: 1 2; display: none; }
        &.-message #message { display: block; }
        &.-message RowHeader, &.-message PairView, &.-message StepsView { display: none; }
        &.-pair StepsView, &.-steps PairView { display: none; }
    }
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id, classes="-pair -message")
        self._shown: tuple[PresetText, Selection] | None = None
        self._asked: tuple[PresetText, Selection] | None = None
        self._sampled: str | None = None
        self._rows: Rows | None = None
        self._item = 0

    @property
    def _workbench(self) -> "WorkbenchApp":
        return cast("WorkbenchApp", self.app)

    @property
    def row(self) -> RowView | None:
        """The sample in view."""
        return self._rows.rows[self._item] if self._rows and self._rows.rows else None

    def compose(self) -> ComposeResult:
        """The header, the views of both kinds, and the place of a message."""
        yield RowHeader()
        yield Static(id="message")
        yield PairView()
        yield StepsView()

    def on_mount(self) -> None:
        """Follow the session and the selection."""
        self.watch(self.app, "session", self.follow, init=False)
        self.watch(self.app, "selection", self.follow, init=False)
        self.follow()

    def follow(self, _: object = None) -> None:
        """Encode the row again if the preset or the selection is not the one shown. Nothing while out of view."""
        app = self._workbench
        if self.screen is not app.screen_stack[0]:
            return
        session = app.session
        if self._sampled is not None and self._sampled != str(session.path):
            # Another preset: the sample of the one before must not pass for its own.
            self._sampled = self._rows = self._shown = None
            self._say(Content(OPENING))
        preset = session.preset_text
        if session.path is None:
            self._say(Content("No preset is open: 1 goes home, where Enter opens one."))
        elif preset is None:
            if session.checked:
                self._say(Content("A sample is shown here as soon as the preset is valid."))
        else:
            wanted = (preset, app.selection)
            if wanted not in (self._shown, self._asked):
                self._asked = wanted
                self._encode(preset, app.selection)

    def action_step(self, by: int) -> None:
        """Go to the next or previous sample: of this row, then of the next one."""
        if self._rows is not None and 0 <= self._item + by < len(self._rows.rows):
            self._item += by
            self._show_row()
            return
        selection = self._workbench.selection
        row = selection.row + by
        if row >= 0 and not (self._rows and self._rows.total is not None and row >= self._rows.total):
            self._workbench.selection = Selection(selection.split, row)

    @work(group="encode", exclusive=True, exit_on_error=False)
    async def _encode(self, preset: PresetText, selection: Selection) -> None:
        await asyncio.sleep(ENCODE_AFTER)
        patience = self.set_timer(SAY_SO_AFTER, self._say_waiting)
        try:
            reply = await self._workbench.inspector.rows(preset, selection.split, selection.row, selection.row + 1)
        finally:
            patience.stop()
            if self._asked == (preset, selection):
                self._asked = None
        if isinstance(reply, Failure):
            if not reply.cancelled:
                self._shown = (preset, selection)
                self._say_failure(reply)
            return
        if not reply.rows and reply.total and selection.row >= reply.total:
            self._workbench.selection = Selection(selection.split, reply.total - 1)
            return
        self._shown = (preset, selection)
        self._rows = reply
        self._sampled = preset.path
        self._item = min(self._item, max(0, len(reply.rows) - 1)) if len(reply.rows) > 1 else 0
        self._show_row()

    def _show_row(self) -> None:
        rows, row, selection = self._rows, self.row, self._workbench.selection
        if rows is None or row is None:
            self._say(Content(f"The {selection.split} split has no rows."))
            return
        of = f" of {rows.total:,}" if rows.total is not None else ""
        item = f" · sample {self._item + 1} of {len(rows.rows)}" if len(rows.rows) > 1 else ""
        self.query_one(RowHeader).show(row, f"{selection.split} row {selection.row:,}{of}{item}")
        self.remove_class("-message", "-pair", "-steps")
        self.add_class(f"-{row.model_kind}")
        (self.query_one(PairView) if row.model_kind == "pair" else self.query_one(StepsView)).show(row)

    def _say_waiting(self) -> None:
        if self.row is None:
            self._say(Content(OPENING))
        else:
            self.query_one(RowHeader).show(None, "encoding the row anew …")

    def _say_failure(self, failure: Failure) -> None:
        lines = [Content.styled(visible(failure.what, keep="\n"), "$text-error bold")]
        lines += [Content.styled(f"in {visible(failure.where)}", "$quiet")] if failure.where else []
        lines += [Content(visible(failure.advice, keep="\n"))] if failure.advice else []
        self._say(Content("\n").join(lines))

    def _say(self, message: Content) -> None:
        self.query_one("#message", Static).update(message)
        self.add_class("-message")
