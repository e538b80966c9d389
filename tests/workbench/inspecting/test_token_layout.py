from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.encode.encoding import MASKED, Part, TokenSequence
from workbench.screen_text import visible
from workbench.widgets.token_layout import GAP, Layout, View, continues
from workbench.widgets.token_marks import marks_of


def sequence_from(pieces, **how):
    ends = [sum(map(len, pieces[: i + 1])) for i in range(len(pieces))]
    count = len(pieces)
    plain = {
        "text": "".join(pieces),
        "ids": list(range(count)),
        "pieces": list(pieces),
        "starts": [0, *ends[:-1]][:count],
        "ends": ends,
        "parts": [Part.ANSWER] * count,
        "steps": [-1] * count,
        "labels": [MASKED] * count,
        "special": [False] * count,
        "fields": [""] * count,
        "field_starts": [0] * count,
        "kept_start": 0,
        "kept_end": count,
    }
    return TokenSequence(**{**plain, **how})


def lines_of(sequence, view=View.TEXT, width=20, whitespace=False, divergence=-1):
    layout = Layout(sequence, marks_of(sequence, divergence), view, width, whitespace)
    while not layout.complete:
        layout.extend(3)
    return layout


def texts(layout):
    return ["".join(text for _, text, *_ in line.fragments).rstrip(" ") for line in layout.lines]


def test_lines_break_where_the_text_does_and_else_between_words():
    layout = lines_of(sequence_from(["One", " two", " thr", "ee", " four", "\n", "Five", " six"]), width=14)
    assert texts(layout) == ["One two three", " four", "Five six"]


def test_a_word_of_several_tokens_stays_whole():
    layout = lines_of(sequence_from(["aaaa", " bb", "bb", "bb", "bb"]), width=10)
    assert texts(layout) == ["aaaa", " bbbbbbbb"]


def test_a_token_longer_than_the_line_is_continued_below():
    layout = lines_of(sequence_from(["x" * 25]), width=10)
    assert texts(layout) == ["x" * 10, "x" * 10, "x" * 5]


def test_newlines_are_drawn_in_the_token_view_and_on_demand_in_the_text():
    sequence = sequence_from(["a b", "\n\n", "c\td"])
    assert texts(lines_of(sequence)) == ["a b", "", "c    d"]
    assert texts(lines_of(sequence, View.TOKENS)) == ["a b⏎", "⏎", "c    d"]
    assert texts(lines_of(sequence, whitespace=True)) == ["a·b⏎", "⏎", "c→d"]


def test_bytes_of_one_character_show_it_once():
    sequence = sequence_from(["a", "🙂", "🙂", "b"], text="a🙂b", starts=[0, 1, 1, 2], ends=[1, 2, 2, 3])
    assert continues(sequence, 2)
    assert texts(lines_of(sequence)) == ["a🙂b"]
    assert texts(lines_of(sequence, View.TOKENS)) == ["a🙂‥b"]


def test_a_token_without_text_shows_its_piece():
    sequence = sequence_from(["<s>", "hi"], text="hi", starts=[0, 0], ends=[0, 2])
    assert texts(lines_of(sequence)) == ["<s>hi"]


def test_text_that_no_token_holds_is_shown_as_such():
    sequence = sequence_from(["a", "b"], text="a  b", starts=[0, 3], ends=[1, 4])
    layout = lines_of(sequence)
    assert texts(layout) == ["a  b"]
    assert [token for token, *_ in layout.lines[0].fragments] == [0, GAP, 1]


def test_marks_stand_at_their_tokens():
    sequence = sequence_from(["same", " this", " that", " lost"], kept_end=3, pooled=2)
    assert texts(lines_of(sequence, width=90, divergence=1)) == [
        "same ◆ differs  this that ▲ reward read here  cut: 1 token lost (1 answer)  lost"
    ]


