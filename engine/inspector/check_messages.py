"""What a check of a whole data set finds, as it crosses to the screen."""

from dataclasses import dataclass, field
from typing import Literal

from engine.cost.counts import TokenCounts
from engine.cost.shape import ModelShape
from engine.sample import Split


@dataclass(frozen=True, slots=True)
class FindingSummary:
    """A finding over a data set: how many rows have it, the first 10,000 of them as (data set, row), and what to do.

    `rows` are those of training, `eval_rows` those set aside.
    """

    code: str
    severity: Literal["error", "warning", "info"]
    count: int
    rows: tuple[tuple[int, int], ...]
    message: str
    advice: str
    eval_rows: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Lengths:
    """Token counts before any cut, as a histogram: `counts[i]` sequences have `edges[i]` to `edges[i + 1] - 1`."""

    edges: tuple[int, ...]
    counts: tuple[int, ...]
    minimum: int
    median: int
    p95: int
    maximum: int
    tokens: int
    limit: int


@dataclass(frozen=True, slots=True)
class KeptAt:
    """What one `sequence_len` would keep for training: samples, those of them that fit it whole, and tokens."""

    sequence_len: int
    samples: int
    whole: int
    tokens: int


@dataclass(frozen=True, slots=True)
class LengthBudget:
    """What each `sequence_len` would keep of the `samples` that it decides about, which have `tokens` in all.

    `limit` is the preset's, and one of those in `at`, which ascend to the length of the longest sample. `strategy` is
    the preset's `excess_length_strategy`.
    """

    strategy: str
    limit: int
    samples: int
    tokens: int
    at: tuple[KeptAt, ...]


@dataclass(frozen=True, slots=True)
class StepPosition:
    """The labels of the steps at positions `first` to `last` (counted from 1) of their rows.

    `right` of the `judged` are at least 0.5; `unjudged` have a null label; `first_errors` are each the first wrong
    step of its row.
    """

    first: int
    last: int
    judged: int
    right: int
    unjudged: int
    first_errors: int


@dataclass(frozen=True, slots=True)
class SampleCounts:
    """How many samples a split's rows give, how many are kept, and how many are dropped for each reason."""

    samples: int
    kept: int
    dropped: dict[str, int]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of a check: the ledger, findings (gravest first), lengths by name, the training set's digest.

    `rows`, `kept` and `dropped` count rows: a row is kept if any of its samples is, and dropped for the reason of its
    first one. `samples` counts what training consumes (a ranked row gives several pairs); it is None where nobody
    counted, each row being one sample.

    `lengths` has longer (of the two sides), chosen and rejected for pairs; sequence, step and steps (a row) for
    stepwise data. `statistics` holds what the checks measured by name (engine.check.statistic says it in words).
    `tokens` and `model` are what engine.cost.estimate tells the cost of a training from (`model` is None where it is
    not on this machine yet). `dropped_rows` has for each split and reason its first 10,000 rows as (data set, row). A
    report that is not `complete` is of the first rows only (`rows` of `planned`), more will follow, and its digest is
    empty.
    """

    rows: int
    kept: int
    dropped: dict[str, int]
    digest: str
    findings: tuple[FindingSummary, ...]
    lengths: dict[str, Lengths]
    statistics: dict[str, float] = field(default_factory=dict)
    eval_rows: int = 0
    eval_kept: int = 0
    eval_dropped: dict[str, int] = field(default_factory=dict)
    samples: SampleCounts | None = None
    eval_samples: SampleCounts | None = None
    budget: LengthBudget | None = None
    positions: tuple[StepPosition, ...] = ()
    tokens: TokenCounts | None = None
    model: ModelShape | None = None
    dropped_rows: dict[Split, dict[str, tuple[tuple[int, int], ...]]] = field(default_factory=dict)
    complete: bool = True
    planned: int = 0
    kind: Literal["check_report"] = "check_report"

    def in_samples(self, split: Split) -> SampleCounts:
        """A split's ledger in samples."""
        if split == "eval":
            return self.eval_samples or SampleCounts(self.eval_rows, self.eval_kept, self.eval_dropped)
        return self.samples or SampleCounts(self.rows, self.kept, self.dropped)
