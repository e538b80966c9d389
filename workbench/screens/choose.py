"""A short dialog: one of a few things."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option


class Choose(ModalScreen[int | None]):
    """Offers labels to choose from; answers the number of one, or None on Escape."""

    DEFAULT_CSS = """
    Choose {
        align: center middle;
        background: $background 60%;
        & > OptionList {
            width: 60; max-width: 96%; height: auto; max-height: 80%;
            background: $panel; border: round $border; border-title-color: $foreground; padding: 0 1;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Cancel"),
        Binding("j", "down", show=False),
        Binding("k", "up", show=False),
    ]

    def __init__(self, title: str, labels: Sequence[Content], current: int = 0) -> None:
        super().__init__()
        self._title, self._labels, self._current = title, labels, current

    def compose(self) -> ComposeResult:
        """The list."""
        options = OptionList(*(Option(label) for label in self._labels))
        options.border_title = Content(self._title)
        options.border_subtitle = "enter choose · esc cancel"
        yield options

    def on_mount(self) -> None:
        """Begin at what is chosen now."""
        self.query_one(OptionList).highlighted = self._current

    def action_down(self) -> None:
        """One down."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """One up."""
        self.query_one(OptionList).action_cursor_up()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer."""
        self.dismiss(event.option_index)
