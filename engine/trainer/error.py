"""What ends a training before its time, said to a person."""

from collections.abc import Sequence

from engine.error import EngineError
from engine.sample import SampleId


class TrainingError(EngineError):
    """The training cannot start as the preset asks, or cannot go on."""


class StopRequestedError(Exception):
    """A stop was asked for before there was a step to finish."""


class NotFiniteError(TrainingError):
    """The loss or the gradient is NaN or infinite; `rows` are those of the batch it came from."""

    def __init__(self, what: str, step: int, rows: Sequence[SampleId]) -> None:
        named = ", ".join(f"{row.dataset}:{row.row}" for row in rows[:20])
        more = f" and {len(rows) - 20} more" if len(rows) > 20 else ""
        super().__init__(
            f"The {what} of step {step} is not a finite number.",
            f"rows (data set:row) {named}{more}",
            "Look at these rows; then try a lower learning_rate, a longer warmup, or bf16 in place of fp16."
            " The checkpoints before this step are intact.",
        )
        self.rows = tuple(rows)
