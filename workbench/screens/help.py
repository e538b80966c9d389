"""F1: the keys that work here, made from the active bindings, so that it is never out of date; and their changing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

if TYPE_CHECKING:
    from workbench.app import WorkbenchApp

EVERYWHERE = "Everywhere"
MOVING = "Moving and typing"
MOVEMENTS = ("cursor_", "scroll_", "page_", "select_", "delete_", "focus_", "first", "last", "move")
FIXED = ("ctrl+q", "ctrl+p", "f1", "escape", "enter", "tab", "shift+tab")
"""Keys that stay what they are, so that there is always a way out, and a way back here."""


@dataclass(frozen=True, slots=True)
class KeyHelp:
    """One action: its keys as they are written, what it does, whose it is, and its id where its keys can be changed."""

    keys: str
    title: str
    about: str
    group: str
    id: str = ""


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
            actives[0].binding.id or "",
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
    """The keys of the screen below, in groups. Enter on an action, and the next key pressed does it from now on."""

    DEFAULT_CSS = """
    HelpScreen {
        align: center middle; background: $background 60%;
        Vertical {
            width: 104; max-width: 96%; height: auto; max-height: 90%;
            background: $panel; border: round $border; padding: 0 1;
        }
        OptionList, OptionList:focus { height: auto; max-height: 1fr; background: $panel; border: none; padding: 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f1,question_mark", "close", "Close"),
        Binding("backspace,delete", "reset", "The keys it came with"),
    ]
    HINT = "enter change a key · backspace as it came · esc close"

    def __init__(self, below: Screen[Any]) -> None:
        super().__init__()
        self._below = below
        self._keys: list[KeyHelp] = []
        self._changing: KeyHelp | None = None

    @property
    def _app(self) -> "WorkbenchApp":
        return cast("WorkbenchApp", self.app)

    def compose(self) -> ComposeResult:
        """The list; on its lower edge, what Enter does."""
        with Vertical() as pane:
            pane.border_title = "Keys"
            pane.border_subtitle = self.HINT
            yield OptionList()

    def on_mount(self) -> None:
        """List the keys."""
        self._list()

    def _list(self) -> None:
        options = self.query_one(OptionList)
        at = options.highlighted
        self._keys = keys_of(self._below)
        options.clear_options()
        options.add_options(list(self._options()))
        options.highlighted = at if at is not None else 1

    def _options(self) -> Iterator[Option]:
        group = ""
        width = min(24, max((len(key.keys) for key in self._keys), default=0))
        for number, key in enumerate(self._keys):
            if key.group != group:
                group = key.group
                yield Option(Content.styled(group, "bold"), disabled=True)
            line = Content.assemble((key.keys.ljust(width), "$footer-key-foreground"), "  ", key.title)
            about = Content.styled(f"  {key.about}", "$quiet") if key.about else Content("")
            yield Option(line + about, id=str(number))

    def _chosen(self) -> KeyHelp | None:
        options = self.query_one(OptionList)
        if options.highlighted is None:
            return None
        chosen = options.get_option_at_index(options.highlighted).id
        return self._keys[int(chosen)] if chosen is not None else None

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Wait for the action's new key."""
        event.stop()
        key = self._chosen()
        if key is None or not key.id:
            self._say("This key stays what it is." if key else self.HINT)
            return
        self._changing = key
        self._say(f"Press the key for “{key.title}” · esc leaves it as it is")

    def on_key(self, event: events.Key) -> None:
        """While a new key is waited for, the next one pressed is it, whatever else it would do."""
        if self._changing is not None:
            event.stop()
            event.prevent_default()
            self._take(self._changing, event.key)

    def _take(self, changing: KeyHelp, key: str) -> None:
        self._changing = None
        taken = self._below.active_bindings.get(key)
        if key == "escape":
            self._say(self.HINT)
        elif key in FIXED:
            self._say(f"{self.app.get_key_display(Binding(key, '', ''))} stays what it is.")
        elif taken and taken.binding.description and taken.binding.id != changing.id:
            self._say(f"{self.app.get_key_display(taken.binding)} is taken here: {taken.binding.description}.")
        else:
            self._change(changing.id, key)

    def action_reset(self) -> None:
        """Give the action the keys it came with."""
        if (key := self._chosen()) and key.id:
            self._change(key.id, None)

    def _change(self, binding: str, key: str | None) -> None:
        keymap = {name: keys for name, keys in self._app.state.keymap.items() if name != binding}
        self._app.state.keymap = keymap if key is None else keymap | {binding: key}
        self._app.set_keymap(self._app.state.keymap)
        self._app.remember()
        # The screen below looks its keys up again when it is next asked.
        self.call_after_refresh(self._list)
        self._say(self.HINT)

    def action_close(self) -> None:
        """Leave."""
        self.dismiss(None)

    def _say(self, text: str) -> None:
        self.query_one(Vertical).border_subtitle = text
