"""The nearest name to one that nobody knows."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean …?` with the nearest of the known names, or nothing where none is near."""
    near = get_close_matches(name[:80].lower(), list(known), n=1, cutoff=0.7)
    return f"; did you mean `{near[0]}`?" if near else ""
