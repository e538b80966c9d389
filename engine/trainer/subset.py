"""Which subset each row belongs to, where a data set has a column that says so (`field_subset`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.error import EngineError
from engine.prepare.opened import OpenedSource
from engine.preset.suggest import did_you_mean
from engine.sample import SampleId
from engine.source.row import RowError
from engine.visible import visible

NONE = "(none)"
"""The subset of a row whose column is empty."""


class SubsetError(EngineError):
    """`field_subset` names a column that no row has."""


def subsets_of(rows: Sequence[SampleId], sources: Sequence[OpenedSource]) -> dict[SampleId, str]:
    """The subset of each of these rows that is from a data set with `field_subset`, safe to show.

    Raises SubsetError where none of a data set's rows has the column.
    """
    named: dict[SampleId, str] = {}
    for opened in sources:
        column = opened.config.field_subset
        mine = sorted(row for row in rows if row.dataset == opened.dataset)
        if not column or not mine:
            continue
        found = [_value(opened, row, column) for row in mine]
        if all(value is _MISSING for value in found):
            columns = ", ".join(f"`{visible(name)}`" for name in opened.source.columns[:20])
            raise SubsetError(
                f"`field_subset: {column}` is no column of {opened.config.path}"
                f"{did_you_mean(column, opened.source.columns)}",
                advice=f"Its columns are {columns}.",
            )
        named |= dict(zip(mine, map(_name, found), strict=True))
    return named


_MISSING: Any = object()


def _value(opened: OpenedSource, row: SampleId, column: str) -> Any:
    record: Mapping[str, Any] | RowError = opened.source[row.row]
    return _MISSING if isinstance(record, RowError) else record.get(column, _MISSING)


def _name(value: Any) -> str:
    if value is None or value is _MISSING:
        return NONE
    return visible(str(value).strip())[:60] or NONE
