"""The length limit, and what becomes of a sample that exceeds it."""

from dataclasses import dataclass

from engine.error import EngineError
from engine.sample import SampleId


class LengthError(EngineError):
    """A sample is longer than `sequence_len`, and the preset says `excess_length_strategy: raise`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`sequence_len` in tokens (None: no limit), and the preset's `excess_length_strategy`."""

    sequence_len: int | None
    strategy: str

    def exceeded_by(self, length: int) -> int:
        """How many tokens too long a sequence of `length` tokens is; 0 where it fits."""
        return 0 if self.sequence_len is None else max(length - self.sequence_len, 0)

    def refuse_to_go_on(self, where: SampleId, length: int) -> None:
        """Raise LengthError if that is the strategy."""
        if self.strategy == "raise":
            raise LengthError(
                f"A sample has {length} tokens; `sequence_len` is {self.sequence_len}.",
                f"data set {where.dataset}, row {where.row}",
                "Raise `sequence_len`, or choose another `excess_length_strategy`.",
            )
