"""The nearest name to one that nobody knows."""

from collections.abc import Iterable
from difflib import get_close_matches

SHORTEST = 4
"""Characters that must be there before what begins with them is suggested."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean …?` with the nearest of the known names, or nothing where none is near.

    One that goes on from `name` where it ends is nearer than any that is only like it.
    """
    name, names = name[:80].lower(), list(known)
    longer = [other for other in names if len(name) >= SHORTEST and other.startswith(name)]
    near = longer or get_close_matches(name, names, n=1, cutoff=0.7)
    return f"; did you mean `{near[0]}`?" if near else ""
