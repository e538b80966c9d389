"""The check of a whole preset: one pass over both splits, and the report of it."""

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from engine.check.cache import recall, remember, report_key
from engine.check.dataset import DataSetChecks, RowPlace, SetFinding
from engine.check.lengths import lengths, share
from engine.check.row import further_findings
from engine.encode.digest import Digest
from engine.encode.encoding import MASKED, EncodedRow, PairEncoding, StepsEncoding
from engine.finding import Finding, Ledger, Severity
from engine.finding_codes import CODES, advice, gravest_first
from engine.inspector.messages import CheckReport, FindingSummary
from engine.prepare import CHUNK, Opened, encode_split
from engine.progress import Progress
from engine.sample import Split

SHOWN_ROWS = 100
LEXICAL_PAIRS = 8_000
"""How many pairs, evenly spaced, the search for lexical shortcuts looks at."""


@dataclass(slots=True)
class Occurrences:
    """A code over a data set: how many rows have it, the first of them, and what the first one said."""

    severity: Severity
    said: str
    count: int = 0
    rows: list[RowPlace] = field(default_factory=list)

    def add(self, place: RowPlace) -> None:
        """Count a row."""
        self.count += 1
        if len(self.rows) < SHOWN_ROWS:
            self.rows.append(place)


@dataclass(slots=True)
class Gathered:
    """What one pass over the samples leaves behind."""

    checks: DataSetChecks
    occurrences: dict[str, Occurrences] = field(default_factory=dict)
    counts: dict[str, "array[int]"] = field(default_factory=dict)
    digest: Digest = field(default_factory=Digest)
    ledgers: dict[Split, Ledger] = field(default_factory=dict)

    def add_findings(self, encoded: EncodedRow, of_row: tuple[Finding, ...]) -> None:
        """Count a row's findings, each code once; the reason of its refusal among them where that is a code."""
        place = (encoded.id.dataset, encoded.id.row)
        found = {finding.code: finding for finding in (*encoded.findings, *of_row)}
        refusal = encoded.refusal
        if refusal and refusal.reason in CODES and refusal.reason not in found:
            found[refusal.reason] = Finding(refusal.reason, CODES[refusal.reason].severity, refusal.message)
        for finding in found.values():
            self.occurrences.setdefault(finding.code, Occurrences(finding.severity, finding.message)).add(place)

    def measure(self, encoded: EncodedRow) -> None:
        """Take the token counts of a training sample, before any cut."""
        encoding = encoded.encoding
        if isinstance(encoding, PairEncoding):
            self._count("chosen", len(encoding.chosen_ids) + encoding.chosen_cut)
            self._count("rejected", len(encoding.rejected_ids) + encoding.rejected_cut)
        elif isinstance(encoding, StepsEncoding):
            self._count("sequence", len(encoding.input_ids) + encoding.cut)
            labelled = [place for place, label in enumerate(encoding.labels) if label != MASKED]
            for previous, place in pairwise(labelled):
                self._count("step", place - previous)

    def _count(self, name: str, tokens: int) -> None:
        self.counts.setdefault(name, array("I")).append(tokens)


def check(
    opened: Opened,
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> CheckReport:
    """Check both splits of an opened preset: ledger, findings, lengths, statistics, the training set's digest.

    A report that was made before of the same data, preset and programs is given again. `progress` hears of every
    `CHUNK` samples. Raises Cancelled (engine.prepare).
    """
    key = report_key(opened)
    known = recall(key) if key else None
    if known:
        return known
    made = _check(opened, progress, cancelled)
    if key:
        remember(key, made)
    return made


def _check(opened: Opened, progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> CheckReport:
    pairs = opened.loaded.preset.model_kind == "pair"
    gathered = Gathered(DataSetChecks(pairs, lexical_stride=max(1, len(opened.train) // LEXICAL_PAIRS)))
    for split in ("train", "eval"):
        _gather(gathered, opened, split, progress, cancelled)
    return report(gathered, opened.loaded.preset.sequence_len)


def _gather(
    gathered: Gathered,
    opened: Opened,
    split: Split,
    progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> None:
    """Take one split in."""
    done = kept = 0
    reasons: Counter[str] = Counter()
    total = len(opened.split(split))
    for done, (source, row, encoded) in enumerate(encode_split(opened, split, cancelled), start=1):
        sample = source.encoder.sample(row, encoded.id.item)
        gathered.add_findings(encoded, further_findings(source.encoder, row, sample, encoded))
        margin = source.config.field_margin or "margin"
        margin_is_null = isinstance(row, dict) and margin in row and row[margin] is None
        gathered.checks.add(sample, encoded, split, margin_is_null=margin_is_null)
        if encoded.refusal:
            reasons[encoded.refusal.reason] += 1
        else:
            kept += 1
        if split == "train":
            gathered.measure(encoded)
            if encoded.kept:
                gathered.digest.update(encoded)
        if done % CHUNK == 0:
            progress(Progress(f"checking {split} rows", done, total))
    if total:
        progress(Progress(f"checking {split} rows", done, total))
    gathered.ledgers[split] = Ledger.of(kept, reasons)


def report(gathered: Gathered, limit: int) -> CheckReport:
    """The report of what was gathered; `limit` is the preset's `sequence_len`."""
    train, held_out = gathered.ledgers["train"], gathered.ledgers["eval"]
    statistics = gathered.checks.statistics()
    lost = statistics.get("tokens_lost_share", 0.0)
    rows = train.rows + held_out.rows
    summaries = {code: _summary(code, seen, rows, lost) for code, seen in gathered.occurrences.items()}
    summaries |= {found.code: _set_summary(found) for found in gathered.checks.findings()}
    if not train.kept:
        message = f"none of the {train.rows} training rows can be trained on"
        summaries["nothing-to-train"] = _set_summary(SetFinding("nothing-to-train", message, count=train.rows))
    histograms = {name: lengths(counts, 0 if name == "step" else limit) for name, counts in gathered.counts.items()}
    steps = gathered.checks.labels.steps
    return CheckReport(
        rows=train.rows,
        kept=train.kept,
        dropped=dict(train.dropped),
        digest=gathered.digest.hexdigest(),
        findings=tuple(summaries[code] for code in gravest_first(summaries)),
        lengths=histograms | ({"steps": lengths(steps, 0)} if len(steps) else {}),
        statistics=statistics,
        eval_rows=held_out.rows,
        eval_kept=held_out.kept,
        eval_dropped=dict(held_out.dropped),
    )


def _summary(code: str, seen: Occurrences, rows: int, tokens_lost: float) -> FindingSummary:
    title = CODES[code].title if code in CODES else seen.said
    message = f"{title} ({share(seen.count / max(1, rows))} of rows)"
    if code in ("too-long", "truncated"):
        message += f"; training does not see {share(tokens_lost)} of the tokens"
    if seen.said != title:
        message += f"; first: {seen.said}"
    return FindingSummary(code, seen.severity.value, seen.count, tuple(sorted(seen.rows)), message, advice(code))


def _set_summary(found: SetFinding) -> FindingSummary:
    severity = found.severity or CODES[found.code].severity
    count = len(found.rows) if found.count is None else found.count
    rows = tuple(found.rows[:SHOWN_ROWS])
    return FindingSummary(found.code, severity.value, count, rows, found.message, advice(found.code))
