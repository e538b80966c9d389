"""Home: what there is to open."""

from textual.app import ComposeResult
from textual.widgets import Static

from workbench.screens.base import WorkbenchScreen


class HomeScreen(WorkbenchScreen):
    """Presets, recent runs, this machine."""

    MODE = "home"

    def compose_body(self) -> ComposeResult:
        """The lists."""
        yield Static("home")
