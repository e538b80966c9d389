"""The check of a whole preset: one pass over both splits, heard of on the way."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from engine.check.cache import recall, remember, report_key
from engine.check.dataset import DataSetChecks
from engine.check.gathered import Gathered
from engine.check.report import report
from engine.check.row import further_findings
from engine.cost.shape import read_shape
from engine.encode.kept import Gathering
from engine.inspector import summary_store
from engine.inspector.check_messages import CheckReport
from engine.inspector.row_messages import RowSummaries
from engine.inspector.summary import Seen, Summaries
from engine.model.locate import model_folder_here
from engine.prepare.opened import Opened
from engine.prepare.rows import CHUNK
from engine.prepare.sets import encode_split, set_key
from engine.progress import Progress
from engine.sample import Split

LEXICAL_PAIRS = 8_000
"""How many pairs, evenly spaced, the search for lexical shortcuts looks at."""
PARTIAL_EVERY = 1.0
"""Seconds between reports of what has been checked so far."""
PARTIAL_COST = 0.05
"""The share of the time that such reports may take."""


def check(
    opened: Opened,
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    partial: Callable[[CheckReport], None] | None = None,
) -> CheckReport:
    """Check both splits of an opened preset: ledger, findings, lengths, statistics, the training set's digest.

    A report that was made before of the same data, preset and programs is given again. `progress` hears of every
    `CHUNK` rows, `partial` now and then of what they have shown so far. Raises Cancelled (engine.prepare.error).
    """
    key = report_key(opened)
    preset = opened.loaded.preset
    here = model_folder_here(str(preset.base_model), opened.loaded.path.parent, preset.revision_of_model)
    model = read_shape(here) if here else None
    known = recall(key) if key else None
    if known:
        return replace(known, model=model)
    pairs = preset.model_kind == "pair"
    gathered = Gathered(DataSetChecks(pairs, lexical_stride=max(1, len(opened.train) // LEXICAL_PAIRS)))
    due = _Due()

    def heard(at: Progress) -> None:
        progress(at)
        if partial is not None and due.now():
            began = time.monotonic()
            partial(report(gathered, opened, complete=False))
            due.put_off(time.monotonic() - began)

    for split in ("train", "eval"):
        _gather(gathered, opened, split, heard, cancelled)
    made = report(gathered, opened)
    if key:
        remember(key, made)
    return replace(made, model=model)


@dataclass(slots=True)
class _Due:
    """Whether a partial report is due: after some seconds, and after long enough for what the last one cost."""

    wait: float = PARTIAL_EVERY
    since: float = field(default_factory=time.monotonic)

    def now(self) -> bool:
        return time.monotonic() - self.since >= self.wait

    def put_off(self, cost: float) -> None:
        self.since = time.monotonic()
        self.wait = max(PARTIAL_EVERY, cost / PARTIAL_COST)


def _gather(
    gathered: Gathered,
    opened: Opened,
    split: Split,
    heard: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> None:
    """Take one split in, and leave its rows in short for the screen that lists them."""
    done, total = 0, len(opened.split(split))
    kept = gathered.kept if split == "train" else Gathering()
    summaries, chunks = Summaries(total), list[RowSummaries]()
    for source, row, encoded in encode_split(opened, split, cancelled, kept):
        sample = source.encoder.sample(row, encoded.id.item)
        further = further_findings(source.encoder, row, sample, encoded)
        chunks += summaries.add(Seen(source, encoded, sample, further))
        gathered.add_findings(encoded, further, split)
        margin = source.config.field_margin or "margin"
        margin_is_null = isinstance(row, dict) and margin in row and row[margin] is None
        gathered.checks.add(sample, encoded, split, margin_is_null=margin_is_null)
        gathered.fates[split].add(encoded)
        if split == "train":
            gathered.measure(encoded)
        # A row may give several samples; the first of them counts for it.
        done += encoded.id.item == 0
        if encoded.id.item == 0 and done % CHUNK == 0:
            heard(Progress(f"checking {split} rows", done, total))
    if total:
        heard(Progress(f"checking {split} rows", done, total))
        if key := set_key(opened, split):
            summary_store.remember(key, [*chunks, *summaries.rest()], kept.digest.hexdigest())
