"""Jump: a letter on everything that can be worked with; pressing it goes there."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

LETTERS = "asdfghjklqwertyuiopzxcvbnm"


class JumpScreen(ModalScreen[Widget | None]):
    """The screen below with a letter at each of its widgets that take keys; dismissed with the one chosen."""

    DEFAULT_CSS = """
    JumpScreen { background: transparent; }
    JumpScreen Static {
        position: absolute; width: 3; height: 1; text-style: bold;
        background: $warning; color: $background; text-align: center;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,ctrl+o", "dismiss(None)", "Stay")]

    def __init__(self, below: Screen[Any]) -> None:
        super().__init__()
        self._places: Mapping[str, Widget] = dict(zip(LETTERS, _places(below), strict=False))

    def compose(self) -> ComposeResult:
        """One letter a place."""
        for letter, widget in self._places.items():
            label = Static(letter)
            label.styles.offset = widget.region.offset
            yield label

    def on_key(self, event: events.Key) -> None:
        """Go where the letter is."""
        if place := self._places.get(event.key):
            event.stop()
            self.dismiss(place)


def _places(screen: Screen[Any]) -> Iterator[Widget]:
    """The widgets in sight that take keys, each with a corner of its own."""
    taken = set()
    for widget in screen.focus_chain:
        corner = widget.region.offset
        if widget.region.intersection(screen.region).area and corner not in taken:
            taken.add(corner)
            yield widget
