"""The rows of a split, encoded in source order: the one way by which preview, checks and trainer come to them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from engine.encode.encoder import encode_batch
from engine.encode.encoding import EncodedRow
from engine.finding import Refusal
from engine.prepare.error import Cancelled
from engine.prepare.opened import Opened, OpenedSource
from engine.sample import SampleId, Split
from engine.source.row import Row, Source

CHUNK = 1000
"""Rows encoded at a time: enough for the tokenizer's threads, little enough that a cancel is heard at once."""


def encode_rows(
    opened: Opened,
    split: Split,
    start: int = 0,
    stop: int | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[OpenedSource, Row, EncodedRow]]:
    """Encode positions start to stop (exclusive) of a split, in source order: one triple a sample, kept or refused.

    The row comes along as it was read, for whoever looks at it. Raises Cancelled.
    """
    rows = opened.split(split)
    located = rows.locate(start, len(rows) if stop is None else stop)
    while chunk := list(islice(located, CHUNK)):
        if cancelled():
            raise Cancelled
        for source, indexes in _by_source(chunk):
            read = dict(zip(indexes, _read(source.source, indexes), strict=True))
            numbered = [(SampleId(source.dataset, index), row) for index, row in read.items()]
            for encoded in encode_batch(source.encoder, numbered):
                yield source, read[encoded.id.row], _unless_left_out(opened, encoded)


def _unless_left_out(opened: Opened, encoded: EncodedRow) -> EncodedRow:
    if (encoded.id.dataset, encoded.id.row) not in opened.left_out:
        return _without_repeat(opened, encoded)
    refusal = Refusal("left-out", f"named in {opened.loaded.preset.leave_out}: `leave_out` leaves it out")
    return replace(encoded, refusal=refusal, extent=None)


def _without_repeat(opened: Opened, encoded: EncodedRow) -> EncodedRow:
    earlier = opened.repeats.get(SampleId(encoded.id.dataset, encoded.id.row))
    if earlier is None:
        return encoded
    if encoded.refusal:
        return replace(encoded, extent=None)
    message = f"exactly like row {earlier.row} of data set {earlier.dataset}: dataset_exact_deduplication drops it"
    return replace(encoded, refusal=Refusal("duplicate-row", message), extent=None)


def _by_source(chunk: Sequence[tuple[OpenedSource, int]]) -> Iterator[tuple[OpenedSource, list[int]]]:
    """Consecutive rows of one data set, together."""
    run: list[int] = []
    for position, (source, row) in enumerate(chunk):
        run.append(row)
        if position + 1 == len(chunk) or chunk[position + 1][0] is not source:
            yield source, run
            run = []


def _read(source: Source, indexes: list[int]) -> list[Row]:
    """The rows at ascending indexes; those that follow each other are read together."""
    if indexes[-1] - indexes[0] + 1 == len(indexes):
        return source.rows(indexes[0], indexes[-1] + 1)
    return [source[index] for index in indexes]
