"""What one pass over the samples of both splits leaves behind."""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from engine.check.dataset import DataSetChecks
from engine.check.found import LOCATED_ROWS, RowPlace
from engine.encode.encoding import MASKED, EncodedRow, PairEncoding, StepsEncoding
from engine.encode.kept import Gathering
from engine.finding import Finding, Ledger, Severity
from engine.finding_codes import CODES
from engine.sample import Split


@dataclass(slots=True)
class Occurrences:
    """A code over a data set: how many rows have it, the first of them, and what the first one said.

    The samples of a row come one after the other, and count as one.
    """

    severity: Severity
    said: str
    count: int = 0
    rows: dict[Split, list[RowPlace]] = field(default_factory=lambda: {"train": [], "eval": []})
    last: tuple[Split, RowPlace] | None = None

    def add(self, place: RowPlace, split: Split) -> None:
        """Count the row of a sample."""
        if (split, place) == self.last:
            return
        self.last = split, place
        self.count += 1
        if len(self.rows[split]) < LOCATED_ROWS:
            self.rows[split].append(place)


@dataclass(slots=True)
class Fates:
    """What became of the rows and samples of a split: how many are kept, and for each reason how many are not.

    A row is kept if any of its samples is, and dropped for the reason of the first of them. `rows` has for each reason
    the rows with a sample that is dropped for it. The samples of a row come one after the other.
    """

    kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    rows: dict[str, list[RowPlace]] = field(default_factory=dict)
    rows_kept: int = 0
    rows_dropped: Counter[str] = field(default_factory=Counter)
    _row: RowPlace | None = None
    _row_dropped: str | None = None

    def add(self, encoded: EncodedRow) -> None:
        """Take one sample in."""
        place = (encoded.id.dataset, encoded.id.row)
        reason = encoded.refusal.reason if encoded.refusal else None
        self._add_to_row(place, reason)
        if reason is None:
            self.kept += 1
            return
        self.reasons[reason] += 1
        rows = self.rows.setdefault(reason, [])
        if len(rows) < LOCATED_ROWS and place not in rows[-1:]:
            rows.append(place)

    def _add_to_row(self, place: RowPlace, reason: str | None) -> None:
        if place != self._row:
            self._row, self._row_dropped = place, reason
            if reason is None:
                self.rows_kept += 1
            else:
                self.rows_dropped[reason] += 1
        elif reason is None and self._row_dropped is not None:
            self.rows_dropped[self._row_dropped] -= 1
            self.rows_kept += 1
            self._row_dropped = None

    @property
    def of_rows(self) -> Ledger:
        """The ledger of rows so far."""
        return Ledger.of(self.rows_kept, +self.rows_dropped)

    @property
    def of_samples(self) -> Ledger:
        """The ledger of samples so far: what training consumes."""
        return Ledger.of(self.kept, self.reasons)


@dataclass(slots=True)
class Gathered:
    """All that the report is made of."""

    checks: DataSetChecks
    occurrences: dict[str, Occurrences] = field(default_factory=dict)
    counts: dict[str, "array[int]"] = field(default_factory=dict)
    kept: Gathering = field(default_factory=Gathering)
    fates: dict[Split, Fates] = field(default_factory=lambda: {"train": Fates(), "eval": Fates()})

    def add_findings(self, encoded: EncodedRow, of_row: tuple[Finding, ...], split: Split) -> None:
        """Count a row's findings, each code once; the reason of its refusal among them where that is a code."""
        refusal = encoded.refusal
        if not encoded.findings and not of_row and not refusal:
            return
        place = (encoded.id.dataset, encoded.id.row)
        found = {finding.code: finding for finding in (*encoded.findings, *of_row)}
        if refusal and refusal.reason in CODES and refusal.reason not in found:
            found[refusal.reason] = Finding(refusal.reason, CODES[refusal.reason].severity, refusal.message)
        for finding in found.values():
            self.occurrences.setdefault(finding.code, Occurrences(finding.severity, finding.message)).add(place, split)

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
        self.counts.setdefault(name, array("i")).append(tokens)
