"""Shortcuts of a data set: found where they are, and not imagined where they are not."""

import math
import random

import pytest

from engine.check.shortcut import LexicalShortcut, PairLengths, chance

WORDS = [
    "the",
    "a",
    "sum",
    "of",
    "two",
    "and",
    "is",
    "not",
    "number",
    "we",
    "add",
    "then",
    "so",
    "it",
    "gives",
    "carry",
    "one",
]


def lexical(pairs):
    found = LexicalShortcut()
    for row, (chosen, rejected) in enumerate(pairs):
        found.add(chosen, rejected, (0, row))
    return list(found.findings())


def words(draw, count):
    return " ".join(draw.choice(WORDS) for _ in range(count))


def pair_lengths(pairs):
    lengths = PairLengths()
    for chosen, rejected in pairs:
        lengths.add(chosen, rejected)
    return lengths


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("phrase", ["As an AI language model, I cannot", "Certainly!", "###"])
def test_a_phrase_on_one_side_only_is_found(side, phrase):
    draw = random.Random(1)
    pairs = []
    for row in range(200):
        texts = [words(draw, 20), words(draw, 20)]
        if row % 3:
            texts[side] = f"{phrase} {texts[side]}"
        pairs.append(tuple(texts))
    (found,) = lexical(pairs)
    assert found.code == "lexical-shortcut"
    assert ["chosen", "rejected"][side] in found.message
    assert found.count == len([row for row in range(200) if row % 3])
    assert found.rows[:3] == ((0, 1), (0, 2), (0, 4))


def test_a_phrase_at_the_end_is_found():
    draw = random.Random(2)
    pairs = [(words(draw, 15), words(draw, 15) + " so it is not") for _ in range(100)]
    assert [found.code for found in lexical(pairs)] == ["lexical-shortcut"]


def test_white_space_that_gives_the_side_away_is_found():
    draw = random.Random(6)
    pairs = [(" " + words(draw, 15), words(draw, 15)) for _ in range(100)]
    (found,) = lexical(pairs)
    assert "white space at the beginning" in found.message and "chosen" in found.message


@pytest.mark.parametrize("seed", range(20))
def test_random_text_has_no_shortcut(seed):
    draw = random.Random(seed)
    count = draw.choice([10, 50, 300])
    assert lexical([(words(draw, draw.randint(5, 40)), words(draw, draw.randint(5, 40))) for _ in range(count)]) == []


def test_a_phrase_on_both_sides_alike_is_none():
    draw = random.Random(3)
    pairs = []
    for _ in range(300):
        texts = [words(draw, 20), words(draw, 20)]
        texts[draw.random() < 0.5] += " Certainly!"
        pairs.append(tuple(texts))
    assert lexical(pairs) == []


def test_longer_answers_do_not_make_every_common_word_a_shortcut():
    draw = random.Random(4)
    for long, short in ((40, 8), (60, 30), (12, 4), (200, 20)):
        assert lexical([(words(draw, long), words(draw, short)) for _ in range(400)]) == []
        assert lexical([(words(draw, short), words(draw, long)) for _ in range(400)]) == []


def test_a_rare_phrase_is_not_worth_a_word():
    draw = random.Random(5)
    pairs = [(words(draw, 20), words(draw, 20) + (" Sorry!" if row % 30 == 0 else "")) for row in range(600)]
    assert lexical(pairs) == []


def test_memory_stays_bounded_and_the_phrase_survives():
    found = LexicalShortcut()
    for row in range(3_000):
        found.add(f"alpha{row} beta{row} gamma{row}", f"delta{row} Sorry, no eps{row}", (0, row))
    assert len(found._rows) < 3_000
    (shortcut,) = found.findings()
    assert "rejected" in shortcut.message and "sorry" in shortcut.message


@pytest.mark.parametrize(
    ("pairs", "side"),
    [
        ([(20, 10)] * 25, "longer"),
        ([(10, 20)] * 25, "shorter"),
        ([(20, 10)] * 75 + [(10, 20)] * 25, "longer"),
    ],
)
def test_a_length_shortcut_is_told_with_its_side(pairs, side):
    (found,) = pair_lengths(pairs).findings()
    assert found.code == "length-shortcut" and side in found.message


@pytest.mark.parametrize(
    "pairs",
    [
        [(20, 10)] * 10,
        [(20, 10)] * 60 + [(10, 20)] * 40,
        [(20, 10)] * 6_000 + [(10, 20)] * 4_000,
        [(20, 10)] * 20 + [(10, 20)] * 8,
        [(10, 10)] * 80 + [(20, 10)] * 20,
        [],
    ],
)
def test_lengths_that_say_little_are_no_shortcut(pairs):
    assert list(pair_lengths(pairs).findings()) == []


def test_the_length_baseline_counts_ties_half():
    assert pair_lengths([(2, 1), (2, 1), (1, 2), (3, 3)]).statistics() == {"length_baseline": 0.625}


@pytest.mark.parametrize(("total", "rate"), [(10, 0.5), (40, 0.5), (40, 0.8), (300, 0.6)])
def test_chance_bounds_the_binomial_tail(total, rate):
    for more in range(total + 1):
        tail = sum(math.comb(total, k) * rate**k * (1 - rate) ** (total - k) for k in range(more, total + 1))
        assert tail <= chance(more, total, rate) * (1 + 1e-9) <= 1 + 1e-9
    assert chance(total, total, rate) == pytest.approx(rate**total)
