"""The list of what may be typed at the cursor of the preset editor."""

from textual.content import Content
from textual.geometry import Offset
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from engine.preset.complete import Completion, Completions
from workbench.screen_text import visible

WIDEST = 64


class CompletionList(OptionList):
    """Floats at the cursor. It never has the focus: the editor hands it the keys."""

    can_focus = False
    DEFAULT_CSS = """
    CompletionList {
        overlay: screen; constrain: inside inflect; display: none;
        width: auto; min-width: 24; max-width: 66; height: auto; max-height: 9;
        border: none; padding: 0; background: $surface-lighten-1; text-wrap: nowrap; text-overflow: ellipsis;
        scrollbar-size-vertical: 1;
        &.-open { display: block; }
        & > .option-list--option-highlighted { background: $primary 35%; color: $foreground; text-style: none; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._completions = Completions(0, ())

    @property
    def is_open(self) -> bool:
        """Whether there is something to choose from on the screen."""
        return self.has_class("-open")

    @property
    def chosen(self) -> Completion:
        """The highlighted completion."""
        return self._completions.items[self.highlighted or 0]

    @property
    def start(self) -> int:
        """The column where the text begins that a completion replaces."""
        return self._completions.start

    def open(self, completions: Completions, cursor: Offset, typed: int) -> None:
        """Offer `completions` under `cursor` (on the screen), in line with the `typed` characters they replace."""
        self._completions = completions
        width = min(28, max(len(item.text.strip()) for item in completions.items))
        self.set_options(
            Option(
                Content.assemble(
                    " ", visible(item.text.strip()).ljust(width), "  ", (visible(item.detail)[:WIDEST], "$quiet"), " "
                )
            )
            for item in completions.items
        )
        self.highlighted = 0
        self.absolute_offset = cursor + Offset(-typed - 1, 1)
        self.add_class("-open")

    def close(self) -> None:
        """Offer nothing."""
        self.remove_class("-open")

    def move(self, by: int) -> None:
        """Highlight another, round and round."""
        self.highlighted = ((self.highlighted or 0) + by) % max(1, self.option_count)
