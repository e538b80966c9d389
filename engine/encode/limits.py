"""The length limit, and what becomes of a sample that exceeds it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """`sequence_len` in tokens (None: no limit), and the preset's `excess_length_strategy`.

    `raise` drops a sample as `drop` does, so that it can be looked at and counted; engine/prepare/sets.py raises.
    """

    sequence_len: int | None
    strategy: str

    def exceeded_by(self, length: int) -> int:
        """How many tokens too long a sequence of `length` tokens is; 0 where it fits."""
        return 0 if self.sequence_len is None else max(length - self.sequence_len, 0)
