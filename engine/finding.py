"""Findings, and the ledger that accounts for every row."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters: an error leaves the preset unfit to train; a warning deserves a look."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a check says about one row: `code` is one of docs/checks.md, `message` names what and where."""

    code: str
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row does not reach training: `reason` is the ledger's key, `message` says it for this row."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """How many came in, how many are kept, and for each of the others the reason.

    Encoded sets, runs and their events count samples by it, what training consumes: `rows` are more than those of the
    data where a row is a ranked list. A check's report counts rows, and the samples beside them.
    """

    rows: int
    kept: int
    dropped: Mapping[str, int]

    @staticmethod
    def of(kept: int, reasons: Counter[str]) -> "Ledger":
        """The ledger of `kept` samples and of one reason for each of the others, most frequent first."""
        return Ledger(kept + reasons.total(), kept, dict(reasons.most_common()))
