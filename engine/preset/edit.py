"""Changing one value in a preset's text: comments, order and everything else stay as they are."""

import re
from pathlib import Path

from engine.error import EngineError
from engine.preset.document import read_document
from engine.preset.problem import PresetError

_PLAIN = re.compile(r"[^\s,\[\]{}#&*!|>'\"%@`]+")
"""A number or a word, as it stands in a line of YAML."""


def with_number(text: str, key: str, number: int) -> str:
    """`text` with `number` as the value of a top-level key, which is written at the end where it is missing.

    Raises EngineError where the value is not a plain one: that is for a person to edit.
    """
    path = Path("preset")
    try:
        place = read_document(text, path).places.get((key,))
        new = _appended(text, f"{key}: {number}") if place is None else _replaced(text, *place.value, key, number)
        written = read_document(new, path).data.get(key)
    except PresetError as error:
        raise EngineError(f"`{key}` cannot be written into this text.", "", "Edit it by hand: press 2.") from error
    if written != number:
        raise EngineError(f"`{key}` is not a plain number in this text.", "", "Edit it by hand: press 2.")
    return new


def _replaced(text: str, line: int, column: int, key: str, number: int) -> str:
    lines = text.splitlines(keepends=True)
    old = lines[line - 1]
    after_key = re.compile(rf"(['\"]?){re.escape(key)}\1\s*:").match(old, column - 1)
    if after_key:  # an empty value has its key's place
        lines[line - 1] = f"{old[: after_key.end()]} {number}{old[after_key.end() :]}"
    elif value := _PLAIN.match(old, column - 1):
        lines[line - 1] = f"{old[: value.start()]}{number}{old[value.end() :]}"
    return "".join(lines)


def _appended(text: str, line: str) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    body = text if not text or text.endswith("\n") else text + newline
    return f"{body}{line}{newline}"