def test_a_label_stays_on_the_line_of_its_token():
    labels = [MASKED, MASKED, 1]
    sequence = sequence_from(["aaaaaaa", " bbbb", "\n"], steps=[0, 0, 0], labels=labels)
    assert texts(lines_of(sequence, View.TOKENS, width=14)) == ["aaaaaaa", " bbbb⏎ ✓1"]


def test_each_step_begins_a_line_with_its_number():
    sequence = sequence_from(
        ["Q", "a", "<sep>", "b", "<sep>"], steps=[-1, 0, 0, 1, 1], labels=[MASKED, MASKED, 1, MASKED, 0]
    )
    layout = lines_of(sequence, width=40)
    assert [line.gutter for line in layout.lines] == ["", "1", "2"]
    assert texts(layout) == ["Q", "a<sep> ✓1", "b<sep> ✗0"]


def test_ids_stand_below_their_tokens():
    sequence = replace(sequence_from(["a", " long", "\n", "b"]), ids=[5, 12345, 7, 8])
    assert texts(lines_of(sequence, View.IDS)) == ["a ·long ⏎", "5 12345 7", "b", "8"]


def test_labels_stand_below_their_tokens():
    sequence = sequence_from(["ab", "\n"], steps=[0, 0], labels=[MASKED, 0.25])
    assert texts(lines_of(sequence, View.LABELS)) == ["ab ⏎", "·  ~0.25"]


def test_a_combining_mark_is_drawn_on_a_letter_or_on_a_ring():
    sequence = sequence_from(["e", "\u0301"])
    assert texts(lines_of(sequence)) == ["e\u0301"]
    assert texts(lines_of(sequence, View.TOKENS)) == ["e◌\u0301"]


def test_pointing_finds_the_token():
    layout = lines_of(sequence_from(["One", " two", "\n", "three"]))
    assert [layout.token_at(0, x) for x in (0, 2, 3, 6, 19)] == [0, 0, 1, 1, 2]
    assert layout.token_at(1, 4) == 3
    assert layout.token_at(9, 0) == GAP


pieces = st.lists(st.text(st.characters(exclude_categories=()), min_size=1, max_size=9), max_size=30)


@settings(deadline=None, max_examples=150)
@given(pieces, st.sampled_from([View.TEXT, View.TOKENS, View.IDS, View.LABELS]), st.integers(8, 40), st.booleans())
def test_any_text_fits_and_no_token_gets_lost(tokens, view, width, whitespace):
    sequence = sequence_from(tokens)
    layout = lines_of(sequence, view, width, whitespace)
    drawn = ["".join(text for _, text, *_ in line.fragments) for line in layout.lines]
    for line, text in zip(layout.lines, drawn, strict=True):
        assert text == visible(text)
        assert cell_len(text) == sum(cells for _, _, cells, _ in line.fragments) <= width
    assert len(layout.token_lines) == len(tokens)
    assert layout.token_lines == sorted(layout.token_lines)
    if view is View.TEXT and not whitespace and not any("\n" in token or "\t" in token for token in tokens):
        assert "".join(drawn).replace("◌", "") == visible(sequence.text).replace("◌", "")


@pytest.mark.parametrize("view", [View.TEXT, View.TOKENS, View.IDS, View.LABELS])
def test_an_empty_sequence_has_no_lines(view):
    assert lines_of(sequence_from([]), view).lines == []


def test_a_character_that_tokens_part_is_shown_once_though_they_hold_others_too():
    # Bytes of the woman in both tokens; the second one goes on with the joiner, the third holds but its last byte.
    sequence = sequence_from(["", "", "", "x"], text="👩\u200dx", starts=[0, 0, 1, 2], ends=[1, 2, 2, 3])
    assert texts(lines_of(sequence, View.TOKENS, width=40)) == ["👩‥⟨200D⟩‥x"]
    assert texts(lines_of(sequence, View.TEXT, width=40)) == ["👩⟨200D⟩x"]
