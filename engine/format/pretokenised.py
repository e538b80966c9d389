"""Pairs that a data set brings already tokenised: the ids are taken as they are."""

from collections.abc import Mapping
from typing import Any

from engine.finding import Finding
from engine.format.fields import items, margin, wrong_type
from engine.format.format import Format, RowRefused
from engine.preset.schema import DatasetConfig
from engine.sample import Pair, Sample, TokenIds

COLUMNS = (("chosen_ids", "rejected_ids"), ("chosen_input_ids", "rejected_input_ids"))
"""The columns of token ids, in TRL's present and former names."""


def token_pairs(config: DatasetConfig, reason: str, columns: tuple[str, str]) -> Format:
    """Both sides as lists of token ids."""
    margin_field = config.column("margin")

    def read(row: Mapping[str, Any], findings: list[Finding]) -> tuple[Sample, ...]:
        chosen, rejected = (_ids(row, column) for column in columns)
        return (Pair(chosen, rejected, margin(row, margin_field)),)

    return Format("bradley_terry", reason, "pair", (*columns, margin_field), False, read)


def _ids(row: Mapping[str, Any], field: str) -> TokenIds:
    values = items(row, field)
    if not values:
        raise RowRefused("missing-field", f"`{field}` is an empty list")
    for position, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise wrong_type(f"{field}.{position}", "a token id", value)
    return TokenIds(tuple(values))
