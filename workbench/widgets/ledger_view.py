"""The ledger: how many rows came in, how many reach training, and where each of the others went."""

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from engine.inspector.check_messages import CheckReport, SampleCounts
from engine.sample import Split
from engine.words import counted, share
from workbench.screen_text import visible

_BAR = 12


@dataclass(frozen=True, slots=True)
class Fate:
    """A line of the ledger that has rows behind it: those of a split that were dropped for a reason."""

    split: Split
    reason: str


class LedgerView(OptionList):
    """Train and eval ledgers with bars. A reason can be chosen, to look at its rows."""

    BINDING_GROUP_TITLE = "Ledger"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Show rows", tooltip="Inspect the rows that are dropped for this reason",
                id="check.dropped"),
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
    ]  # fmt: skip
    DEFAULT_CSS = """
    LedgerView {
        height: auto; border: none; padding: 0; background: transparent; scrollbar-size-vertical: 1;
        text-wrap: nowrap; text-overflow: ellipsis;
        &:focus { border: none; background-tint: transparent; }
        & > .option-list--option-disabled { color: $foreground; }
        & > .option-list--option-highlighted { background: transparent; }
        &:focus > .option-list--option-highlighted { background: $primary 25%; color: $foreground; text-style: none; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._fates: list[Fate | None] = []

    def show(self, report: CheckReport) -> None:
        """Show a report's ledger."""
        train, held_out = report.in_samples("train"), report.in_samples("eval")
        width = len(f"{max(train.samples, held_out.samples):,}")
        chosen = self.fate
        self.clear_options()
        self._fates = []
        self._add("train", train, report.rows, width)
        if report.eval_rows:
            self._add("eval", held_out, report.eval_rows, width)
        elif report.complete:
            self._line(Content.styled(" eval   no rows are set aside for evaluation", "$quiet"), None)
        of_reason = [place for place, fate in enumerate(self._fates) if fate is not None]
        if of_reason:
            self.highlighted = next((place for place in of_reason if self._fates[place] == chosen), of_reason[0])
        self.can_focus = bool(of_reason)

    @property
    def fate(self) -> Fate | None:
        """What the highlighted line is about; None where nothing is dropped."""
        return None if self.highlighted is None else self._fates[self.highlighted]

    def _add(self, split: Split, counts: SampleCounts, rows: int, width: int) -> None:
        of = counts.samples
        # A ranked row gives several samples: these are what training counts.
        what = "rows" if of == rows else f"samples of {counted(rows, 'row')}"
        self._line(Content.assemble((f" {split:<6} ", "bold"), (f"{of:>{width},}", "bold"), f" {what}"), None)
        fate = "reach training" if split == "train" else "kept"
        self._line(_counted("✓", counts.kept, of, fate, width=width, style="$success"), None)
        for reason, count in counts.dropped.items():
            self._line(_counted("✗", count, of, visible(reason), width=width, style="$error"), Fate(split, reason))

    def _line(self, line: Content, fate: Fate | None) -> None:
        self._fates.append(fate)
        self.add_option(Option(line, disabled=fate is None))


def _counted(mark: str, count: int, of: int, what: str, *, width: int, style: str) -> Content:
    part = count / of if of else 0.0
    filled = max(round(part * _BAR), 1) if count else 0
    return Content.assemble(
        (f"      {mark} ", style),
        f"{count:>{width},} ",
        (f"{share(part):>6} ", "$quiet"),
        ("█" * filled, style),
        ("░" * (_BAR - filled), "$quiet"),
        f" {what}",
    )
