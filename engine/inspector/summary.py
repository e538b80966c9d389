"""All rows of a split in short: what the screen filters and orders them by, without a token crossing to it.

One pass encodes and checks every row. A whole pass leaves the encoded set on disk and the summaries beside it, and so
does a check: asked for again, they come from there.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

from engine.check.row import further_findings
from engine.encode.encoding import MASKED, EncodedRow, Encoding, PairEncoding, StepsEncoding
from engine.encode.kept import Gathering
from engine.encode.store import remember
from engine.finding import Finding
from engine.inspector import summary_store
from engine.inspector.row_messages import NO_TOKENS, CutPart, RowSummaries
from engine.prepare.error import Cancelled
from engine.prepare.opened import Opened, OpenedSource
from engine.prepare.rows import encode_rows
from engine.prepare.sets import set_key
from engine.sample import Sample, Split, Steps
from engine.source.row import Row

CHUNK = 1000
"""Rows to a message, but for the first."""
FIRST_CHUNK = 100
"""Rows of the first message, so that something is there to be seen at once."""

Name = TypeVar("Name", bound=str)
Encoded = tuple[OpenedSource, Row, EncodedRow]


@dataclass(frozen=True, slots=True)
class Seen:
    """A sample as a pass sees it: `sample` is None where none could be made, `further` are the findings of its text."""

    source: OpenedSource
    encoded: EncodedRow
    sample: Sample | None
    further: tuple[Finding, ...]


def summarise(
    opened: Opened,
    split: Split,
    rows: tuple[int, int | None],
    send: Callable[[RowSummaries], None],
    cancelled: Callable[[], bool],
) -> str | None:
    """Send the summaries of `rows`, start to stop (None: to the end); return the set's digest, None for some rows.

    Raises Cancelled.
    """
    start, stop = rows
    total = len(opened.split(split))
    end = total if stop is None else min(stop, total)
    whole = start == 0 and end == total
    key = set_key(opened, split)
    known = summary_store.recall(key) if key and stop is None else None
    if known is not None:
        for chunk in known.chunks():
            if cancelled():
                raise Cancelled
            if chunk.start + len(chunk.row) > start:
                send(chunk)
        return known.digest
    gathering = Gathering()
    kept: list[RowSummaries] = []
    encode = partial(encode_rows, opened, split, cancelled=cancelled)
    for chunk in _made(encode, start, end, total, gathering if whole else None):
        send(chunk)
        if whole and key:
            kept.append(chunk)
    if not whole:
        return None
    made = gathering.done()
    if key:
        remember(key, made)
        summary_store.remember(key, kept, made.digest)
    return made.digest


def _made(
    encode: Callable[[int, int], Iterator[Encoded]], start: int, end: int, total: int, gathering: Gathering | None
) -> Iterator[RowSummaries]:
    """The summaries, each sample being put into `gathering` on its way."""
    first = min(start + FIRST_CHUNK, end)
    for at, until in ((start, first), (first, end)):
        summaries = Summaries(total, at)
        for source, row, encoded in encode(at, until):
            if gathering is not None:
                gathering.add(encoded)
            sample = source.encoder.sample(row, encoded.id.item)
            further = further_findings(source.encoder, row, sample, encoded)
            yield from summaries.add(Seen(source, encoded, sample, further))
        yield from summaries.rest()


class Summaries:
    """Rows in short, from samples that come by in source order; `at` is the position of the first row."""

    def __init__(self, total: int, at: int = 0) -> None:
        self._total = total
        self._at = at
        self._columns = _Columns()
        self._row: list[Seen] = []

    def add(self, seen: Seen) -> Iterator[RowSummaries]:
        """Take one sample in; a chunk of rows that is full by it."""
        if self._row and seen.encoded.id.item == 0:
            self._columns.add(self._row)
            self._row = []
            if len(self._columns) == CHUNK:
                yield self._chunk()
        self._row.append(seen)

    def rest(self) -> Iterator[RowSummaries]:
        """The rows that no chunk has had, once all samples are in."""
        if self._row:
            self._columns.add(self._row)
            self._row = []
            yield self._chunk()

    def _chunk(self) -> RowSummaries:
        chunk = self._columns.message(self._at, self._total)
        self._at += len(self._columns)
        self._columns = _Columns()
        return chunk


class _Columns:
    """The columns of a message, see `RowSummaries`."""

    def __init__(self) -> None:
        self.numbers: dict[str, list[int]] = {
            name: [] for name in ("dataset", "row", "first", "second", "shared", "cut")
        }
        self.kept: list[bool] = []
        self.margin: list[float | None] = []
        self.labels: list[str] = []
        self.reasons: dict[str, list[int]] = {}
        self.findings: dict[str, list[int]] = {}
        self.severities: dict[str, Literal["error", "warning", "info"]] = {}
        self.parts: dict[CutPart, list[int]] = {}

    def __len__(self) -> int:
        return len(self.kept)

    def add(self, samples: list[Seen]) -> None:
        """Take in one row: all its samples."""
        here = len(self)
        found: dict[str, Finding] = {}
        parts: set[CutPart] = set()
        reasons: set[str] = set()
        labels, cut = "", 0
        for number, seen in enumerate(samples):
            source, encoded, sample = seen.source, seen.encoded, seen.sample
            found |= {finding.code: finding for finding in (*encoded.findings, *seen.further)}
            if encoded.refusal:
                reasons.add(encoded.refusal.reason)
            cut += _tokens_cut(encoded.encoding)
            if part := cut_part(source.encoder.limits.strategy, encoded):
                parts.add(part)
            if number == 0:
                labels = step_marks(source.encoder.steps.judged(sample.labels)) if isinstance(sample, Steps) else ""
        first = samples[0].encoded
        self.labels.append(labels)
        self.kept.append(any(seen.encoded.kept for seen in samples))
        self.margin.append(getattr(first.encoding, "margin", None))
        lengths = lengths_of(first.encoding)
        values = (first.id.dataset, first.id.row, *lengths, getattr(first.encoding, "shared_prefix", 0), cut)
        for column, value in zip(self.numbers.values(), values, strict=True):
            column.append(value)
        for reason in reasons:
            self.reasons.setdefault(reason, []).append(here)
        for code, finding in found.items():
            self.findings.setdefault(code, []).append(here)
            self.severities[code] = finding.severity.value
        for part in parts:
            self.parts.setdefault(part, []).append(here)

    def message(self, start: int, total: int) -> RowSummaries:
        """All of it, as it crosses to the screen."""
        return RowSummaries(
            start=start,
            total=total,
            kept=tuple(self.kept),
            margin=tuple(self.margin),
            labels=tuple(self.labels),
            reasons=_tuples(self.reasons),
            findings=_tuples(self.findings),
            severities=dict(self.severities),
            parts=_tuples(self.parts),
            dataset=tuple(self.numbers["dataset"]),
            row=tuple(self.numbers["row"]),
            first=tuple(self.numbers["first"]),
            second=tuple(self.numbers["second"]),
            shared=tuple(self.numbers["shared"]),
            cut=tuple(self.numbers["cut"]),
        )


def lengths_of(encoding: Encoding | None) -> tuple[int, int]:
    """Tokens of chosen and rejected, or of the steps' sequence and NO_TOKENS, before any cut."""
    if isinstance(encoding, PairEncoding):
        return len(encoding.chosen_ids) + encoding.chosen_cut, len(encoding.rejected_ids) + encoding.rejected_cut
    if isinstance(encoding, StepsEncoding):
        return len(encoding.input_ids) + encoding.cut, NO_TOKENS
    return NO_TOKENS, NO_TOKENS


def step_marks(labels: Iterable[int | float]) -> str:
    """A character a step: right, wrong, in between, not judged."""
    return "".join("·" if label == MASKED else "✓" if label == 1 else "✗" if label == 0 else "~" for label in labels)


def cut_part(strategy: str, encoded: EncodedRow) -> CutPart | None:
    """What the length limit took from a sample; None where it took nothing."""
    encoding, reason = encoded.encoding, encoded.refusal.reason if encoded.refusal else None
    if not _tokens_cut(encoding):
        return None
    codes = {finding.code for finding in encoded.findings}
    if isinstance(encoding, StepsEncoding):
        return "all steps" if reason == "no-labels" and encoding.labels_cut else "steps"
    if strategy == "truncate_prompt":
        return "prompt"
    if reason == "identical-after-truncation":
        return "whole answer"
    return "answer" if "answer-cut" in codes else "end"


def _tokens_cut(encoding: Encoding | None) -> int:
    if isinstance(encoding, PairEncoding):
        return encoding.chosen_cut + encoding.rejected_cut
    return encoding.cut if encoding else 0


def _tuples(columns: dict[Name, list[int]]) -> dict[Name, tuple[int, ...]]:
    return {name: tuple(rows) for name, rows in columns.items()}
