"""Text to ids word by word, each word tokenised once: several times faster than the Rust library, and the same ids.

Byte-level tokenizers first divide text into words by a pattern, and then tokenise each word on its own, whatever stands
around it. So a word's ids can be kept, and most words of a text have been seen before. This holds, and is done, only
for patterns that are known here, and for texts of characters whose classes are beyond doubt; all else is left to the
Rust library, which also tokenises every new word.
"""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from typing import Any

from tokenizers import models
from transformers import PreTrainedTokenizerBase

KEPT = 400_000
"""Words whose ids are kept: some 100 MB of them at most."""

LONGEST = 64
"""Characters of the longest word that is kept."""

_LETTERS = (
    "a-zA-Z\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017e\u0391-\u03a1\u03a3-\u03a9\u03b1-\u03c9"
    "\u0410-\u044f\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fa5\uac00-\ud7a3"
)
_DIGITS = "0-9"
_SPACES = " \\t\\n\\r"
_OTHERS = (
    "!-/:-@\\[-`{-~\u00a1-\u00a9\u00ab\u00ac\u00ae-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7"
    "\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2190-\u21ff\u2200-\u220b\u2211-\u2223\u2500-\u257f"
    "\u3001-\u3003\u3008-\u3011\uff01-\uff0f\uff1a-\uff20\U0001f300-\U0001f64f\U0001f680-\U0001f6c5"
)
"""Characters of four classes that Unicode has not moved between for long, and that normalisation (NFC) leaves alone
whatever stands beside them. No mark that combines, no digit but 0 to 9, no space but these four, no long s (which is
an s where case is ignored) is among them.
"""

_DOUBTFUL = re.compile(f"[^{_LETTERS}{_DIGITS}{_SPACES}{_OTHERS}]")

_CONTRACTED = "'s|'t|'re|'ve|'m|'ll|'d"
GPT2 = rf"{_CONTRACTED}| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|\s+(?!\S)|\s+"
"""The pattern of `pre_tokenizers.ByteLevel(use_regex=True)`."""

_CL100K = r"(?i:{0})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{1}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PATTERNS = frozenset({GPT2, _CL100K.format(_CONTRACTED, ""), _CL100K.format(_CONTRACTED, "{1,3}")})
"""The patterns that are known: GPT-2's; Qwen's; that of Llama 3, Phi 4 and others."""

_CLASSES = {r"\p{L}": _LETTERS, r"\p{N}": _DIGITS, r"\s": _SPACES}


class Words(dict[str, tuple[int, ...]]):
    """The ids of the words seen so far, for one tokenizer."""

    def __init__(self, rust: Any, pattern: str, added: Iterable[str]) -> None:
        super().__init__()
        self._rust = rust
        self._find = re.compile(translated(pattern)).findall
        longest_first = sorted(added, key=len, reverse=True)
        self._added = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        self._around = _around(rust)

    def __missing__(self, word: str) -> tuple[int, ...]:
        if len(self._rust.pre_tokenizer.pre_tokenize_str(word)) != 1:
            raise _NotAWord
        ids = tuple(self._rust.encode(word, add_special_tokens=False).ids)
        if len(word) <= LONGEST:
            if len(self) >= KEPT:
                self.clear()
            self[word] = ids
        return ids

    def ids(self, text: str, add_special_tokens: bool) -> list[int] | None:
        """The ids of `text`; None where they must be had from the Rust library."""
        if _DOUBTFUL.search(text) or (add_special_tokens and self._around is None):
            return None
        try:
            if self._added is None or not (found := self._added.search(text)):
                ids = list(chain.from_iterable(map(self.__getitem__, self._find(text))))
            else:
                ids, place = [], 0
                while found:
                    ids.extend(chain.from_iterable(map(self.__getitem__, self._find(text[place : found.start()]))))
                    ids.append(self._rust.token_to_id(found[0]))
                    place = found.end()
                    found = self._added.search(text, place)
                ids.extend(chain.from_iterable(map(self.__getitem__, self._find(text[place:]))))
        except _NotAWord:
            return None
        if add_special_tokens:
            assert self._around is not None
            before, after = self._around
            return [*before, *ids, *after]
        return ids


