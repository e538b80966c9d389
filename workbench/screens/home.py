"""Home: the presets there are to open, the runs that are going or were, and this machine."""

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from workbench.screen_text import visible
from workbench.screens.base import WorkbenchScreen

if TYPE_CHECKING:
    from engine.preset.names import NamedPreset

GUIDE = "demo-pairs"
"""The preset that a newcomer is pointed to."""


class HomeList(OptionList):
    """A list that can be walked with vim's keys too, and that hands over to its neighbour at either end."""

    BINDING_GROUP_TITLE = "This list"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "step(1)", "Next", show=False),
        Binding("up,k", "step(-1)", "Previous", show=False),
        Binding("left,h", "app.focus_previous", "Other list", show=False),
        Binding("right,l", "app.focus_next", "Other list", show=False),
        Binding("g", "first", "First", show=False),
        Binding("G", "last", "Last", show=False),
        Binding("enter", "select", "Open"),
    ]

    def action_step(self, by: int) -> None:
        """Move by one; past the end, to the other list."""
        at = self.highlighted
        if at is None:
            self.action_first()
        elif 0 <= at + by < self.option_count:
            self.highlighted = at + by
        elif by > 0:
            self.screen.focus_next(HomeList)
        else:
            self.screen.focus_previous(HomeList)


class HomeScreen(WorkbenchScreen):
    """Presets, recent runs, this machine."""

    MODE = "home"
    AUTO_FOCUS = "#presets"
    CSS = """
    HomeScreen {
        #lists { layout: vertical; height: 1fr; padding: 1 2 0 2; }
        &.-wide #lists { layout: grid; grid-size: 2; grid-columns: 1fr 1fr; grid-gutter: 0 4; }
        .column { height: auto; max-height: 1fr; margin-bottom: 1; }
        &.-wide .column { height: 1fr; }
        .heading { color: $quiet; padding: 0 1; }
        HomeList {
            border: none; padding: 0; background: transparent; background-tint: transparent; height: auto;
            text-wrap: nowrap; text-overflow: ellipsis;
            &:focus { border: none; background-tint: transparent; }
            & > .option-list--option-highlighted { background: $surface-lighten-1; }
            &:focus > .option-list--option-highlighted {
                background: $primary 25%; color: $foreground; text-style: none;
            }
        }
        #guide { padding: 0 1; color: $quiet; height: auto; }
        #machine {
            dock: bottom; height: 1; padding: 0 3; margin-bottom: 1; color: $quiet;
            text-wrap: nowrap; text-overflow: ellipsis;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i", "open_in('inspect')", "Inspect", tooltip="The preset's data, token by token"),
        Binding("t", "open_in('train')", "Train", tooltip="Train the preset"),
        Binding("o", "open_file", "Open file", tooltip="A preset by its path"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._presets: tuple[NamedPreset, ...] = ()

    def compose_body(self) -> ComposeResult:
        """The two lists and the machine."""
        with Container(id="lists"):
            with Vertical(classes="column"):
                yield Static("Presets", classes="heading")
                yield HomeList(id="presets")
            with Vertical(classes="column"):
                yield Static("Recent runs", classes="heading")
                yield HomeList(id="runs")
                yield Static(id="guide")
        yield Static(id="machine")

    def on_mount(self) -> None:
        """Look for presets and at the machine, once the first picture stands."""
        self.call_after_refresh(self._look)

    def on_screen_resume(self) -> None:
        """Look again on coming back: files and runs may have changed."""
        if self._presets:
            self._look()

    def _look(self) -> None:
        self.run_worker(self._show_presets(), group="presets", exclusive=True, exit_on_error=False)
        self.run_worker(self._show_machine(), group="machine", exclusive=True, exit_on_error=False)

    async def _show_presets(self) -> None:
        from engine.preset.names import list_presets

        presets = await asyncio.to_thread(list_presets)
        if presets == self._presets:
            return
        self._presets = presets
        width = max((len(preset.name) for preset in presets), default=0)
        listed = self.query_one("#presets", HomeList)
        listed.set_options(Option(_preset_line(preset, width), id=f"p{at}") for at, preset in enumerate(presets))
        last = self.workbench.state.last_preset
        names = [str(preset.path.absolute()) for preset in presets]
        guide = next((at for at, preset in enumerate(presets) if preset.name == GUIDE), 0)
        listed.highlighted = names.index(last) if last in names else guide
        self.query_one("#guide", Static).update(
            Content(f"None yet. Enter on {GUIDE} to see it in a minute:\nits tokens beside it, then 5 to train.")
        )

    async def _show_machine(self) -> None:
        from workbench.hardware import look_at_hardware

        self.query_one("#machine", Static).update(Content(visible(str(await asyncio.to_thread(look_at_hardware)))))

    async def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open what was chosen."""
        if event.option_list.id == "presets":
            await self.workbench.open_preset(str(self._presets[event.option_index].path))

    async def action_open_in(self, mode: str) -> None:
        """Open the highlighted preset on another screen."""
        at = self.query_one("#presets", HomeList).highlighted
        if at is not None:
            await self.workbench.open_preset(str(self._presets[at].path), go=False)
            await self.workbench.action_go(mode)

    async def action_open_file(self) -> None:
        """Ask for a path, and open it."""
        from workbench.screens.dialog import AskText

        def opened(path: str | None) -> None:
            if path:
                self.run_worker(self.workbench.open_preset(path), exit_on_error=False)

        self.app.push_screen(AskText("Open a preset", "Path of a YAML file:"), opened)


def _preset_line(preset: "NamedPreset", width: int) -> Content:
    return Content.assemble(
        " ",
        (visible(preset.name).ljust(width), "bold"),
        "  ",
        (f"{preset.kind or '?':<5}", "$quiet"),
        "  ",
        (f"{preset.origin:<9}", "$quiet"),
        "  ",
        visible(preset.description),
    )
