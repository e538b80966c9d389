"""A file picker: a path is typed, or walked to; what fits it is listed under it as one types."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from workbench.path_entries import PathEntry, common_beginning, folder_above, path_entries
from workbench.screen_text import visible
from workbench.widgets.text_input import TextInput

Purpose = Literal["open", "save", "data"]
KEYS = "↑↓ choose · tab complete · enter take · esc cancel"


class PathInput(TextInput):
    """The field; Tab and the arrows are the list's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "screen.move(1)", "Next", show=False),
        Binding("up", "screen.move(-1)", "Previous", show=False),
        Binding("pagedown", "screen.move(10)", "Ten on", show=False),
        Binding("pageup", "screen.move(-10)", "Ten back", show=False),
        Binding("tab", "screen.complete", "Complete", show=False),
        Binding("alt+up,ctrl+up", "screen.leave_folder", "Folder above", show=False),
    ]


class PickPath(ModalScreen[str | None]):
    """Asks for a path; answers it as it was typed, or None on Escape.

    To open, it must be a file; to save, any name will do; for data, a folder or a hub id will too. `endings` narrows
    what is listed.
    """

    CSS = """
    PickPath {
        align: center middle; background: $background 60%;
        & > Vertical {
            width: 84; max-width: 96%; height: auto; max-height: 90%;
            background: $panel; border: round $border; border-title-color: $foreground; padding: 0 1;
        }
        Input { border: none; height: 1; padding: 0 1; background: $surface-lighten-1; margin: 1 0; }
        OptionList {
            height: auto; max-height: 16; border: none; padding: 0; background: transparent;
            text-wrap: nowrap; text-overflow: ellipsis;
            & > .option-list--option-highlighted { background: $primary 30%; color: $foreground; text-style: none; }
        }
        Static { color: $quiet; height: auto; max-height: 2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(
        self, title: str, about: str, *, purpose: Purpose = "open", value: str = "", endings: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self._title, self._about, self._purpose, self._value = title, about, purpose, value
        self._endings = tuple(endings)
        self._entries: tuple[PathEntry, ...] = ()
        self._listed: str | None = None
        self._moved = False

    def compose(self) -> ComposeResult:
        """The question, the field, what fits."""
        with Vertical() as dialog:
            dialog.border_title = Content(self._title)
            dialog.border_subtitle = Content(KEYS)
            yield Static(Content(self._about))
            yield PathInput(self._value, select_on_focus=False)
            listed = OptionList()
            listed.can_focus = False
            yield listed
            yield Static(id="none")

    def on_mount(self) -> None:
        """Begin with what the current folder holds."""
        self._list(self._value)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        if event.value != self._listed:
            self._list(event.value)

    @work(group="list", exclusive=True)
    async def _list(self, typed: str) -> None:
        await self._show(typed)

    async def _show(self, typed: str) -> None:
        entries = await asyncio.to_thread(path_entries, typed, Path.cwd(), self._endings)
        self._entries, self._listed, self._moved = entries, typed, False
        now, width = time.time(), max((len(entry.name) for entry in entries), default=0)
        listed = self.query_one(OptionList)
        listed.set_options(Option(_line(entry, min(width, 48), now)) for entry in entries)
        listed.highlighted = 0 if entries and self._purpose != "save" else None
        self.query_one("#none", Static).update("" if entries else self._nothing(typed))

    def _nothing(self, typed: str) -> str:
        if self._purpose == "save" and typed.strip():
            return "A new file."
        if self._purpose == "data" and typed.strip():
            return "Nothing here is called so: taken as a hub id."
        return f"Nothing here{' ends in ' + ' or '.join(self._endings) if self._endings else ''}: / begins at the root."

    def action_move(self, by: int) -> None:
        """Another entry; from a folder's first to its last and round."""
        count = len(self._entries)
        if count:
            listed = self.query_one(OptionList)
            at = -1 if listed.highlighted is None and by > 0 else listed.highlighted or 0
            listed.highlighted = (at + by) % count if abs(by) == 1 else max(0, min(count - 1, at + by))
            self._moved = True

    def action_complete(self) -> None:
        """As far as what fits agrees; where it does not, the entry in hand."""
        field, highlighted = self.query_one(Input), self.query_one(OptionList).highlighted
        text = field.value if self._moved else common_beginning(self._entries, field.value)
        if text == field.value and self._entries:
            text = self._entries[highlighted or 0].text
        self._put(text)

    def action_leave_folder(self) -> None:
        """To the folder above."""
        self._put(folder_above(self.query_one(Input).value))

    def _put(self, text: str) -> None:
        field = self.query_one(Input)
        field.value = text
        field.cursor_position = len(text)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self._moved = True
        self._take(self.query_one(Input).value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        self._take(event.value)

    @work(group="take", exclusive=True)
    async def _take(self, typed: str) -> None:
        if self._listed != typed:  # typed faster than the folder could be read
            await self._show(typed)
        text, highlighted = typed.strip(), self.query_one(OptionList).highlighted
        if highlighted is not None and (self._moved or not await asyncio.to_thread(self._stands, text)):
            text = self._entries[highlighted].text
        if await asyncio.to_thread(self._is_walked_into, text):
            self._put(text if text.endswith("/") else f"{text}/")
        elif text:
            self.dismiss(text)

    def _stands(self, text: str) -> bool:
        """Whether the text alone is an answer."""
        if not text or self._purpose == "save":
            return bool(text)
        path = Path(text).expanduser()
        return path.is_file() if self._purpose == "open" else path.exists()

    def _is_walked_into(self, text: str) -> bool:
        """Whether the text is a folder to go on in, rather than an answer: for data, Enter a second time answers it."""
        if not text or not Path(text).expanduser().is_dir():
            return False
        return not (self._purpose == "data" and text.endswith("/") and not self._moved)


def _line(entry: PathEntry, width: int, now: float) -> Content:
    name = visible(entry.name)
    name = name if len(name) <= width else name[: width - 1] + "…"
    detail = "" if entry.is_folder else f"{_size(entry.size):>9}  {_age(now - entry.modified)}"
    return Content.assemble(" ", (name.ljust(width), "bold" if entry.is_folder else ""), "  ", (detail, "$quiet"))


def _size(size: int) -> str:
    amount = float(size)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return "just now"
