"""What a training puts through the model."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """Of a whole training: `tokens` of the rows' sequences, the positions `computed` for them, and those that a trainer
    would compute that pads its batches of as many rows. Of the largest micro-batch: `largest` positions, which carry
    `largest_tokens` of different sequences. Counted from the order that the run has where `exact`, else estimated.
    """

    tokens: int
    computed: int
    padded: int
    largest: int
    largest_tokens: int
    exact: bool = False
