"""What the parts of a line of YAML are, for colour; line by line, so that half-typed text spoils no other line."""

import re
from collections.abc import Iterator

_DASHES = re.compile(r"\s*((?:-\s+)*-?(?=\s|$)\s*)")
_KEY = re.compile(r"""(?P<key>[\w.+/-]+|"[^"]*"|'[^']*')(?P<colon>\s*:)(?=\s|$)""")
_VALUE = re.compile(r"[-+]?(?:\d[\d_]*)?\.?\d+(?:e[-+]?\d+)?|true|false|yes|no|on|off", re.IGNORECASE)
_NULL = re.compile(r"null|~", re.IGNORECASE)

Span = tuple[int, int, str]
"""Start, end (exclusive), and kind: key, value, null, punctuation, comment."""


def yaml_spans(line: str) -> Iterator[Span]:
    """The parts of `line` that have a kind; plain text has none."""
    end = _comment_start(line)
    if end < len(line):
        yield end, len(line), "comment"
    code = line[:end]
    at = 0
    if (dashes := _DASHES.match(code)) is not None and "-" in dashes[1]:
        yield dashes.start(1), dashes.end(1), "punctuation"
    if dashes is not None:
        at = dashes.end()
    if (key := _KEY.match(code, at)) is not None:
        yield *key.span("key"), "key"
        yield *key.span("colon"), "punctuation"
        at = key.end()
    value = code[at:].strip()
    if value:
        start = code.index(value, at)
        if _VALUE.fullmatch(value):
            yield start, start + len(value), "value"
        elif _NULL.fullmatch(value):
            yield start, start + len(value), "null"


def _comment_start(line: str) -> int:
    quote = ""
    for at, character in enumerate(line):
        before = line[at - 1] if at else " "
        if quote:
            if character == quote and not (quote == '"' and before == "\\"):
                quote = ""
        elif character in "\"'" and before in " \t:[{,":
            quote = character
        elif character == "#" and before in " \t":
            return at
    return len(line)
