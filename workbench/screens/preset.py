"""Preset: the YAML, and beside it what becomes of one sample."""

from textual.app import ComposeResult
from textual.widgets import TextArea

from workbench.screens.base import WorkbenchScreen


class PresetScreen(WorkbenchScreen):
    """The editor."""

    MODE = "preset"

    def compose_body(self) -> ComposeResult:
        """The editor."""
        yield TextArea(language="yaml")
