"""Which rows of a split are walked, in which order and why: all, those another screen sent, those a filter admits."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.sample import Split
from workbench.row_summary import RowSummary
from workbench.screen_text import visible
from workbench.session import RowSet


class Fate(StrEnum):
    """What a filter asks of a row, beside its findings."""

    ANY = "all rows"
    KEPT = "kept"
    DROPPED = "dropped"
    CUT = "cut"


class Order(StrEnum):
    """In which order rows are walked."""

    SOURCE = "source order"
    LONGEST = "longest first"
    SHORTEST = "shortest first"
    DIFFERENCE = "chosen longer than rejected first"
    REVERSED_DIFFERENCE = "rejected longer than chosen first"
    CUT = "most tokens cut first"


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Which rows are walked: by fate, and by finding code (empty: any)."""

    fate: Fate = Fate.ANY
    code: str = ""

    def admits(self, row: RowSummary) -> bool:
        """Whether a row passes."""
        if self.code and self.code not in row.codes and self.code != row.reason:
            return False
        return {
            Fate.ANY: True,
            Fate.KEPT: row.kept,
            Fate.DROPPED: not row.kept,
            Fate.CUT: row.cut > 0,
        }[self.fate]

    def __str__(self) -> str:
        """In words, for the screen."""
        return " ".join(part for part in (self.code, "" if self.fate is Fate.ANY else self.fate.value) if part)


ALL = RowFilter()


@dataclass(frozen=True, slots=True)
class Listing:
    """The rows that are walked. `rows` are positions in the split; `note` says how far a scan for them has come."""

    split: Split = "train"
    rows: Sequence[int] = range(0)
    row_set: RowSet | None = None
    filter: RowFilter = ALL
    order: Order = Order.SOURCE
    note: str = ""

    @property
    def scanned(self) -> bool:
        """Whether the rows had to be read to list them: they are filtered, or not in source order."""
        return self.filter != ALL or self.order is not Order.SOURCE

    @property
    def why(self) -> str:
        """Why these rows, in words; empty where they are all of the split's, in its order."""
        which = (visible(self.row_set.why) if self.row_set else "", str(self.filter))
        order = "" if self.order is Order.SOURCE else self.order.value
        listing = ", ".join(part for part in (" ".join(part for part in which if part), order) if part)
        return " ".join(part for part in (listing, self.note) if part)

    def at(self, place: int) -> int | None:
        """The position in the split of the row at a place of the list."""
        return self.rows[place] if 0 <= place < len(self.rows) else None

    def place_of(self, row: int) -> int | None:
        """The place in the list of the row at a position of the split."""
        return self.rows.index(row) if row in self.rows else None


def seen_codes(summaries: Iterable[RowSummary]) -> Counter[str]:
    """How often each finding, and each reason to refuse a row, was seen."""
    return Counter(code for row in summaries for code in {*row.codes, *([row.reason] if row.reason else [])})


def orders_for(model_kind: str) -> list[Order]:
    """The orders that make sense for samples of a kind."""
    of_pairs = (Order.DIFFERENCE, Order.REVERSED_DIFFERENCE)
    return [order for order in Order if model_kind == "pair" or order not in of_pairs]


def ordered(rows: Iterable[RowSummary], order: Order) -> list[int]:
    """The positions of rows in an order; equal ones stay in source order."""

    def key(row: RowSummary) -> tuple[float, int]:
        longest = max(row.lengths, default=0)
        difference = row.lengths[0] - row.lengths[1] if len(row.lengths) == 2 else 0
        rank = {
            Order.SOURCE: 0,
            Order.LONGEST: -longest,
            Order.SHORTEST: longest,
            Order.DIFFERENCE: -difference,
            Order.REVERSED_DIFFERENCE: difference,
            Order.CUT: -row.cut,
        }[order]
        return rank, row.index

    return [row.index for row in sorted(rows, key=key)]
