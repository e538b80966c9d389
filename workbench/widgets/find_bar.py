"""A line in which to type what is looked for in the editor above it."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from workbench.widgets.preset_editor import PresetEditor
from workbench.widgets.text_input import TextInput


class FindBar(TextInput):
    """Looks as one types; Enter and Down go to the next place, Up to the one before, Escape back to the editor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down", "look(False)", "Next place"),
        Binding("up", "look(True)", "Place before", show=False),
        Binding("escape", "close", "Back"),
    ]
    DEFAULT_CSS = """
    FindBar {
        display: none; height: 1; border: none; padding: 0 1; background: $surface-lighten-2;
        &.-open { display: block; }
        &:focus { border: none; }
    }
    """

    def __init__(self, editor: PresetEditor) -> None:
        super().__init__(placeholder="find · enter next · ↑ before · esc back", select_on_focus=True)
        self._editor = editor

    def open(self) -> None:
        """Begin to look, for what is selected if it is within a line."""
        selected = self._editor.selected_text
        self.add_class("-open")
        if selected and "\n" not in selected:
            self.value = selected
        self.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Look for what is typed so far."""
        self._editor.find(event.value, stay=True)

    def action_look(self, backward: bool) -> None:
        """To another place."""
        _, places = self._editor.find(self.value, backward=backward)
        if not places and self.value:
            self.app.bell()

    def action_close(self) -> None:
        """Back to the editor, at the place found."""
        self.remove_class("-open")
        self._editor.focus()

    def on_blur(self) -> None:
        """Gone when something else has the keys."""
        self.remove_class("-open")
