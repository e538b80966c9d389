"""Text from a data set or a file, made safe and honest to show."""

from engine.visible import visible

__all__ = ["cut", "visible"]


def cut(text: str, width: int) -> str:
    """The text, safe to show, in exactly `width` characters, the last of which is blank; "" where there is no room."""
    if width <= 0:
        return ""
    text = visible(text)
    return f"{text[: width - 2]}… " if len(text) > width - 1 else f"{text:<{width}}"
