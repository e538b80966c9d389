"""Characters within a text that a reader does not see, and a tokenizer does.

Scripts need some of them: the joiners of Persian and Hindi, the space of no width in Thai, the marks and isolates of
right-to-left text, the joiners and tags of emoji. Where they stand so, nothing is said of them.
"""

import re

from engine.visible import SHAPED

_HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\U000e0020-\U000e007f]")

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
_SHAPED = re.compile(f"[{SHAPED}]")
_UNSPACED = re.compile("[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1a20-\u1aaf\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_EMOJI = re.compile("[\u00a9\u00ae\u203c-\u3299\ufe0f\U0001f000-\U0001faff\U000e007f]")
_FLAG = re.compile("[\U0001f3f4\U000e0020-\U000e007f]")

_NAMES = {
    "\u200b": "zero width space",
    "\u200c": "zero width non-joiner",
    "\u200d": "zero width joiner",
    "\u200e": "left-to-right mark",
    "\u200f": "right-to-left mark",
    "\u202a": "left-to-right embedding",
    "\u202b": "right-to-left embedding",
    "\u202c": "end of embedding or override",
    "\u202d": "left-to-right override",
    "\u202e": "right-to-left override",
    "\u2060": "word joiner",
    "\u2066": "left-to-right isolate",
    "\u2067": "right-to-left isolate",
    "\u2068": "first strong isolate",
    "\u2069": "end of isolate",
    "\ufeff": "byte order mark",
}


def hidden(text: str) -> str | None:
    """How many characters of `text` hide without need, and the first of them with its place; None where none does."""
    if text.isascii() or not _HIDDEN.search(text):
        return None
    right_to_left = bool(_RIGHT_TO_LEFT.search(text))
    odd = [match for match in _HIDDEN.finditer(text) if not _needed(text, match.start(), right_to_left)]
    if not odd:
        return None
    first = odd[0]
    name = _NAMES.get(first[0], "a tag")
    count = "an invisible character" if len(odd) == 1 else f"{len(odd):,} invisible characters, the first"
    return f"{count} U+{ord(first[0]):04X} ({name}) at character {first.start()}"


def _needed(text: str, at: int, right_to_left: bool) -> bool:
    """Whether the hidden character at a place does what it is there for."""
    character, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    match character:
        case "\u200b":
            return bool(_UNSPACED.match(before) or _UNSPACED.match(after))
        case "\u200c":
            return bool(_SHAPED.match(before))
        case "\u200d":
            emoji = _EMOJI.match(before) and _EMOJI.match(after)
            return bool(_SHAPED.match(before) or _SHAPED.match(after) or emoji)
        case "\u200e" | "\u200f" | "\u202a" | "\u202b" | "\u202c" | "\u2066" | "\u2067" | "\u2068" | "\u2069":
            return right_to_left
    return character >= "\U000e0020" and bool(_FLAG.match(before))
