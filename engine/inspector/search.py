"""Finding rows by their text or by a token, and rows by their place, over a whole split."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.encode.encoding import PairEncoding, StepsEncoding
from engine.encode.kept import KeptRows
from engine.encode.store import recall
from engine.inspector.row_messages import RowsFound
from engine.prepare.error import Cancelled
from engine.prepare.opened import Opened, OpenedSource, SplitRows
from engine.prepare.rows import encode_rows
from engine.prepare.sets import set_key
from engine.sample import Split
from engine.source.row import Row

CHUNK = 1000
"""Rows searched between two words about it."""
TOKEN = re.compile(r"#(\d+)")
"""How a token id is asked for."""

_SPARSE = 4
"""Rows read for one that is wanted, beyond which rows are read one by one."""


def search(
    opened: Opened,
    split: Split,
    wanted: tuple[str, int],
    send: Callable[[RowsFound], None],
    cancelled: Callable[[], bool],
) -> None:
    """Send the rows in which a text is found; `wanted` is it and the row to begin with. Raises Cancelled.

    A text is found in the raw row's values; a token id (`#1234`) among the tokens that training is fed.
    """
    text, start = wanted
    token = TOKEN.fullmatch(text.strip())
    total, searched = len(opened.split(split)), 0
    stretches = ((min(start, total), total), (0, min(start, total)))
    if token and (known := _known_token(opened, split, int(token[1]))) is not None:
        after = np.searchsorted(known, start)
        send(RowsFound(tuple(np.roll(known, -after).tolist()), total, total))
        return
    for begin, end in stretches:
        for at in range(begin, end, CHUNK):
            if cancelled():
                raise Cancelled
            stop = min(at + CHUNK, end)
            found = (
                _rows_with_token(opened, split, int(token[1]), at, stop)
                if token
                else _rows_with_text(opened.split(split), text, at, stop)
            )
            searched += stop - at
            send(RowsFound(tuple(found), searched, total))


def positions(rows: SplitRows, places: Sequence[tuple[int, int]]) -> tuple[int | None, ...]:
    """Where in the split rows stand that are given as (data set, row); None for those it has not got."""
    bounds = dict(zip((source.dataset for source in rows.sources), _bounds(rows), strict=False))
    lengths = {source.dataset: len(source.source) for source in rows.sources}
    wanted = np.array(
        [bounds[dataset] + row if 0 <= row < lengths.get(dataset, 0) else -1 for dataset, row in places], dtype=np.int64
    )
    if isinstance(rows.rows, range):
        return tuple(int(at) if at in rows.rows else None for at in wanted)
    all_rows = np.asarray(rows.rows)
    found = np.searchsorted(all_rows, wanted)
    inside = np.minimum(found, max(len(all_rows) - 1, 0))
    return tuple(
        int(at) if len(all_rows) and all_rows[here] == row else None
        for at, here, row in zip(found, inside, wanted, strict=True)
    )


def _bounds(rows: SplitRows) -> list[int]:
    return [int(bound) for bound in np.cumsum([0, *(len(source.source) for source in rows.sources)])]


def _rows_with_text(rows: SplitRows, text: str, start: int, stop: int) -> Iterator[int]:
    pattern = re.compile(re.escape(text), re.IGNORECASE)
    for position, row in enumerate(_read(rows, start, stop), start=start):
        if isinstance(row, dict) and any(pattern.search(value) for value in _texts(row)):
            yield position


def _texts(value: Any) -> Iterator[str]:
    """Every value within a row, as text."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
        elif one is not None:
            yield str(one)


def _read(rows: SplitRows, start: int, stop: int) -> Iterator[Row]:
    """The raw rows at positions of a split; those that lie near each other are read together."""
    located = rows.locate(start, stop)
    while chunk := list(islice(located, CHUNK)):
        while chunk:
            source = chunk[0][0]
            here = [row for one, row in chunk if one is source]
            yield from _read_source(source, here)
            chunk = chunk[len(here) :]


def _read_source(opened: OpenedSource, indexes: list[int]) -> Iterator[Row]:
    first, last = indexes[0], indexes[-1]
    if last - first < _SPARSE * len(indexes):
        read = opened.source.rows(first, last + 1)
        yield from (read[index - first] for index in indexes)
    else:
        yield from (opened.source[index] for index in indexes)


def _rows_with_token(opened: Opened, split: Split, token: int, start: int, stop: int) -> list[int]:
    places = {
        (encoded.id.dataset, encoded.id.row)
        for _, _, encoded in encode_rows(opened, split, start, stop)
        if encoded.kept and any(token in ids for ids in _ids(encoded.encoding))
    }
    return [at for at in positions(opened.split(split), sorted(places)) if at is not None]


def _ids(encoding: object) -> tuple[list[int], ...]:
    if isinstance(encoding, PairEncoding):
        return encoding.chosen_ids, encoding.rejected_ids
    return (encoding.input_ids,) if isinstance(encoding, StepsEncoding) else ()


def _known_token(opened: Opened, split: Split, token: int) -> npt.NDArray[np.int64] | None:
    """The positions of the rows that have a token, from the encoded set on disk; None where there is none."""
    key = set_key(opened, split)
    known = recall(key) if key else None
    if known is None:
        return None
    samples = _samples_with(known.rows, token)
    places = known.rows.columns()["places"].reshape(-1, 3)[samples, :2]
    found = positions(opened.split(split), [(int(dataset), int(row)) for dataset, row in places])
    return np.unique(np.array([at for at in found if at is not None], dtype=np.int64))


def _samples_with(rows: KeptRows, token: int) -> npt.NDArray[np.int64]:
    columns = rows.columns()
    hits = [
        np.searchsorted(columns[f"{side}_ends"], np.flatnonzero(columns[side] == token), side="right")
        for side in ("first", "second")
    ]
    return np.unique(np.concatenate(hits))
