"""Text from a data set or a file, made safe and honest to show: nothing in it acts on the terminal, nothing hides."""

import re

SHAPED = "\u0600-\u08ff\u0900-\u0dff\u1780-\u17ff\u1800-\u18af\ufb50-\ufdff\ufe70-\ufefc"
"""Letters of scripts (Arabic, those of India, Khmer, Mongolian) that a joiner or non-joiner gives their shape."""

_HOSTILE = re.compile(
    f"(?<![{SHAPED}])\u200c|"  # after such a letter it hides nothing: its lack would show
    "["
    "\x00-\x1f\x7f-\x9f"  # C0 and C1 controls, escape and delete among them
    "\u00ad\u034f\u061c\u180b-\u180f"  # soft hyphen, grapheme joiner, Arabic letter mark, Mongolian selectors
    "\u115f\u1160\u3164\uffa0\u2800"  # letters that show as nothing
    "\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"  # zero width, line separators, bidirectional overrides and isolates
    "\u200d"  # the joiner: in what it joins, no two terminals agree on the width
    "\ufe00-\ufe0f\ufeff\ufff9-\ufffb"  # variation selectors, byte order mark, annotations
    "\ud800-\udfff"  # lone surrogates
    "\U0001f3fb-\U0001f3ff"  # skin tones, on whose width no two terminals agree
    "\U000e0000-\U000e0fff"  # tags and further selectors
    "]"
)


def visible(text: str, keep: str = "") -> str:
    r"""`text` with every control, zero-width, bidirectional or unpaired character spelled out.

    Controls become their pictures (ESC is "␛", newline "␊"), the others their code point ("⟨200B⟩"). Characters in
    `keep`, such as "\n", pass as they are. The result is one `str` that may be drawn as it is, never as markup.
    """
    return _HOSTILE.sub(lambda match: match[0] if match[0] in keep else _spelled(match[0]), text)


def _spelled(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟨{code:04X}⟩"
