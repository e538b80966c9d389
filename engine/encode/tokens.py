"""Texts to token ids, many at a time, exactly as the tokenizer's own `__call__` gives them.

Fast tokenizers are called below transformers (`encode_batch_fast` of the Rust library: the same ids, no offsets, in
parallel unless TOKENIZERS_PARALLELISM says otherwise); others one by one through `__call__`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from engine.encode.words import words_of

_PROBES = ("", "a", " a", "\n", "\n\n b", "Hello world.\n", "  two  ", "é漢字🙂", "1234", "-> x", "\u00a0a", "▁a")


@dataclass(frozen=True, slots=True)
class Offsets:
    """A tokenised text: for each token its id and the characters `starts[i]:ends[i]` that it came from."""

    ids: list[int]
    starts: list[int]
    ends: list[int]


class Texts:
    """Texts to be tokenised together, each once however often it is asked for."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, bool], int] = {}

    def ask(self, text: str, add_special_tokens: bool = False) -> int:
        """Where the ids of `text` will be in the list that `tokenise` returns."""
        return self._places.setdefault((text, add_special_tokens), len(self._places))

    def tokenise(self, tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
        """The ids of every text asked for. Texts must be valid Unicode (no lone surrogates)."""
        asked = list(self._places)
        found: list[list[int]] = [[]] * len(asked)
        for special in (False, True):
            places = [place for place, (_, with_special) in enumerate(asked) if with_special is special]
            for place, ids in zip(
                places, token_ids(tokenizer, [asked[place][0] for place in places], special), strict=True
            ):
                found[place] = ids
        return found


def token_ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], add_special_tokens: bool) -> list[list[int]]:
    """The ids of each text, as `tokenizer(text, add_special_tokens=…)["input_ids"]`."""
    if not texts:
        return []
    rust = _rust(tokenizer)
    if rust is None:
        return [list(tokenizer(text, add_special_tokens=add_special_tokens)["input_ids"]) for text in texts]
    words = words_of(tokenizer)
    found = [None if words is None else words.ids(text, add_special_tokens) for text in texts]
    left = [text for text, ids in zip(texts, found, strict=True) if ids is None]
    rest = iter(rust.encode_batch_fast(left, add_special_tokens=add_special_tokens) if left else ())
    return [next(rest).ids if ids is None else ids for ids in found]


def token_offsets(tokenizer: PreTrainedTokenizerBase, text: str, add_special_tokens: bool) -> Offsets:
    """The ids of one text with their characters. Without a fast tokenizer, the whole text stands for each token."""
    rust = _rust(tokenizer)
    if rust is None:
        ids = token_ids(tokenizer, [text], add_special_tokens)[0]
        return Offsets(ids, [0] * len(ids), [len(text)] * len(ids))
    encoding = rust.encode(text, add_special_tokens=add_special_tokens)
    return Offsets(encoding.ids, [start for start, _ in encoding.offsets], [end for _, end in encoding.offsets])


def _rust(tokenizer: PreTrainedTokenizerBase) -> Any:
    """The Rust tokenizer, set to neither cut nor pad (it keeps what its last caller, or its file, told it)."""
    rust = getattr(tokenizer, "_tokenizer", None)
    if rust is None or not getattr(tokenizer, "is_fast", False) or not hasattr(rust, "encode_batch_fast"):
        return None
    if rust.truncation is not None:
        rust.no_truncation()
    if rust.padding is not None:
        rust.no_padding()
    if rust.encode_special_tokens != tokenizer.split_special_tokens:
        rust.encode_special_tokens = tokenizer.split_special_tokens
    return rust


def dividers(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[str, ...]:
    """The added tokens in `text` at which any text may be divided: ids(a + t + b) == ids(a + t) + ids(t + b)[1:].

    The Rust library takes added tokens out of a text before anything else, and treats what lies between them piece by
    piece, so this holds for tokens that cannot overlap with another one; it is tried on a dozen texts all the same.
    """
    if _rust(tokenizer) is None or tokenizer.split_special_tokens:
        return ()
    added = {str(token.content): token for token in tokenizer.added_tokens_decoder.values()}
    candidates = [content for content, token in added.items() if content in text and not token.single_word]
    alone = [content for content in candidates if not any(_overlap(content, other) for other in added)]
    return tuple(content for content in alone if _divides(tokenizer, content))


def _overlap(token: str, other: str) -> bool:
    if other == token:
        return False
    return token in other or any(other.endswith(token[:n]) for n in range(1, len(token)))


def _divides(tokenizer: PreTrainedTokenizerBase, token: str) -> bool:
    whole = [left + token + right for left in _PROBES for right in _PROBES]
    heads = token_ids(tokenizer, [left + token for left in _PROBES], False)
    tails = token_ids(tokenizer, [token + right for right in _PROBES], False)
    joined = [head + tail[1:] for head in heads for tail in tails]
    return token_ids(tokenizer, whole, False) == joined


def last_divider(text: str, dividing: Iterable[str], end: int) -> tuple[int, int]:
    """Start and end of the last of the tokens `dividing` that lies in `text[:end]`; (-1, -1) where there is none."""
    found = max(((text.rfind(token, 0, end), len(token)) for token in dividing), default=(-1, 0))
    return (found[0], found[0] + found[1]) if found[0] >= 0 else (-1, -1)


def shared_length(left: Sequence[Any], right: Sequence[Any]) -> int:
    """How many leading items (characters, ids) are equal."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
