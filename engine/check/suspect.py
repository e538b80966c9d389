"""Text that was decoded wrongly, or that holds characters no text should."""

import re

# UTF-8 bytes 0x80 to 0xbf as cp1252 shows them, without the quotes, dashes and ellipsis that may follow a capital.
_CONTINUATION = (
    "\u20ac\u0192\u2020\u2021\u02c6\u2030\u0160\u0152\u017d\u02dc\u2122\u0161\u0153\u017e\u0178"
    "\u00a0-\u00aa\u00ac-\u00ba\u00bc-\u00bf"
)
_ANY_CONTINUATION = (
    _CONTINUATION + "\u201a\u201e\u2026\u2039\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u203a\u00ab\u00bb"
)

_CANDIDATE = re.compile(f"[\u00c2-\u00f0][{_ANY_CONTINUATION}]")
_MOJIBAKE = re.compile(
    "|".join(
        (
            "\u00e2\u20ac",  # punctuation: quotes, dashes, ellipsis, bullets
            "\u00e2\u201e\u00a2",  # the trademark sign
            "\u00e2\u201a\u00ac",  # the euro sign
            f"\u00c3[{_CONTINUATION}]",  # accented Latin letters
            "\u00c2[\u00a0\u00a1\u00a3\u00a7\u00a9\u00ae\u00b0\u00b1\u00b2\u00b3\u00b4\u00b5\u00b7\u00bd\u00bf]",
            "\u00f0\u0178",  # emoji
            "\u00ef\u00bb\u00bf",  # a byte order mark
            "\u00ef\u00bf\u00bd",  # a replacement character, decoded twice
            "\u00e3[\u201a\u0192]",  # kana
            f"(?:[\u00d0\u00d1][{_ANY_CONTINUATION}]){{3,}}",  # Cyrillic
            f"(?:[\u00ce\u00cf][{_ANY_CONTINUATION}]){{3,}}",  # Greek
            f"(?:[\u00e4-\u00e9][{_ANY_CONTINUATION}]{{2}}){{2,}}",  # Chinese
        )
    )
)
_ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffd\ufffe\uffff]")


def suspect(text: str) -> str | None:
    """What makes `text` look badly decoded, with where it stands; None if nothing does.

    Tab, newline and carriage return are text. Mojibake is looked for by the sequences that common characters turn
    into when UTF-8 is read as Latin-1 or cp1252; what a capital letter followed by a quote or dash gives is let pass.
    """
    odd = _ODD.search(text)
    if odd:
        return f"{_named(odd[0])} at character {odd.start()}"
    if text.isascii() or not _CANDIDATE.search(text):
        return None
    garbled = _MOJIBAKE.search(text)
    return f"mojibake, {garbled[0]!a} at character {garbled.start()}" if garbled else None


def _named(character: str) -> str:
    code = ord(character)
    if code == 0:
        return "NUL"
    if code == 0x1B:
        return "a terminal escape"
    if code == 0xFFFD:
        return "a replacement character (U+FFFD)"
    if 0xD800 <= code <= 0xDFFF:
        return f"a lone surrogate (U+{code:04X})"
    return f"the control character U+{code:04X}"
