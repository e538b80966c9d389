"""A few samples of a run, token by token as it trained on them. Opens the run's own preset: tokenizer and data."""

from bisect import bisect_left
from collections.abc import Iterable

from engine.inspector.messages import RowView
from engine.inspector.view import view_rows
from engine.prepare.open import open_preset
from engine.prepare.opened import Opened, SplitRows
from engine.preset.load import load_preset
from engine.runs.folder import RunFolder


def open_run(run: RunFolder) -> Opened:
    """What the run trained on, opened. Raises EngineError where tokenizer or data are no longer there."""
    return open_preset(load_preset(str(run.preset)))


def first_samples(opened: Opened, count: int, among: int = 50) -> list[RowView]:
    """The first samples that reach training, and the first that does not, looked for among the first rows."""
    views = view_rows(opened, "train", 0, among)
    refused = next((view for view in views if not view.kept), None)
    return [view for view in views if view.kept][:count] + ([refused] if refused else [])


def samples_at(opened: Opened, places: Iterable[tuple[int, int, int]]) -> dict[tuple[int, int, int], RowView]:
    """The samples of the training rows given as (data set, row, item); those that are not there are left out."""
    found = {}
    for dataset, row, item in places:
        position = _position(opened.train, dataset, row)
        if position is not None:
            for view in view_rows(opened, "train", position, position + 1):
                if view.item == item:
                    found[dataset, row, item] = view
    return found


def _position(rows: SplitRows, dataset: int, row: int) -> int | None:
    begin = 0
    for source in rows.sources:
        if source.dataset == dataset:
            at = bisect_left(rows.rows, begin + row)
            return at if at < len(rows.rows) and rows.rows[at] == begin + row else None
        begin += len(source.source)
    return None
