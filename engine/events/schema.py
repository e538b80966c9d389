"""The kinds of event. Every line has `v` (schema version), `seq` (from 0, without gaps), `time` (Unix seconds)."""

from dataclasses import dataclass, field
from typing import Any, Literal

VERSION = 1

Phase = Literal["queued", "starting", "loading", "encoding", "training", "evaluating", "saving", "stopping"]
EndStatus = Literal["finished", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Start:
    """The run has begun: what it trains, on what, and how long it means to.

    `ledger` is that of the training rows, `eval_ledger` that of the held-out ones, where there are any.
    """

    run: str
    model_kind: Literal["pair", "steps"]
    device: str
    total_steps: int
    digest: str
    ledger: dict[str, Any]
    parameters: int
    trained_parameters: int
    versions: dict[str, str] = field(default_factory=dict)
    resumed_from: str | None = None
    eval_ledger: dict[str, Any] | None = None
    kind: Literal["start"] = "start"


@dataclass(frozen=True, slots=True)
class PhaseEvent:
    """What the run is doing now; `done` of `total` where that is known."""

    phase: Phase
    message: str = ""
    done: int | None = None
    total: int | None = None
    kind: Literal["phase"] = "phase"


@dataclass(frozen=True, slots=True)
class Metric:
    """Training metrics of one optimizer step (names in docs/training.md).

    NaN and infinities travel as null, with the metric's name in `not_finite`.
    """

    step: int
    values: dict[str, float | None]
    not_finite: tuple[str, ...] = ()
    kind: Literal["metric"] = "metric"


@dataclass(frozen=True, slots=True)
class Eval:
    """Evaluation metrics after optimizer step `step`; names begin with `eval_`."""

    step: int
    values: dict[str, float | None]
    not_finite: tuple[str, ...] = ()
    kind: Literal["eval"] = "eval"


@dataclass(frozen=True, slots=True)
class Histogram:
    """How the rewards of chosen and rejected sides are spread (for steps: P(right) of right and of wrong ones).

    Bin i reaches from `low + i * width` (inclusive) to `low + (i + 1) * width`; `low` is a multiple of `width`, and
    that is 1, 2 or 5 times a power of ten. `counts` has the values in each bin by side: `chosen` and `rejected`, or
    `right` and `wrong`, all of one length. Train histograms are of all rows since the one before, about a hundred a
    run; eval ones of one evaluation, after optimizer step `step`.
    """

    step: int
    split: Literal["train", "eval"]
    low: float
    width: float
    counts: dict[str, tuple[int, ...]]
    kind: Literal["histogram"] = "histogram"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint is complete on disk; `path` is relative to the run's folder."""

    step: int
    path: str
    kind: Literal["checkpoint"] = "checkpoint"


@dataclass(frozen=True, slots=True)
class FindingEvent:
    """Something the run found out about its data or its own course."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    rows: tuple[tuple[int, int], ...] = ()
    kind: Literal["finding"] = "finding"


@dataclass(frozen=True, slots=True)
class End:
    """The run is over and said so itself. A run that died without this line is `crashed`: a reader's conclusion."""

    status: EndStatus
    message: str = ""
    advice: str = ""
    kind: Literal["end"] = "end"


Event = Start | PhaseEvent | Metric | Eval | Histogram | Checkpoint | FindingEvent | End


@dataclass(frozen=True, slots=True)
class Record:
    """One line of `events.jsonl`: the event, with its place in the run and its time."""

    seq: int
    time: float
    event: Event
