"""What ends a training before its time, said to a person."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.error import EngineError
from engine.sample import SampleId
from engine.words import counted


class TrainingError(EngineError):
    """The training cannot start as the preset asks, or cannot go on."""


def is_cut_off(error: Exception) -> bool:
    """Whether the error reads as if another process of the run could not be reached."""
    return not isinstance(error, EngineError) and bool(re.search(r"(?i)\b(peer|gloo|nccl|connection)", str(error)))


def first_line(error: Exception) -> str:
    """What the error says, without what follows its first line."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


class StopRequestedError(Exception):
    """A stop was asked for before there was a step to finish."""


class EvaluationAbandonedError(Exception):
    """A stop was asked for in the middle of an evaluation."""


class NotFiniteError(TrainingError):
    """The loss or the gradient is NaN or infinite; `rows` are those of the batch it came from.

    `weight` names a weight that is not finite either.
    """

    def __init__(self, what: str, step: int, rows: Sequence[SampleId], weight: str = "") -> None:
        named = ", ".join(f"{row.dataset}:{row.row}" for row in rows[:20])
        more = f" and {len(rows) - 20} more" if len(rows) > 20 else ""
        super().__init__(
            f"The {what} of step {step} is not a finite number" + (f", and neither is {weight}." if weight else "."),
            f"rows (data set:row) {named}{more}",
            _LOOK_AT_WEIGHT if weight else _LOOK_AT_ROWS,
        )
        self.rows = tuple(rows)


_LOOK_AT_ROWS = (
    "Look at these rows; then try a lower learning_rate, a longer warmup, or bf16 in place of fp16."
    " The checkpoints before this step are intact."
)
_LOOK_AT_WEIGHT = (
    "That weight was loaded so from `base_model`, or the steps before were too large: then try a lower learning_rate,"
    " a longer warmup, or `max_grad_norm`. Checkpoints from before it was spoiled are intact."
)


@dataclass(frozen=True, slots=True)
class BatchSize:
    """What a micro-batch consists of: rows, positions in the model, and tokens of its longest sequence."""

    rows: int
    computed: int
    longest: int

    def __str__(self) -> str:
        return f"{counted(self.rows, 'row')} and {self.computed} positions (longest sequence: {self.longest} tokens)"


class BatchTooLargeError(TrainingError):
    """Memory ran out on a micro-batch of that `size`; `fitted` is the largest one before (0: none was)."""

    def __init__(self, size: BatchSize, step: int, fitted: int) -> None:
        fits = fitted or size.computed // 2
        known = "went through before" if fitted else "is half of it"
        smaller = (
            f"Set `micro_batch_tokens: {fits}` ({known}): steps keep their rows, in smaller micro-batches."
            " `halve_micro_batch_on_oom: true` finds what fits by itself; `gradient_checkpointing: true` needs less."
        )
        single = "It is one row: set `gradient_checkpointing: true`, or a shorter `sequence_len`."
        super().__init__(
            f"Out of GPU memory in step {step}, on a micro-batch of {size}.",
            "micro_batch_tokens",
            smaller if size.rows > 1 else single,
        )
        self.size = size
