"""A short dialog: one of a few things."""

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

T = TypeVar("T")


class Choose(ModalScreen[T | None], Generic[T]):
    """Offers values, each under its label, the current one first in hand; answers one, or None on Escape."""

    DEFAULT_CSS = """
    Choose {
        align: center middle;
        background: $background 60%;
        & > OptionList {
            width: 60; max-width: 96%; height: auto; max-height: 80%;
            background: $panel; border: round $border; border-title-color: $foreground; padding: 0 1;
            &:focus { border: round $primary; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Cancel"),
        Binding("j", "down", show=False),
        Binding("k", "up", show=False),
    ]

    def __init__(self, title: str, offers: Sequence[tuple[T, Content]], current: T) -> None:
        super().__init__()
        self._title, self._offers, self._current = title, offers, current

    def compose(self) -> ComposeResult:
        """The list."""
        options = OptionList(*(Option(label) for _, label in self._offers))
        options.border_title = Content(self._title)
        options.border_subtitle = "enter choose · esc cancel"
        yield options

    def on_mount(self) -> None:
        """Begin at what is chosen now."""
        self.query_one(OptionList).highlighted = next(
            (at for at, (value, _) in enumerate(self._offers) if value == self._current), 0
        )

    def action_down(self) -> None:
        """One down."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """One up."""
        self.query_one(OptionList).action_cursor_up()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer."""
        self.dismiss(self._offers[event.option_index][0])
