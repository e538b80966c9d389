"""Keys as a terminal sends them."""

from typing import Any, cast

from textual import _ansi_sequences


def hear_alt_digits() -> None:
    """Let Alt and a digit arrive as `alt+3`, which goes to a place from within the editor too.

    Textual 8 takes ESC 3 for WezTerm's Option key and types "£" instead; so would a quick Escape followed by 3.
    """
    sequences = cast(dict[str, Any], _ansi_sequences.ANSI_SEQUENCES_KEYS)
    for digit in "0123456789":
        sequences.pop(f"\x1b{digit}", None)
