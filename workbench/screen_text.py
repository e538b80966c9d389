"""Text from a data set or a file, made safe and honest to show."""

from engine.visible import visible

__all__ = ["visible"]