class _NotAWord(Exception):  # noqa: N818 (a way out, no error)
    """What was taken for a word is several to the tokenizer."""


@lru_cache(maxsize=8)
def words_of(tokenizer: PreTrainedTokenizerBase) -> Words | None:
    """The words of a fast tokenizer; None for one that does not work word by word, or whose pattern is not known.

    Kept for each tokenizer: not for one whose tokens are changed afterwards.
    """
    rust = getattr(tokenizer, "_tokenizer", None)
    model = getattr(rust, "model", None)
    if rust is None or not isinstance(model, models.BPE) or tokenizer.split_special_tokens:
        return None
    if model.dropout or model.continuing_subword_prefix or model.end_of_word_suffix:
        return None
    if (normalizer := _state(rust.normalizer)) is not None and normalizer.get("type") != "NFC":
        return None
    pattern = _pattern(_state(rust.pre_tokenizer))
    added = tokenizer.added_tokens_decoder.values()
    if pattern is None or any(token.lstrip or token.rstrip or token.single_word for token in added):
        return None
    # A text that holds a token with a doubtful character is doubtful itself: only the others can be met.
    spellings = {text for token in added if (text := str(token.content)) and not _DOUBTFUL.search(text)}
    return None if _entangled(spellings) else Words(rust, pattern, spellings)


def translated(pattern: str) -> str:
    r"""A pattern with the classes \p{L}, \p{N}, \s and \S written out as the characters that are beyond doubt."""
    pieces, place, inside = [], 0, False
    while place < len(pattern):
        name = next((name for name in _CLASSES if pattern.startswith(name, place)), None)
        if name:
            pieces.append(_CLASSES[name] if inside else f"[{_CLASSES[name]}]")
            place += len(name)
        elif pattern.startswith(r"\S", place):
            pieces.append(f"[^{_SPACES}]")
            place += 2
        elif pattern[place] == "\\":
            pieces.append(pattern[place : place + 2])
            place += 2
        else:
            inside = pattern[place] == "[" or (inside and pattern[place] != "]")
            pieces.append(pattern[place])
            place += 1
    return "".join(pieces)


def _state(component: Any) -> Any:
    """What a part of a Rust tokenizer consists of, None where there is none."""
    if component is None:
        return None
    try:
        return json.loads(component.__getstate__())
    except (AttributeError, TypeError, ValueError):
        return {"type": "unknown"}


def _pattern(pre_tokenizer: Any) -> str | None:
    """The pattern by which a byte-level pre-tokenizer divides text, if it is a known one."""
    match pre_tokenizer:
        case {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}:
            return GPT2
        case {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": str(pattern)}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
            ],
        }:
            return pattern if pattern in PATTERNS else None
    return None


def _entangled(spellings: set[str]) -> bool:
    """Whether an added token can overlap with another one, or with itself, in some text."""
    heads = {text[:n] for text in spellings for n in range(1, len(text))}
    tails = {text[n:] for text in spellings for n in range(1, len(text))}
    joined = "\0".join(spellings)
    return not heads.isdisjoint(tails) or any(joined.count(text) > 1 for text in spellings)


def _around(rust: Any) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The special ids that the tokenizer puts before and after any text; None where that cannot be told."""
    found = set()
    for text in ("a", "Hello, world.", ""):
        bare = tuple(rust.encode(text, add_special_tokens=False).ids)
        whole = tuple(rust.encode(text, add_special_tokens=True).ids)
        if not bare:
            continue
        starts = [at for at in range(len(whole) - len(bare) + 1) if whole[at : at + len(bare)] == bare]
        if len(starts) != 1:
            return None
        found.add((whole[: starts[0]], whole[starts[0] + len(bare) :]))
    return found.pop() if len(found) == 1 else None
