"""Changing one value of a preset's text."""

import pytest

from engine.error import EngineError
from engine.preset.edit import with_number


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1\nsequence_len: 320   # why\nb: 2\n", "a: 1\nsequence_len: 1024   # why\nb: 2\n"),
        ("sequence_len:\nb: 2\n", "sequence_len: 1024\nb: 2\n"),
        ("sequence_len:   # none yet\nb: 2\n", "sequence_len: 1024   # none yet\nb: 2\n"),
        ("sequence_len: null\nb: 2", "sequence_len: 1024\nb: 2"),
        ("a: 1", "a: 1\nsequence_len: 1024\n"),
        ("a: 1\r\nb: 2\r\n", "a: 1\r\nb: 2\r\nsequence_len: 1024\r\n"),
        ("{a: 1, sequence_len: 1_000, b: 2}\n", "{a: 1, sequence_len: 1024, b: 2}\n"),
        ('"sequence_len" : 5\n', '"sequence_len" : 1024\n'),
        ("a:\n  sequence_len: 5\n", "a:\n  sequence_len: 5\nsequence_len: 1024\n"),
        ("é: 😀 # x\nsequence_len: 5\n", "é: 😀 # x\nsequence_len: 1024\n"),
    ],
)
def test_the_value_changes_and_nothing_else(before, after):
    assert with_number(before, "sequence_len", 1024) == after


@pytest.mark.parametrize("text", ["sequence_len: '512'\n", "sequence_len: &n 512\nb: *n\n", "{a: 1}\n", "a: [\n", ""])
def test_what_is_no_plain_value_is_left_to_the_person(text):
    with pytest.raises(EngineError, match="sequence_len"):
        with_number(text, "sequence_len", 1024)
