"""Text to ids word by word: whatever it takes on, its ids are the Rust library's."""

import random
import re

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from engine.encode import words
from engine.encode.tokens import token_ids
from engine.encode.words import GPT2, words_of

CLASSES = (words._LETTERS, words._DIGITS, words._SPACES, words._OTHERS)
PIECES = [
    "'s",
    "'LL",
    "'ve",
    "'",
    "  ",
    "\r\n",
    "\n\n",
    "\t",
    "the",
    " a",
    "123",
    "4567",
    ".",
    "->",
    "<",
    "|>",
    "é",
    "漢字",
]
DOUBTFUL = ["e\u0301", "\u017f's", "\u00a0", "\u2003", "\u00b2", "\x1f", "\x00", "\u0e01", "\u212a", "\u2028"]


def fast(pre_tokenizer=None, added=(), **settings):
    alphabet = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merges = [("t", "h"), ("th", "e"), ("Ġ", "a"), ("Ġ", "Ġ"), ("1", "2"), ("'", "s")]
    vocabulary = alphabet | {left + right: len(alphabet) + n for n, (left, right) in enumerate(merges)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, **settings))
    tokenizer.pre_tokenizer = pre_tokenizer or pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens([AddedToken("<|end|>"), *added])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>")


@pytest.fixture(params=["toy-chatml", "toy-llama3", "gpt2"])
def tokenizer(request, oracle):
    """One tokenizer of each pattern that is known."""
    return fast() if request.param == "gpt2" else oracle.tokenizer(request.param)


def rust_ids(tokenizer, texts, special):
    return [e.ids for e in tokenizer._tokenizer.encode_batch_fast(texts, add_special_tokens=special)]


def characters(of_class):
    found = [chr(code) for code in range(0x1F800) if re.match(f"[{of_class}]", chr(code))]
    return found if len(found) < 3000 else found[:2000:7] + found[2000::61]


def test_the_classes_do_not_overlap():
    everything = [set(characters(of_class)) for of_class in CLASSES]
    assert sum(map(len, everything)) == len(set.union(*everything))


def test_each_character_is_treated_as_the_rust_library_treats_it(tokenizer):
    of = words_of(tokenizer)
    texts = [f"a{c}b {c}1{c}'s{c}{c} \n{c}\n  {c} 12{c}. '{c}" for of_class in CLASSES for c in characters(of_class)]
    assert [of.ids(text, False) for text in texts] == rust_ids(tokenizer, texts, False)


@pytest.mark.parametrize("special", [False, True])
def test_any_mixture_gives_the_ids_of_the_rust_library(tokenizer, special):
    rng = random.Random(0)
    added = [str(token.content) for token in tokenizer.added_tokens_decoder.values()]
    pieces = [*PIECES, *added[:8], *map(chr, range(0x20, 0x7F))]
    texts = ["", *("".join(rng.choices(pieces, k=rng.randint(1, 25))) for _ in range(3000))]
    of = words_of(tokenizer)
    assert [of.ids(text, special) for text in texts] == rust_ids(tokenizer, texts, special)


def test_texts_with_doubtful_characters_are_left_to_the_rust_library(tokenizer):
    texts = [f"the {piece} end" for piece in DOUBTFUL]
    assert [words_of(tokenizer).ids(text, False) for text in texts] == [None] * len(texts)
    mixed = ["plain", *texts, "plain again"]
    assert token_ids(tokenizer, mixed, False) == rust_ids(tokenizer, mixed, False)


@pytest.mark.parametrize(
    "given",
    [
        {"pre_tokenizer": pre_tokenizers.Metaspace()},
        {"pre_tokenizer": pre_tokenizers.ByteLevel(add_prefix_space=True)},
        {"pre_tokenizer": pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)},
        {
            "pre_tokenizer": pre_tokenizers.Sequence(
                [
                    pre_tokenizers.Split(Regex(r"\w+|\W+"), "isolated"),
                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
                ]
            )
        },
        {"pre_tokenizer": pre_tokenizers.Sequence([pre_tokenizers.Digits(), pre_tokenizers.ByteLevel(False)])},
        {"dropout": 0.1},
        {"added": [AddedToken("<|strip|>", lstrip=True)]},
        {"added": [AddedToken("<|word|>", single_word=True)]},
        {"added": [AddedToken("x<|end|>y")]},
        {"added": [AddedToken("d|>tail")]},
    ],
)
def test_tokenizers_that_do_not_work_word_by_word_are_left_alone(given):
    assert words_of(fast(**given)) is None


def test_the_known_pattern_is_the_one_that_the_library_means():
    written = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(GPT2), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    assert words_of(fast(written)) is not None
    for text in ("it's 12 the\n\n  end ", "'ll x  ", "a\tb"):
        assert rust_ids(fast(written), [text], False) == rust_ids(fast(), [text], False)


def test_the_words_that_are_kept_are_bounded(monkeypatch):
    monkeypatch.setattr(words, "KEPT", 10)
    tokenizer = fast()
    of = words_of(tokenizer)
    texts = [f"word{n} " + "x" * 200 for n in range(50)]
    assert [of.ids(text, False) for text in texts] == rust_ids(tokenizer, texts, False)
    assert len(of) <= 10
    assert max(map(len, of)) <= words.LONGEST
