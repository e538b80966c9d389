"""Which words are said to stand on one side only."""

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.encode.encoding import MASKED, Part, TokenSequence
from workbench.widgets.token_difference import difference, matching


def sequence(tokens):
    """A sequence of these tokens' texts; equal texts have equal ids."""
    starts = [sum(map(len, tokens[:place])) for place in range(len(tokens))]
    count = len(tokens)
    return TokenSequence(
        text="".join(tokens),
        ids=[hash(token) for token in tokens],
        pieces=list(tokens),
        starts=starts,
        ends=[start + len(token) for start, token in zip(starts, tokens, strict=True)],
        parts=[Part.ANSWER] * count,
        steps=[-1] * count,
        labels=[MASKED] * count,
        special=[False] * count,
        fields=[""] * count,
        field_starts=starts,
        kept_start=0,
        kept_end=count,
    )


def marked(chosen, rejected, shared=0):
    """Both sides with the tokens in brackets that are said to stand on that side only."""
    sides = [re.findall(r"\s*\w+|\s*[^\w\s]", text) for text in (chosen, rejected)]
    found = difference(*map(sequence, sides), shared)
    return tuple(
        "".join(f"[{token}]" if own else token for token, own in zip(side, flags, strict=True))
        for side, flags in zip(sides, found[:2], strict=True)
    )


def test_what_is_the_same_again_after_a_difference_is_not_marked():
    assert marked(
        "It is Canberra, chosen in 1908 when Parliament moved.", "It is Sydney, chosen in 1901 when Parliament moved."
    ) == (
        "It is[ Canberra], chosen in[ 1908] when Parliament moved.",
        "It is[ Sydney], chosen in[ 1901] when Parliament moved.",
    )


def test_words_put_in_are_marked_on_their_side_only():
    assert marked("He said so.", "He has never said so.") == ("He said so.", "He[ has][ never] said so.")


def test_answers_that_share_only_chance_words_are_different_throughout():
    chosen, rejected = marked(
        "I think you should talk to the doctor about the pain and rest for a day",
        "You could try to take a pill in the morning since the best thing is sleep",
    )
    assert re.sub(r"\[[^]]*\]", "", chosen + rejected) == ""


def test_every_token_of_a_word_that_differs_is_marked_but_none_of_the_shared_ones():
    found = difference(sequence([" Can", "berra", " is"]), sequence([" Can", "ton", " is"]), 1)
    assert (found.chosen, found.rejected) == (b"\0\1\0", b"\0\1\0")
    assert (found.chosen_words, found.rejected_words) == (1, 1)


def test_a_script_without_spaces_is_compared_by_its_characters():
    assert difference(sequence(list("首都是悉尼")), sequence(list("首都是堪培拉")), 3).chosen == b"\0\0\0\1\1"


def test_a_side_that_ends_where_they_part_has_nothing_of_its_own():
    found = difference(sequence(["Yes"]), sequence(["Yes", ",", " sir"]), 1)
    assert (found.chosen, found.rejected) == (b"\0", b"\0\1\1")
    empty = replace(sequence([]), text="")
    assert difference(empty, empty, 0) == (b"", b"", 0, 0)


def test_long_texts_are_compared_by_the_words_that_they_have_once():
    left = [f"w{place}" if place % 10 == 0 else "the" for place in range(20_000)]
    right = [word for place, word in enumerate(left) if place % 1_000 != 501]
    assert sum(match.size for match in matching(left, right)) == len(right)


words = st.lists(st.sampled_from("abcdef"), max_size=40)


@settings(deadline=None, max_examples=200)
@given(words, words)
def test_matches_are_of_the_same_words_in_the_same_order(left, right):
    at, other = 0, 0
    for match in matching(left, right):
        assert match.left >= at and match.right >= other
        assert left[match.left : match.left + match.size] == right[match.right : match.right + match.size]
        at, other = match.left + match.size, match.right + match.size
    if left == right:
        assert sum(match.size for match in matching(left, right)) == len(left)
