"""The bar on top of every screen: where one can go, and the preset that is open."""

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from workbench.modes import MODES, Mode
from workbench.screen_text import visible
from workbench.session import Session

TITLED = 56
"""Columns from which every tab has its title; below, the one here has, and the others their keys."""


class _Tab(Static):
    def __init__(self, mode: Mode, here: bool) -> None:
        super().__init__(classes="-here" if here else "")
        self.mode = mode
        self.tooltip = f"{mode.title}: {mode.purpose}"
        self._here = here
        self.entitle(True)

    def entitle(self, titled: bool) -> None:
        """Show key and title, or the key alone; the tab of the place one is in has its title always."""
        key = (self.mode.key, "" if self._here else "$quiet")
        self.update(Content.assemble(key, " ", self.mode.title) if titled or self._here else Content.assemble(key))

    async def on_click(self) -> None:
        await self.app.run_action(f"app.go('{self.mode.name}')")


class TabBar(Horizontal):
    """One line: the modes with their keys, and at the right the preset's name, marked where it is unsaved."""

    DEFAULT_CSS = """
    TabBar {
        dock: top; height: 1; background: $panel;
        _Tab { width: auto; padding: 0 1; color: $foreground 80%; }
        _Tab:hover { background: $surface-lighten-2; }
        _Tab.-here { background: $primary; color: $background; text-style: bold; }
        #open-preset {
            width: 1fr; padding: 0 1; color: $quiet; text-align: right; text-wrap: nowrap; text-overflow: ellipsis;
        }
    }
    """

    def __init__(self, here: str) -> None:
        super().__init__()
        self._here = here

    def compose(self) -> ComposeResult:
        """The tabs and the preset's name."""
        for mode in MODES:
            yield _Tab(mode, mode.name == self._here)
        yield Static(id="open-preset")

    def on_mount(self) -> None:
        """Follow the session."""
        self.watch(self.app, "session", self._show)

    def on_resize(self, event: events.Resize) -> None:
        """Where there is no room for every title, every key stays in sight."""
        for tab in self.query(_Tab):
            tab.entitle(event.size.width >= TITLED)

    def _show(self, session: Session) -> None:
        name = Content(visible(session.name))
        if session.unsaved:  # the word is what a narrow screen cuts off, not the mark
            name = Content.assemble(("● ", "$warning"), name, (" unsaved", "$warning"))
        self.query_one("#open-preset", Static).update(name)
