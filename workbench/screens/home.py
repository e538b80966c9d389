"""Home: the presets there are to open, the runs that are going or were, and this machine."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from workbench.screen_text import visible
from workbench.screens.base import WorkbenchScreen

if TYPE_CHECKING:
    from engine.preset.names import NamedPreset
    from engine.runs.summary import RunSummary

RUNS_SHOWN = 12
AFTER_PAINT = 0.01
LOOK_AGAIN = 2.0
"""Seconds between looks at the runs while the screen is in view."""
SPARK = 12
"""Columns of a run's curve."""
GUIDE = "demo-pairs"
"""The preset that a newcomer is pointed to."""


STATE_MARKS = {"finished": "✓", "stopped": "■", "failed": "✗", "crashed": "✗"}
GUIDANCE = f"None yet. Enter on {GUIDE} to see it in a minute:\nits tokens beside it, then 5 to train."


class HomeList(OptionList):
    """A list that can be walked with vim's keys too, and that hands over to its neighbour at either end."""

    BINDING_GROUP_TITLE = "This list"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor_by(1)", "Next", show=False),
        Binding("up,k", "cursor_by(-1)", "Previous", show=False),
        Binding("left,h", "app.focus_previous", "Other list", show=False),
        Binding("right,l", "app.focus_next", "Other list", show=False),
        Binding("g", "first", "First", show=False),
        Binding("G", "last", "Last", show=False),
        Binding("enter", "select", "Open"),
    ]

    def action_cursor_by(self, by: int) -> None:
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
        #lists { height: 1fr; padding: 1 2 0 2; }
        .column { height: auto; max-height: 1fr; margin-bottom: 1; }
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
        self._runs: list[RunSummary] | None = None

    def compose_body(self) -> ComposeResult:
        """The two lists and the machine."""
        with Vertical(id="lists"):
            with Vertical(classes="column"):
                yield Static("Presets", classes="heading")
                yield HomeList(id="presets")
            with Vertical(classes="column"):
                yield Static("Recent runs", classes="heading")
                yield HomeList(id="runs")
                yield Static(GUIDANCE, id="guide")
        yield Static(id="machine")

    def on_mount(self) -> None:
        """Look for presets and at the machine, once the first picture stands."""
        self.set_timer(AFTER_PAINT, self._look)
        self.set_interval(LOOK_AGAIN, self._look_at_runs)

    def on_screen_resume(self) -> None:
        """Look again on coming back: files and runs may have changed."""
        if self._presets:
            self._look()

    def _look(self) -> None:
        self._show_presets()
        self._look_at_runs()
        self._show_machine()

    def _look_at_runs(self) -> None:
        if self.is_current and not any(w.group == "runs" and not w.is_finished for w in self.workers):
            self._show_runs()

    @work(group="runs", exit_on_error=False)
    async def _show_runs(self) -> None:
        runs = await asyncio.to_thread(_recent_runs)
        if runs == self._runs:
            return
        self._runs = runs
        listed = self.query_one("#runs", HomeList)
        at = listed.highlighted
        width = max((len(run.name) for run in runs), default=0)
        listed.set_options(Option(run_line(run, min(width, 22)), id=f"r{at}") for at, run in enumerate(runs))
        if runs:
            listed.highlighted = min(at or 0, len(runs) - 1)
        listed.disabled = not runs
        self.query_one("#guide").display = not runs

    @work(group="presets", exclusive=True, exit_on_error=False)
    async def _show_presets(self) -> None:
        presets = await asyncio.to_thread(_presets)
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

    @work(group="machine", exclusive=True, exit_on_error=False)
    async def _show_machine(self) -> None:
        self.query_one("#machine", Static).update(Content(visible(await asyncio.to_thread(_machine))))

    async def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open what was chosen."""
        if event.option_list.id == "presets":
            await self.workbench.open_preset(str(self._presets[event.option_index].path))
        elif self._runs:
            await self.workbench.open_run(self._runs[event.option_index].path)

    async def action_open_in(self, mode: str) -> None:
        """Open the highlighted preset on another screen."""
        at = self.query_one("#presets", HomeList).highlighted
        if at is not None:
            await self.workbench.open_preset(str(self._presets[at].path), go=False)
            await self.workbench.action_go(mode)

    @work(group="open", exclusive=True, exit_on_error=False)
    async def _open(self, path: str) -> None:
        await self.workbench.open_preset(path)

    async def action_open_file(self) -> None:
        """Ask for a path, and open it."""
        from workbench.screens.dialog import AskText

        def opened(path: str | None) -> None:
            if path:
                self._open(path)

        self.app.push_screen(AskText("Open a preset", "Path of a YAML file:"), opened)


# These three bring in the engine's modules, which takes a while: they are called in a thread.


def _presets() -> "tuple[NamedPreset, ...]":
    from engine.preset.names import list_presets

    return list_presets()


def _recent_runs() -> "list[RunSummary]":
    from engine.runs.summary import list_runs

    return list_runs()[:RUNS_SHOWN]


def _machine() -> str:
    from workbench.hardware import look_at_hardware

    return str(look_at_hardware())


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


def run_line(run: "RunSummary", width: int) -> Content:
    """A run in one line: whether it goes on, its name, state, curve of the loss, and last numbers."""
    from workbench.widgets.spark import spark_of

    name = visible(run.name)
    name = (name if len(name) <= width else name[: width - 1] + "…").ljust(width)
    mark, style = ("●", "$success") if run.live else (STATE_MARKS.get(run.state.value, "·"), "$quiet")
    if run.state.value in {"failed", "crashed"}:
        style = "$text-error"
    accuracy = run.eval_accuracy if run.eval_accuracy is not None else run.accuracy
    numbers = [f"loss {run.loss:.3f}"] if run.loss is not None else []
    numbers += [f"acc {accuracy:.3f}"] if accuracy is not None else []
    if run.live and run.step is not None and run.total_steps:
        numbers.append(f"{run.step}/{run.total_steps}")
    return Content.assemble(
        (f" {mark} ", style),
        (name, "bold"),
        "  ",
        (f"{run.state.value:<10}", style),
        "  ",
        (spark_of(_thinned(run.series, SPARK)).ljust(SPARK), "$primary"),
        "  ",
        "  ".join(numbers),
    )


def _thinned(values: Sequence[float], number: int) -> list[float]:
    """At most `number` of the values, evenly over their course, the last among them."""
    if len(values) <= number:
        return list(values)
    return [values[round(at * (len(values) - 1) / (number - 1))] for at in range(number)]
