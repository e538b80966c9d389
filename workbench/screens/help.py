"""F1: the keys that work here, made from the active bindings, so that it is never out of date."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

EVERYWHERE = "Everywhere"
MOVING = "Moving and typing"
MOVEMENTS = ("cursor_", "scroll_", "page_", "select_", "delete_", "focus_", "first", "last", "move")


@dataclass(frozen=True, slots=True)
class KeyHelp:
    """One action: its keys as they are written, what it does, and whose it is."""

    keys: str
    title: str
    about: str
    group: str


def is_movement(action: str) -> bool:
    """Whether an action only moves about or edits text the usual way: nobody looks for it by name."""
    return action.partition("(")[0].removeprefix("app.").startswith(MOVEMENTS)


def keys_of(screen: Screen[Any]) -> list[KeyHelp]:
    """The keys that work on `screen` as it stands.

    The focused widget's come first, then the screen's, then the app's; moving about comes last.
    """
    by_action: dict[tuple[str, str], list[Any]] = {}
    for active in screen.active_bindings.values():
        if active.binding.description and not active.binding.system:
            by_action.setdefault((type(active.node).__name__, active.binding.action), []).append(active)
    keys = [
        KeyHelp(
            " ".join(dict.fromkeys(screen.app.get_key_display(active.binding) for active in actives)),
            actives[0].binding.description,
            actives[0].binding.tooltip,
            MOVING if is_movement(actives[0].binding.action) else _group(screen, actives[0].node),
        )
        for actives in by_action.values()
    ]
    groups = [group for group in dict.fromkeys(key.group for key in keys) if group not in (EVERYWHERE, MOVING)]
    return sorted(keys, key=lambda key: [*groups, EVERYWHERE, MOVING].index(key.group))


def _group(screen: Screen[Any], node: Any) -> str:
    if node is screen.app:
        return EVERYWHERE
    return "This screen" if node is screen else getattr(node, "BINDING_GROUP_TITLE", None) or "Here"


class HelpScreen(ModalScreen[None]):
    """The keys, in groups."""

    DEFAULT_CSS = """
    HelpScreen {
        align: center middle; background: $background 60%;
        VerticalScroll {
            width: 76; max-width: 96%; height: auto; max-height: 90%;
            background: $panel; border: round $border; padding: 1 2;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f1,question_mark", "dismiss(None)", "Close")]

    def __init__(self, keys: list[KeyHelp]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """One scrollable text."""
        with VerticalScroll() as pane:
            pane.border_title = "Keys"
            pane.border_subtitle = "esc close"
            yield Static(Content("\n").join(self._lines()))

    def _lines(self) -> Iterator[Content]:
        group = ""
        width = min(24, max((len(key.keys) for key in self._keys), default=0))
        for key in self._keys:
            if key.group != group:
                if group:
                    yield Content("")
                group = key.group
                yield Content.styled(group, "bold")
            line = Content.assemble((key.keys.ljust(width), "$footer-key-foreground"), "  ", key.title)
            yield line + Content.styled(f"  {key.about}", "$quiet") if key.about else line
