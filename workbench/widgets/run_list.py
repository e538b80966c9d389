"""The list of runs: a line each, as much of it as the width allows."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from engine.runs.summary import RunSummary
from engine.words import fraction, short_number
from workbench.screen_text import cut
from workbench.widgets.spark import spark_of
from workbench.widgets.state_line import mark_of

CURVE_COLOURS = ("$primary", "$warning", "$success", "$error", "$secondary", "$foreground")
"""The colours of a chart's curves, in their order (widgets/chart.py): a marked run has its curve's."""


_FIXED = 2 + 13 + 9 + 7 + 6 + 6 + 4 + 4  # every column but name, preset and spark line


@dataclass(frozen=True, slots=True)
class _Columns:
    """How many characters each column has; 0 for one that is left out."""

    name: int
    preset: int
    tags: int
    spark: int


class _Options(OptionList):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open", tooltip="Watch the run, or replay it", id="runs.open"),
    ]


class RunList(Vertical):
    """A heading and the runs; Enter opens one, Space marks it for comparison."""

    DEFAULT_CSS = """
    RunList {
        height: auto;
        #run-heading { height: 1; padding: 0 1; color: $quiet; text-wrap: nowrap; }
        OptionList, OptionList:focus {
            height: auto; max-height: 100%; border: none; padding: 0; background: $background;
            background-tint: $foreground 0%;
        }
        OptionList > .option-list--option { padding: 0 1; text-wrap: nowrap; }
        OptionList > .option-list--option-highlighted,
        OptionList:focus > .option-list--option-highlighted { background: $primary 24%; color: $foreground; }
        #no-runs { padding: 1 2; height: auto; display: none; }
        &.-empty #no-runs { display: block; }
        &.-empty OptionList, &.-empty #run-heading { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark", tooltip="Compare the marked runs: curves overlaid, presets differenced",
                id="runs.mark"),
    ]  # fmt: skip

    class Opened(Message):
        """A run is to be opened."""

        def __init__(self, path: Path) -> None:
            super().__init__()
            self.path = path

    class Changed(Message):
        """Another run is highlighted, or other runs are marked."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._all: Sequence[RunSummary] = ()
        self._runs: dict[str, RunSummary] = {}
        self._words: tuple[str, ...] = ()
        self._marked: list[str] = []
        self._now = 0.0
        self._told: str | None = None

    def compose(self) -> ComposeResult:
        """Heading, list, and what is said where there is no run."""
        yield Static(id="run-heading")
        yield _Options()
        yield Static(
            Content.assemble(
                ("No runs yet.\n\n", "bold"),
                ("Open a preset (1) and train it (5). Runs of this folder, and all that were started here before, "
                 "are listed with their state.", "$quiet"),
            ),
            id="no-runs",
        )  # fmt: skip

    @property
    def highlighted(self) -> RunSummary | None:
        """The run under the cursor."""
        return self._runs.get(self._key or "")

    @property
    def _key(self) -> str | None:
        """The key of the run under the cursor, from the list itself: its messages come later than the next key."""
        index = self.query_one(OptionList).highlighted
        keys = list(self._runs)
        return keys[index] if index is not None and index < len(keys) else None

    @property
    def marked(self) -> list[RunSummary]:
        """The marked runs, in the order in which they were marked."""
        return [self._runs[key] for key in self._marked if key in self._runs]

    @property
    def chosen(self) -> list[RunSummary]:
        """What is looked at: the marked runs, or else the one under the cursor."""
        return self.marked or ([self.highlighted] if self.highlighted else [])

    def show(self, runs: Sequence[RunSummary], now: float) -> None:
        """Show these runs, keeping the cursor and the marks. `now` (Unix seconds) makes ages of dates."""
        self._now = now
        self._all = runs
        self._sift()

    @property
    def words(self) -> str:
        """What the runs shown have in their name, preset, state, tags or note."""
        return " ".join(self._words)

    @words.setter
    def words(self, words: str) -> None:
        self._words = tuple(words.lower().split())
        self._sift()

    def select(self, path: Path) -> None:
        """Put the cursor on a run, if it is shown."""
        keys = list(self._runs)
        if str(path) in keys:
            self.query_one(OptionList).highlighted = keys.index(str(path))

    def _sift(self) -> None:
        before, wanted = list(self._runs), self._key
        self._runs = {str(run.path): run for run in self._all if _has(run, self._words)}
        self._marked = [key for key in self._marked if key in self._runs]
        self.set_class(not self._all, "-empty")
        if before == list(self._runs):
            self._rewrite()
        else:
            self._rebuild(wanted)

    def on_mount(self) -> None:
        """The keys go to the list."""
        self.query_one(OptionList).focus()

    def on_resize(self) -> None:
        """Columns depend on the width."""
        self._rewrite()

    def _columns(self) -> _Columns:
        width = (self.size.width or 80) - 2 - _FIXED
        spark = min(max(8, width // 4), 30)
        rest = width - spark
        preset = min(30, rest // 3) if rest >= 36 else 0
        longest = max((len(_tags(run)) for run in self._runs.values()), default=0)
        tags = min(longest + 1, (rest - preset) // 2) if longest and rest >= 24 else 0
        return _Columns(max(10, rest - preset - tags), preset, tags, spark)

    def _rebuild(self, wanted: str | None) -> None:
        options = self.query_one(OptionList)
        columns = self._columns()
        options.clear_options()
        options.add_options([Option(self._line(key, columns), id=_id(key)) for key in self._runs])
        if self._runs:
            keys = list(self._runs)
            options.highlighted = keys.index(wanted) if wanted is not None and wanted in self._runs else 0
        self._heading(columns)

    def _rewrite(self) -> None:
        options = self.query_one(OptionList)
        columns = self._columns()
        if options.option_count != len(self._runs):
            return
        for index, key in enumerate(self._runs):
            options.replace_option_prompt_at_index(index, self._line(key, columns))
        self._heading(columns)

    def _heading(self, columns: _Columns) -> None:
        preset = f"{'preset':<{columns.preset}}" if columns.preset else ""
        tags = f"{'tags':<{columns.tags}}" if columns.tags else ""
        text = (
            f"  {'state':<13}{'run':<{columns.name}}{preset}{tags}{'step':>9}{'loss':>7}{'acc':>6}{'eval':>6}"
            f"  {'course':<{columns.spark}}  {'age':>4}"
        )
        self.query_one("#run-heading", Static).update(Content(text))

    def _line(self, key: str, columns: _Columns) -> Content:
        run = self._runs[key]
        sign, colour = mark_of(run.state.value)
        place = self._marked.index(key) if key in self._marked else None
        mark = ("◆ ", CURVE_COLOURS[place % len(CURVE_COLOURS)]) if place is not None else ("  ", "")
        steps = f"{_count(run.step or 0)}/{_count(run.total_steps)}" if run.total_steps else "–"
        return Content.assemble(
            mark,
            (f"{sign} {run.state.value:<11}", colour),
            (cut(run.name, columns.name), "$quiet" if run.archived else "bold"),
            (cut(run.preset, columns.preset), "$quiet"),
            (cut(_tags(run), columns.tags), "$secondary"),
            f"{steps:>9}",
            f"{short_number(run.loss):>7}",
            f"{fraction(run.accuracy):>6}",
            (f"{fraction(run.eval_accuracy):>6}", "bold"),
            (f"  {spark_of(_fitted(run.series, columns.spark)):<{columns.spark}}", "$primary 80%"),
            (f"  {age(self._now - run.created):>4}", "$quiet"),
        )

    def action_mark(self) -> None:
        """Mark the run under the cursor for comparison, or take its mark away."""
        key = self._key
        if key is None:
            return
        if key in self._marked:
            self._marked.remove(key)
        else:
            self._marked.append(key)
        self._rewrite()
        self.post_message(self.Changed())

    def unmark(self) -> None:
        """Take all marks away."""
        if self._marked:
            self._marked.clear()
            self._rewrite()
            self.post_message(self.Changed())

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Another run under the cursor."""
        event.stop()
        if self._key != self._told:
            self._told = self._key
            self.post_message(self.Changed())

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open the run."""
        event.stop()
        if self.highlighted is not None:
            self.post_message(self.Opened(self.highlighted.path))


def age(seconds: float) -> str:
    """How long ago, in its largest unit: 12s, 5m, 3h, 2d, 8w."""
    for unit, size in (("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size or (unit == "m" and seconds >= size):
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"


def _has(run: RunSummary, words: Sequence[str]) -> bool:
    said = " ".join((run.name, run.preset, run.state.value, run.note, *(f"#{tag}" for tag in run.tags))).lower()
    return all(word in said for word in words)


def _tags(run: RunSummary) -> str:
    return " ".join(f"#{tag}" for tag in run.tags)


def _count(steps: int) -> str:
    """A number of steps in at most four characters, so that two of them fit their column."""
    return str(steps) if steps < 10_000 else f"{steps // 1000}k"


def _id(key: str) -> str:
    return "run-" + key.encode().hex()


def _fitted(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width:
        return list(values)
    edges = [len(values) * i // width for i in range(width + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
