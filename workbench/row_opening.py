"""Opening the rows of a preset: which split, which of its rows, and what they are read through."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.inspector.messages import Description, PresetText
from engine.sample import Split
from workbench.row_lister import RowLister
from workbench.row_listing import Listing
from workbench.row_marks import Marks
from workbench.row_reader import RowReader
from workbench.session import RowSet

if TYPE_CHECKING:
    from workbench.app import WorkbenchApp


@dataclass(frozen=True, slots=True)
class OpenedPreset:
    """A preset, and what the inspector says it opens."""

    preset: PresetText
    description: Description


async def open_rows(app: "WorkbenchApp", opened: OpenedPreset, split: Split, row_set: RowSet | None) -> RowLister:
    """The rows of a split: all of them, or those that another screen sent. Raises FetchError.

    Rows that were sent and are not among those that train are looked for among those set aside.
    """
    has_eval = bool(opened.description.eval_rows)
    if split == "eval" and not has_eval:
        app.notify("This preset sets no rows aside for evaluation.", markup=False)
        split = "train"
    lister = await _of_split(app, opened, split, row_set)
    if row_set and not lister.listing.rows and split == "train" and has_eval:
        lister = await _of_split(app, opened, "eval", row_set)
    return lister


async def _of_split(app: "WorkbenchApp", opened: OpenedPreset, split: Split, row_set: RowSet | None) -> RowLister:
    description = opened.description
    total = (description.eval_rows if split == "eval" else description.train_rows) or 0
    marks = Marks(app.state_dir / "marks", description.sources)
    reader = RowReader(app.inspector, opened.preset, split, total, marks)
    if row_set is None:
        listing = Listing(split, range(total))
    else:
        listing = Listing(split, tuple(row_set.positions or await reader.positions(row_set.rows)), row_set)
    return RowLister(reader, listing, description.model_kind)


def nothing_listed(listing: Listing) -> tuple[str, str, str]:
    """What to say where a listing has no rows: what, where, what to do."""
    if listing.row_set is not None:
        return f"None of these rows is in the {listing.split} split.", listing.row_set.why, "Press esc to see all rows."
    return f"There are no {listing.split} rows.", "", "Press 2 and look at `datasets` and `val_set_size`."
