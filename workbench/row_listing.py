"""Which rows of a split are walked, in which order and why: all, those another screen sent, those a filter admits."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.sample import Split
from workbench.row_table import Mask, RowTable
from workbench.screen_text import visible
from workbench.session import RowSet


class Aspect(StrEnum):
    """What a condition looks at."""

    KEPT = "kept"
    DROPPED = "dropped"
    REASON = "reason"
    FINDING = "finding"
    CUT = "cut"
    PART = "part"
    LENGTH = "length"
    MARKED = "marked"


PART_WORDS = {
    "prompt": "the prompt's beginning",
    "answer": "part of the answer",
    "whole answer": "the whole answer",
    "end": "only what follows the answer",
    "steps": "some of the steps",
    "all steps": "every step with a label",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a row. `value` is the reason, the code, the part, or the lengths as `low-high`."""

    aspect: Aspect
    value: str = ""

    def __str__(self) -> str:
        """In words, for the screen."""
        match self.aspect:
            case Aspect.REASON:
                return f"dropped as {self.value}"
            case Aspect.FINDING:
                return self.value
            case Aspect.PART:
                return f"cut: {PART_WORDS.get(self.value, self.value)}"
            case Aspect.LENGTH:
                return f"{self.value} tokens"
        return self.aspect.value

    def mask(self, table: RowTable, marked: Collection[int]) -> Mask:
        """Which rows of a table meet it; `marked` are the positions of those that a person marked."""
        match self.aspect:
            case Aspect.KEPT:
                return table.kept
            case Aspect.DROPPED:
                return ~table.kept
            case Aspect.REASON:
                return table.with_reason(self.value)
            case Aspect.FINDING:
                return table.with_finding(self.value) | table.with_reason(self.value)
            case Aspect.CUT:
                return table.column("cut") > 0
            case Aspect.PART:
                return table.with_part_cut(self.value)
            case Aspect.MARKED:
                return table.at(marked)
        low, high = length_range(self.value) or (0, 0)
        longest = table.longest
        return (longest >= low) & (longest <= high)


RowFilter = tuple[Condition, ...]
"""Conditions that a row must all meet."""

LONGEST = 1 << 40


def length_range(text: str) -> tuple[int, int] | None:
    """`100-200`, `100-`, `-200`, `>100`, `<200` or `150` as the least and the greatest length; None: it is no range."""
    compact = re.sub(r"[\s,_]", "", text).replace("–", "-")
    if match := re.fullmatch(r"([<>])(=?)(\d+)", compact):
        number, strict = int(match[3]), not match[2]
        return (number + strict, LONGEST) if match[1] == ">" else (0, number - strict)
    if match := re.fullmatch(r"(\d*)(-?)(\d*)", compact):
        if not match[2]:
            return (int(match[1]), int(match[1])) if match[1] else None
        if match[1] or match[3]:
            return int(match[1] or 0), int(match[3]) if match[3] else LONGEST
    return None


class Order(StrEnum):
    """In which order rows are walked. The last ones are by what a run's model made of the row when it last saw it."""

    SOURCE = "source order"
    LONGEST = "longest first"
    SHORTEST = "shortest first"
    DIFFERENCE = "chosen longer than rejected first"
    REVERSED_DIFFERENCE = "rejected longer than chosen first"
    CUT = "most tokens cut first"
    LOSS = "highest loss first"
    MARGIN = "lowest margin first"
    FORGOTTEN = "most often forgotten first"

    @property
    def of_a_run(self) -> bool:
        """Whether it takes a run to order rows by it."""
        return self in (Order.LOSS, Order.MARGIN, Order.FORGOTTEN)


@dataclass(frozen=True, slots=True)
class Listing:
    """The rows that are walked. `rows` are positions in the split; `run` is the name of the run that orders them.

    `note` says how far reading them has come.
    """

    split: Split = "train"
    rows: Sequence[int] = range(0)
    row_set: RowSet | None = None
    filter: RowFilter = ()
    order: Order = Order.SOURCE
    run: str = ""
    note: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether they are filtered, or not in source order."""
        return bool(self.filter) or self.order is not Order.SOURCE

    @property
    def why(self) -> str:
        """Why these rows, in words; empty where they are all of the split's, in its order."""
        which = [visible(self.row_set.why)] if self.row_set else []
        which += [visible(str(condition)) for condition in self.filter]
        order = "" if self.order is Order.SOURCE else self.order.value
        if self.order.of_a_run:
            order += f" in run {visible(self.run)}"
        listing = ", ".join(part for part in (" and ".join(which), order) if part)
        return " ".join(part for part in (listing, self.note) if part)

    def at(self, place: int) -> int | None:
        """The position in the split of the row at a place of the list."""
        return self.rows[place] if 0 <= place < len(self.rows) else None

    def place_of(self, row: int) -> int | None:
        """The place in the list of the row at a position of the split."""
        return self.rows.index(row) if row in self.rows else None


def orders_for(model_kind: str) -> list[Order]:
    """The orders that make sense for samples of a kind, without a run."""
    of_pairs = (Order.DIFFERENCE, Order.REVERSED_DIFFERENCE)
    return [order for order in Order if not order.of_a_run and (model_kind == "pair" or order not in of_pairs)]


def listed(
    table: RowTable,
    conditions: RowFilter,
    order: Order,
    marked: Collection[int] = (),
    values: npt.NDArray[np.float64] | None = None,
) -> list[int]:
    """The positions of the known rows that meet all conditions, in an order; equal ones stay in source order.

    `values` is what the rows have of a run, NaN where it never saw them; these come last, as do rows without tokens
    where lengths order.
    """
    mask = table.known.copy()
    for condition in conditions:
        mask &= condition.mask(table, marked)
    rows = np.flatnonzero(mask)
    key = _key(table, order, values)
    found: list[int] = (rows if key is None else rows[np.argsort(key[rows], kind="stable")]).tolist()
    return found


def _key(table: RowTable, order: Order, values: npt.NDArray[np.float64] | None) -> npt.NDArray[Any] | None:
    """What rows are ordered by, the least first and NaN last; None: source order."""
    first, second = table.column("first"), table.column("second")
    longest = np.where(table.longest < 0, np.nan, table.longest)
    difference = np.where((first < 0) | (second < 0), np.nan, first - second)
    match order:
        case Order.LONGEST:
            return -longest
        case Order.SHORTEST:
            return longest
        case Order.DIFFERENCE:
            return -difference
        case Order.REVERSED_DIFFERENCE:
            return difference
        case Order.CUT:
            return -table.column("cut")
        case Order.MARGIN:
            return values
        case Order.LOSS | Order.FORGOTTEN:
            return None if values is None else -values
    return None
