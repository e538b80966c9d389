"""Short dialogs over a screen: a question with a few answers, a line of text, an error in full."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from workbench.screen_text import visible
from workbench.widgets.text_input import TextInput

_CSS = """
Question, AskText, TroubleScreen {
    align: center middle;
    background: $background 60%;
}
.dialog {
    width: 72; max-width: 96%; height: auto; max-height: 90%;
    background: $panel; border: round $border; border-title-color: $foreground; padding: 1 2;
}
.dialog .answers { height: auto; margin-top: 1; align-horizontal: right; }
.dialog Button {
    margin-left: 1; min-width: 6; height: 1; border: none; padding: 0 1;
    background: $surface-lighten-2; color: $foreground; text-style: none;
}
.dialog Button:focus { background: $primary; color: $background; text-style: bold; }
.dialog Input { margin-top: 1; border: none; height: 1; padding: 0 1; background: $surface-lighten-1; }
.dialog .where { color: $quiet; }
.dialog #refused { color: $text-error; margin-top: 1; height: auto; display: none; }
.dialog VerticalScroll { height: auto; max-height: 45vh; margin-top: 1; }
.dialog.-shows { width: 110; }
"""


class Question(ModalScreen[str | None]):
    """Asks, in plain words. `answers` are (value, label), the first is the default; Escape answers None.

    `shown` is what one should see before answering; Page Up and Page Down scroll it.
    """

    CSS = _CSS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
        Binding("pagedown", "scroll(1)", show=False),
        Binding("pageup", "scroll(-1)", show=False),
    ]

    def __init__(
        self, title: str, text: str, answers: Sequence[tuple[str, str]], *, shown: Content | None = None
    ) -> None:
        super().__init__()
        self._title, self._text, self._answers, self._shown = title, text, tuple(answers), shown

    def compose(self) -> ComposeResult:
        """The question and a button for each answer."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._title)
            yield Static(Content(self._text))
            if self._shown is not None:
                with VerticalScroll(can_focus=False):
                    yield Static(self._shown, id="shown")
                dialog.add_class("-shows")
                dialog.border_subtitle = "←→ choose · page up, page down scroll · esc cancel"
            with Horizontal(classes="answers"):
                for value, label in self._answers:
                    yield Button(Content(label), id=f"answer-{value}")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Give the answer."""
        self.dismiss((event.button.id or "").removeprefix("answer-"))

    def action_scroll(self, pages: int) -> None:
        """A page of what is shown, down or up."""
        for shown in self.query(VerticalScroll):
            shown.scroll_relative(y=pages * max(1, shown.size.height - 1), animate=False)


def needs_a_name(text: str) -> str:
    """What a text that is to be a name lacks, for `AskText`."""
    return "" if text.strip() else "A name is needed; esc leaves all as it is."


def needs_a_new_file(text: str) -> str:
    """What a text that is to be the name of a file not there yet lacks, for `AskText`."""
    if text.strip() and os.path.lexists(Path(text.strip()).expanduser()):
        return "There is such a file already, and it is not overwritten: choose another name."
    return needs_a_name(text)


class AskText(ModalScreen[str | None]):
    """Asks for one line of text; Escape answers None.

    `refuses` says why a text is no answer ("": it is one): the dialog says so and stays open.
    """

    CSS = _CSS
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(
        self, title: str, text: str, value: str = "", *, refuses: Callable[[str], str] = lambda text: ""
    ) -> None:
        super().__init__()
        self._title, self._text, self._value, self._refuses = title, text, value, refuses

    def compose(self) -> ComposeResult:
        """The question and the field."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._title)
            yield Static(Content(self._text))
            yield TextInput(self._value, select_on_focus=False)
            yield Static(id="refused")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Give the text, or say why it is no answer."""
        if refused := self._refuses(event.value):
            self.query_one("#refused", Static).update(Content(visible(refused)))
            self.query_one("#refused").display = True
        else:
            self.dismiss(event.value)

    def on_input_changed(self) -> None:
        """What was said of the text before is not said of this one."""
        self.query_one("#refused").display = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that went wrong: what, where, what to do, and the details for a bug report."""

    what: str
    where: str = ""
    advice: str = ""
    details: str = ""

    def __str__(self) -> str:
        """All of it, as it is copied."""
        return "\n".join(part for part in (self.what, self.where, self.advice, self.details) if part)


class TroubleScreen(ModalScreen[None]):
    """An error in full, to read and to copy."""

    CSS = _CSS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss(None)", "Close"),
        Binding("c,y", "copy", "Copy"),
    ]

    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self._trouble = trouble

    def compose(self) -> ComposeResult:
        """What, where, advice, details, and the keys."""
        trouble = self._trouble
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "What went wrong"
            yield Static(Content.styled(visible(trouble.what, keep="\n"), "bold"))
            if trouble.where:
                yield Static(Content(visible(trouble.where)), classes="where")
            if trouble.advice:
                yield Static(Content(visible(trouble.advice, keep="\n")))
            if trouble.details:
                with VerticalScroll():
                    yield Static(Content.styled(visible(trouble.details, keep="\n"), "$quiet"))
            dialog.border_subtitle = "c copy · esc close"

    def action_copy(self) -> None:
        """Put all of it on the clipboard."""
        self.app.copy_to_clipboard(str(self._trouble))
        self.notify("Copied.", markup=False)
