"""What can go wrong with a run's folder or its process."""

from engine.error import EngineError


class RunError(EngineError):
    """A run cannot be created, found, launched, stopped or removed as asked."""
