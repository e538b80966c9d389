"""Home: the presets there are to open, those last worked on, the runs that are going or were, and this machine."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from engine.words import fraction, short_number
from workbench.screen_text import visible
from workbench.screens.base import WorkbenchScreen

if TYPE_CHECKING:
    from engine.preset.names import NamedPreset
    from engine.runs.summary import RunSummary

RUNS_SHOWN = 12
RECENT_SHOWN = 5
AFTER_PAINT = 0.01
LOOK_AGAIN = 2.0
"""Seconds between looks at the runs while the screen is in view."""
SPARK = 12
"""Columns of a run's curve."""
GUIDE = "demo-pairs"
"""The preset that a newcomer is pointed to."""


STATE_MARKS = {"finished": "✓", "stopped": "■", "failed": "✗", "crashed": "✗"}
GUIDANCE = (
    f"None yet. Enter on {GUIDE} shows what a model is fed; 5 trains it, in a minute or two.\n"
    "Data of your own: n writes a preset for them."
)


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
        else:
            lists = [one for one in self.screen.query(HomeList) if one.focusable]
            if 0 <= (neighbour := lists.index(self) + by) < len(lists):
                self.screen.set_focus(lists[neighbour])


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
        Binding("n", "new", "New from data", tooltip="Choose a data set: a preset is written for it"),
        Binding("o", "open_file", "Open file", tooltip="A preset by its path"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._presets: tuple[NamedPreset, ...] = ()
        self._recent: tuple[NamedPreset, ...] = ()
        self._runs: list[RunSummary] | None = None

    def compose_body(self) -> ComposeResult:
        """The two lists and the machine."""
        with Vertical(id="lists"):
            with Vertical(classes="column", id="last"):
                yield Static("Last worked on", classes="heading")
                yield HomeList(id="recent")
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
        presets, recent = await asyncio.to_thread(_presets, tuple(self.workbench.state.recent))
        if (presets, recent) == (self._presets, self._recent):
            return
        first = not self._presets
        self._presets, self._recent = presets, recent
        width = max((len(preset.name) for preset in (*presets, *recent)), default=0)
        last = self.workbench.state.last_preset
        for listing, listed in (("recent", recent), ("presets", presets)):
            shown = self.query_one(f"#{listing}", HomeList)
            at = shown.highlighted
            shown.set_options(Option(_preset_line(preset, min(width, 28))) for preset in listed)
            paths = [str(preset.path.absolute()) for preset in listed]
            guide = next((at for at, preset in enumerate(listed) if preset.name == GUIDE), 0)
            if listed:
                shown.highlighted = paths.index(last) if last in paths else min(at or guide, len(listed) - 1)
        self.query_one("#last").display = bool(recent)
        if first and any(str(preset.path.absolute()) == last for preset in recent):
            self.query_one("#recent").focus()

    @work(group="machine", exclusive=True, exit_on_error=False)
    async def _show_machine(self) -> None:
        self.query_one("#machine", Static).update(Content(visible(await asyncio.to_thread(_machine))))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open what was chosen, in the app's own turn: keys typed meanwhile wait for the place that opens."""
        presets = {"presets": self._presets, "recent": self._recent}.get(event.option_list.id or "")
        if presets is not None:
            self.app.call_later(self.workbench.open_preset, str(presets[event.option_index].path))
        elif self._runs:
            self.app.call_later(self.workbench.open_run, self._runs[event.option_index].path)

    async def action_open_in(self, mode: str) -> None:
        """Open the highlighted preset on another screen."""
        recent = self.query_one("#recent", HomeList)
        listed, presets = (
            (recent, self._recent) if recent.has_focus else (self.query_one("#presets", HomeList), self._presets)
        )
        if listed.highlighted is not None:
            await self.workbench.open_preset(str(presets[listed.highlighted].path), go=False)
            await self.workbench.action_go(mode)

    @work(group="open", exclusive=True, exit_on_error=False)
    async def action_open_file(self) -> None:
        """Ask for a file, and open it."""
        from workbench.preset_file import PRESET_ENDINGS
        from workbench.screens.pick_path import PickPath

        picker = PickPath("Open a preset", "A YAML file: type its path, or choose.", endings=PRESET_ENDINGS)
        path = await self.app.push_screen_wait(picker)
        if path:
            self.app.call_later(self.workbench.open_preset, str(Path(path).expanduser().absolute()))

    @work(group="open", exclusive=True, exit_on_error=False)
    async def action_new(self) -> None:
        """Ask for data, and write a preset for them."""
        from workbench.new_preset import new_preset

        await new_preset(self.workbench)


# These three bring in the engine's modules, which takes a while: they are called in a thread.


def _presets(recent: Sequence[str]) -> "tuple[tuple[NamedPreset, ...], tuple[NamedPreset, ...]]":
    """The presets that can be named, and those of `recent` (paths) that are none of them."""
    from engine.preset.names import describe_preset, list_presets

    named = list_presets()
    known = {preset.path.absolute() for preset in named}
    others = [path for path in map(Path, recent) if path not in known and path.is_file()][:RECENT_SHOWN]
    return named, tuple(describe_preset(path, _place(path.parent)) for path in others)


def _place(folder: Path) -> str:
    """A folder, short enough for a column."""
    if folder == Path.cwd():
        return "here"
    return f"{folder.name}/"


def _recent_runs() -> "list[RunSummary]":
    from engine.runs.summary import list_runs

    return list_runs()[:RUNS_SHOWN]


def _machine() -> str:
    from workbench.hardware import look_at_hardware

    return str(look_at_hardware())


def _preset_line(preset: "NamedPreset", width: int) -> Content:
    return Content.assemble(
        " ",
        (_short(visible(preset.name), width), "bold"),
        "  ",
        (f"{preset.kind or '?':<5}", "$quiet"),
        "  ",
        (_short(visible(preset.origin), 9), "$quiet"),
        "  ",
        visible(preset.description),
    )


def run_line(run: "RunSummary", width: int) -> Content:
    """A run in one line: whether it goes on, its name, state, curve of the loss, and last numbers."""
    from workbench.widgets.spark import spark_of

    name = _short(visible(run.name), width)
    mark, style = ("●", "$success") if run.live else (STATE_MARKS.get(run.state.value, "·"), "$quiet")
    if run.state.value in {"failed", "crashed"}:
        style = "$text-error"
    accuracy = run.eval_accuracy if run.eval_accuracy is not None else run.accuracy
    numbers = [f"loss {short_number(run.loss)}"] if run.loss is not None else []
    name_of_it = "acc" if run.eval_accuracy is None else "eval"
    numbers += [f"{name_of_it} {fraction(accuracy)}"] if accuracy is not None else []
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


def _short(text: str, width: int) -> str:
    """`text` in a column of this width."""
    return (text if len(text) <= width else text[: width - 1] + "…").ljust(width)


def _thinned(values: Sequence[float], number: int) -> list[float]:
    """At most `number` of the values, evenly over their course, the last among them."""
    if len(values) <= number:
        return list(values)
    return [values[round(at * (len(values) - 1) / (number - 1))] for at in range(number)]
