"""Errors of preparing a preset's data, and the way out of it that is none."""

from engine.error import EngineError


class PrepareError(EngineError):
    """Nothing is left to train or to evaluate on, or the preset's data cannot be put together."""


class LengthError(EngineError):
    """Samples are longer than `sequence_len`, and the preset says `excess_length_strategy: raise`."""


class Cancelled(Exception):  # noqa: N818 (it is what a person asked for)
    """Raised when the caller's `cancelled` said so."""
