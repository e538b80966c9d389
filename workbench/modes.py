"""The six places of the app, their keys, and how each is brought in only when first gone to."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from textual.screen import Screen


@dataclass(frozen=True, slots=True)
class Mode:
    """A place in the app: `name` in code, `title` on screen, `screen` as module and class."""

    name: str
    title: str
    key: str
    screen: str
    purpose: str

    def open(self) -> Screen[Any]:
        """A new screen of this mode."""
        screen: Screen[Any] = self.bring_in()()
        return screen

    def bring_in(self) -> Any:
        """The screen's class; its module is imported here and not before, in a thread once the first picture stands."""
        module, _, name = self.screen.partition(":")
        return getattr(import_module(module), name)


MODES = (
    Mode("home", "Home", "1", "workbench.screens.home:HomeScreen", "presets, recent runs, this machine"),
    Mode("preset", "Preset", "2", "workbench.screens.preset:PresetScreen", "edit the preset, see a sample change"),
    Mode("inspect", "Inspect", "3", "workbench.screens.inspect:InspectScreen", "the data, token by token"),
    Mode("check", "Check", "4", "workbench.screens.check:CheckScreen", "every row accounted for, and what is wrong"),
    Mode("train", "Train", "5", "workbench.screens.train:TrainScreen", "launch, and watch it learn"),
    Mode("runs", "Runs", "6", "workbench.screens.runs:RunsScreen", "all runs, side by side"),
)
