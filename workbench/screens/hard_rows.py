"""The rows a run's model fought with: ranked, mapped, one key from Inspect, and to be trained without."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Resize
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from engine.error import EngineError
from engine.runs.hard_rows import RANKINGS, HardRow, Ranking, judged_rows, ranked, write_rows
from engine.runs.row_history import read_row_history
from engine.sample import Split
from engine.words import fraction, short_number
from workbench.run_rows import leave_out, open_preset_of, show_run_rows, with_left_out
from workbench.screen_text import visible
from workbench.screens.base import WorkbenchScreen
from workbench.screens.dialog import AskText, needs_a_name
from workbench.widgets.row_map import RowMap
from workbench.widgets.tab_bar import TabBar

LISTED = 500
"""Rows that the list shows; the ranking, the map and what is written have all of them."""

_TITLES: dict[Ranking, str] = {
    "worst": "worst",
    "mislabelled": "perhaps mislabelled",
    "forgotten": "most forgotten",
    "variable": "most variable",
}
_CHOSEN: frozenset[Ranking] = frozenset(("mislabelled", "forgotten"))
_VISITS = 12


class HardRowList(OptionList):
    """The rows of a ranking, hardest first."""

    BINDING_GROUP_TITLE = "Rows"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Inspect", tooltip="These rows token by token, from the one here on",
                id="hard-rows.inspect"),
    ]  # fmt: skip


class HardRowsScreen(WorkbenchScreen):
    """One run's rows. Escape leads back."""

    MODE = "runs"
    DEFAULT_CSS = """
    HardRowsScreen {
        #which { height: 1; padding: 0 1; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
        #rankings { height: 1; padding: 0 1; text-wrap: nowrap; }
        #why, #row-heading { height: 1; padding: 0 1; color: $quiet; text-wrap: nowrap; text-overflow: ellipsis; }
        HardRowList, HardRowList:focus {
            width: 2fr; border: none; padding: 0; background: $background; background-tint: $foreground 0%;
        }
        HardRowList > .option-list--option { padding: 0 1; text-wrap: nowrap; }
        HardRowList > .option-list--option-highlighted,
        HardRowList:focus > .option-list--option-highlighted { background: $primary 24%; color: $foreground; }
        RowMap { width: 1fr; max-width: 70; display: none; margin-left: 1; }
        &.-beside RowMap { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="hard-rows.back"),
        Binding("b,right", "rank(1)", "Rank by", tooltip="Worst, perhaps mislabelled, most forgotten, most variable",
                id="hard-rows.rank"),
        Binding("left", "rank(-1)", "Rank before", show=False, id="hard-rows.rank-before"),
        Binding("t", "split", "Train/eval", tooltip="The training rows, or the held-out ones", id="hard-rows.split"),
        Binding("space", "mark", "Mark", tooltip="Choose rows to write or to leave out", id="hard-rows.mark"),
        Binding("e", "export", "Export", tooltip="Write the marked rows, or all of this ranking, as JSON lines",
                id="hard-rows.export"),
        Binding("x", "leave_out", "Leave out", tooltip="Train without the marked rows: a file and the key `leave_out`",
                id="hard-rows.leave-out"),
        Binding("r", "read", "Read again", show=False, id="hard-rows.read"),
    ]  # fmt: skip

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._seen: dict[Split, list[HardRow]] = {}
        self._ranked: list[HardRow] = []
        self._counts: dict[Ranking, int] = {}
        self._marked: set[tuple[int, int, int]] = set()
        self._ranking: Ranking = "worst"
        self._split: Split = "train"

    def compose(self) -> ComposeResult:
        """As every screen, in the place that it was opened from."""
        yield TabBar(self.app.current_mode)
        yield from self.compose_body()
        yield Footer(show_command_palette=False, compact=True)

    def compose_body(self) -> ComposeResult:
        """What is looked at, the rankings, the rows with the map beside them."""
        yield Static(id="which")
        yield Static(id="rankings")
        yield Static(id="why")
        yield Static(id="row-heading")
        with Horizontal():
            yield HardRowList()
            yield RowMap()

    def on_mount(self) -> None:
        """Read what the run has told."""
        self.query_one(HardRowList).focus()
        self.query_one("#which", Static).update(Content(f"Reading the rows of {visible(self._folder.name)}…"))
        self.action_read()

    def on_resize(self, event: Resize) -> None:
        """A map where there is room for one."""
        self.set_class(event.size.width >= 118, "-beside")

    @work(group="read", exclusive=True, exit_on_error=False)
    async def action_read(self) -> None:
        """Read the rows, again where the run has gone on."""
        self._seen = await asyncio.to_thread(_read, self._folder)
        if not self._seen["train"] and self._seen["eval"]:
            self._split = "eval"
        await self._rank()

    async def _rank(self) -> None:
        seen = self._seen.get(self._split, [])
        every = await asyncio.to_thread(lambda: {ranking: ranked(seen, ranking) for ranking in RANKINGS})
        self._counts = {ranking: len(rows) for ranking, rows in every.items()}
        self._ranked = every[self._ranking]
        self._list()

    # --- what is shown ---

    def _list(self) -> None:
        self._say_what()
        rows = self.query_one(HardRowList)
        rows.clear_options()
        rows.add_options([Option(self._line(row)) for row in self._ranked[:LISTED]])
        if self._ranked:
            rows.highlighted = 0
        self._map()
        self.refresh_bindings()

    def _say_what(self) -> None:
        seen = self._seen.get(self._split, [])
        visits = max((len(row.record.steps) for row in seen), default=0)
        split = "training" if self._split == "train" else "held-out"
        seldom = "; seen once: what it made of them then is all there is to go by" if visits == 1 else ""
        marked = f" · {len(self._marked):,} marked" if self._marked else ""
        times = f", up to {visits} times" if visits > 1 else ""
        what = f" · {len(seen):,} {split} rows seen{times}{seldom}{marked}"
        if not seen:
            what = f" · it has told nothing of its {split} rows: they come as training goes on"
        which = Content.assemble((visible(self._folder.name), "bold"), (what, "$quiet"))
        self.query_one("#which", Static).update(which)
        parts: list[tuple[str, str]] = []
        for ranking, title in _TITLES.items():
            style = "bold reverse" if ranking == self._ranking else "$quiet"
            count = f" {self._counts.get(ranking, 0):,}" if ranking in _CHOSEN else ""  # the others have every row
            parts += [(f" {title}{count} ", style), (" ", "")]
        self.query_one("#rankings", Static).update(Content.assemble(*parts))
        first = f"; the first {LISTED:,} are listed" if len(self._ranked) > LISTED else ""
        self.query_one("#why", Static).update(Content(RANKINGS[self._ranking] + first))
        steps = any(row.step is not None for row in seen[:1])
        heading = f"  {'row':<12}{'seen':>5}{'margin':>9}{'spread':>8}{'forgot':>8}{'loss':>8}{'P(data)':>9}"
        text = f"{heading}{'step' if steps else '':>6}  visits"
        self.query_one("#row-heading", Static).update(Content(text))

    def _line(self, row: HardRow) -> Content:
        place = f"{row.id.dataset}:{row.id.row}" + (f".{row.id.item}" if row.id.item else "")
        right = row.record.right[-_VISITS:]
        given = fraction(row.confidence)
        return Content.assemble(
            ("◆ " if _key(row) in self._marked else "  ", "bold $warning"),
            (f"{place:<12}", "bold"),
            f"{len(row.record.steps):>5}{short_number(row.mean_margin):>9}{short_number(row.variability):>8}",
            f"{row.forgotten:>8}{short_number(row.mean_loss):>8}",
            (f"{given:>9}", "$error" if row.doubted else ""),
            f"{row.step if row.step is not None else '':>6}  ",
            *(("✓", "$success") if each else ("✗", "$error") for each in right),
        )

    def _map(self) -> None:
        self.query_one(RowMap).show(self._seen.get(self._split, []), self._here)

    @property
    def _here(self) -> HardRow | None:
        index = self.query_one(HardRowList).highlighted
        return self._ranked[index] if index is not None and index < len(self._ranked) else None

    @property
    def _chosen(self) -> Sequence[HardRow]:
        """The marked rows, or else all of the ranking."""
        if not self._marked:
            return self._ranked
        return [row for row in self._seen.get(self._split, []) if _key(row) in self._marked]

    # --- what can be done ---

    def action_back(self) -> None:
        """To where one came from."""
        self.dismiss()

    async def action_rank(self, by: int) -> None:
        """The next ranking, or the one before."""
        names = list(_TITLES)
        self._ranking = names[(names.index(self._ranking) + by) % len(names)]
        await self._rank()

    async def action_split(self) -> None:
        """The other split's rows."""
        self._split = "eval" if self._split == "train" else "train"
        self._marked.clear()
        await self._rank()

    def action_mark(self) -> None:
        """Mark the row here, or take its mark away, and go on to the next."""
        rows, here = self.query_one(HardRowList), self._here
        if here is not None and rows.highlighted is not None:
            self._marked ^= {_key(here)}
            rows.replace_option_prompt_at_index(rows.highlighted, self._line(here))
            self._say_what()
            rows.action_cursor_down()

    def on_option_list_option_highlighted(self) -> None:
        """Show where the row lies on the map."""
        self._map()

    async def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Inspect the rows of the ranking, from the one here on."""
        event.stop()
        rest = self._ranked[event.option_index :]
        why = f"{_TITLES[self._ranking]} rows of {self._folder.name}"
        await show_run_rows(self.workbench, self._folder, (row.id for row in rest), why, self._split)

    @work(group="act", exclusive=True, exit_on_error=False)
    async def action_export(self) -> None:
        """Ask for a file, and write the rows."""
        rows = self._chosen
        name = await self._ask_for_file("Export", f"Write {_counted(len(rows))} as JSON lines to", self._ranking)
        if name is None:
            return
        try:
            count = await asyncio.to_thread(write_rows, rows, Path(name).expanduser())
        except EngineError as error:
            self.workbench.report_exception(error)
            return
        self.notify(f"{_counted(count)} written to {visible(name)}.", markup=False)

    @work(group="act", exclusive=True, exit_on_error=False)
    async def action_leave_out(self) -> None:
        """Ask for a file, write the rows there, and have the run's preset leave them out."""
        if not self._marked and self._ranking not in _CHOSEN:
            self.notify("Mark rows first (space): this ranking has every row.", markup=False)
            return
        rows = self._chosen
        ask = f"Train without {_counted(len(rows))}: name a file. The preset will say `leave_out` with its name."
        name = await self._ask_for_file("Leave out", ask, "left-out")
        if name is None or not await open_preset_of(self.workbench, self._folder):
            return
        session = self.workbench.session
        loaded = session.loaded.preset.leave_out if session.loaded else None
        path = Path(name).expanduser().absolute()
        try:
            count = await asyncio.to_thread(leave_out, rows, _file_of(loaded, session.path), path)
        except (EngineError, OSError) as error:
            self.workbench.report_exception(error)
            return
        self.workbench.edit(with_left_out(session.text, str(path)))
        self.notify(
            f"{_counted(count)} written to {visible(name)}; {visible(session.name)} leaves them out. "
            "Look at it on Preset (2); Train (5) starts a run.",
            markup=False,
        )
        await self.workbench.action_go("preset")

    async def _ask_for_file(self, title: str, text: str, kind: str) -> str | None:
        if not self._chosen:
            self.notify("There are no such rows.", markup=False)
            return None
        name = f"{self._folder.name}-{kind}.jsonl"
        answer = await self.workbench.push_screen_wait(AskText(title, text, name, refuses=needs_a_name))
        return answer.strip() if answer else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what makes sense now is offered."""
        if action in ("export", "leave_out", "mark"):
            return bool(self._ranked)
        return True


def _read(folder: Path) -> dict[Split, list[HardRow]]:
    history = read_row_history(folder)
    splits: tuple[Split, Split] = ("train", "eval")
    return {split: judged_rows(history, split) for split in splits}


def _counted(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows:,} rows"


def _key(row: HardRow) -> tuple[int, int, int]:
    return row.id.dataset, row.id.row, row.id.item


def _file_of(name: str | None, preset: Path | None) -> Path | None:
    """The file of rows that the preset leaves out already."""
    if not name or preset is None:
        return None
    given = Path(name).expanduser()
    return next((place for place in (given, preset.parent / given) if place.is_file()), None)
