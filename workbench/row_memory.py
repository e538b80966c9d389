"""How rows were listed when a preset was last looked at, kept in the app's state."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.row_lister import RowLister
from workbench.row_listing import Aspect, Condition, Order, RowFilter
from workbench.row_values import RunOfRows
from workbench.state import KEPT_SELECTIONS, State


@dataclass(frozen=True, slots=True)
class KeptListing:
    """A filter, an order, and the run that orders by it."""

    filter: RowFilter
    order: Order
    run: RunOfRows | None


def remember_listing(state: State, preset_path: str, lister: RowLister) -> None:
    """Keep how the rows of a preset are listed."""
    listing, run = lister.listing, lister.run
    kept = _kept(state)
    kept.pop(preset_path, None)
    kept[preset_path] = {
        "split": listing.split,
        "filter": [[condition.aspect.value, condition.value] for condition in listing.filter],
        "order": listing.order.value,
        "run": str(run) if run else None,
    }
    for oldest in list(kept)[:-KEPT_SELECTIONS]:
        del kept[oldest]


def forget_listing(state: State, preset_path: str) -> None:
    """All rows of the preset are walked again."""
    _kept(state).pop(preset_path, None)


def recall_listing(state: State, preset_path: str, split: str) -> KeptListing | None:
    """How rows of the split were listed; None where all were walked, or the run that ordered them is gone."""
    kept = _kept(state).get(preset_path)
    with suppress(KeyError, TypeError, ValueError, AttributeError):
        if kept is None or kept["split"] != split:
            return None
        conditions = tuple(Condition(Aspect(aspect), str(value)) for aspect, value in kept["filter"])
        order, folder = Order(kept["order"]), Path(kept["run"]) if kept["run"] else None
        if not order.of_a_run:
            return KeptListing(conditions, order, None)
        if folder is not None and folder.is_dir():
            return KeptListing(conditions, order, RunOfRows(folder, folder.name, 0.0, preset_path, None))
    return None


def _kept(state: State) -> dict[str, Any]:
    kept = state.of("inspect").setdefault("listings", {})
    if not isinstance(kept, dict):
        kept = state.of("inspect")["listings"] = {}
    return kept
