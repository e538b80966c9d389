"""Which rows train, which are held out, and which of them no split trains on: those left out, and repeats."""

import hashlib
import json
from collections.abc import Iterable, Sequence

import numpy as np

from engine.prepare.error import PrepareError
from engine.prepare.opened import OpenedSource, SplitRows
from engine.sample import SampleId


def set_aside(rows: int, val_set_size: float, seed: int) -> tuple[Sequence[int], Sequence[int]]:
    """Which rows train and which evaluate: a seeded draw, a fraction below 1 or a count from 1 on.

    A fraction sets one row aside at least, and leaves one at least to train on.
    """
    share = min(max(1, round(rows * val_set_size)), rows - 1)
    count = int(val_set_size) if val_set_size >= 1 else share if val_set_size else 0
    if count <= 0:
        return range(rows), range(0)
    if count >= rows:
        raise PrepareError(
            f"val_set_size sets {count} of {rows} rows aside for evaluation, which leaves none to train on.",
            advice="Make val_set_size smaller.",
        )
    held_out = np.zeros(rows, dtype=bool)
    held_out[np.random.default_rng(seed).permutation(rows)[:count]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)  # type: ignore[return-value]


def refuse_absent(left_out: Iterable[tuple[int, int]], sources: Sequence[OpenedSource], file: str | None) -> None:
    """Raise PrepareError unless all rows exist: a file that was made for other data would leave out the wrong ones."""
    for dataset, row in sorted(left_out):
        if dataset >= len(sources) or row >= len(sources[dataset].source):
            raise PrepareError(
                f"There is no row {row} of data set {dataset} to leave out.",
                str(file),
                "The file was made for other data: make it anew, or take it out of `leave_out`.",
            )


def find_repeats(rows: SplitRows, left_out: frozenset[tuple[int, int]]) -> dict[SampleId, SampleId]:
    """The rows that are exactly alike an earlier one, column for column; those left out are no row's earlier one."""
    first: dict[bytes, SampleId] = {}
    found = {}
    for source, index in rows.locate(0, len(rows)):
        if (source.dataset, index) in left_out:
            continue
        content = json.dumps(source.source[index], sort_keys=True, default=str).encode()
        here = SampleId(source.dataset, index)
        earlier = first.setdefault(hashlib.blake2b(content, digest_size=16).digest(), here)
        if earlier is not here:
            found[here] = earlier
    return found
