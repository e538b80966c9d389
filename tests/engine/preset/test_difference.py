"""How two presets differ: in what they mean, and in how they are written."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.preset.difference import line_differences, value_differences
from engine.preset.load import parse_preset

TEXT = """\
base_model: m
reward_model: true
datasets:
  - path: a.jsonl
seed: 1
"""


def values(before, after):
    found = value_differences(*(parse_preset(text, Path("p.yaml")).preset for text in (before, after)))
    return {each.key: (each.before, each.after) for each in found}


def marks(before, after):
    return [(line.mark, line.text) for line in line_differences(before, after)]


def test_values_are_compared_with_their_defaults_filled_in():
    assert values(TEXT, TEXT + "sequence_len: 512\n# nothing new\n") == {}
    assert values(TEXT, TEXT.replace("seed: 1", "sequence_len: 64")) == {"sequence_len": (512, 64), "seed": (1, 42)}


def test_a_data_set_more_differs_by_its_keys():
    differing = values(TEXT, TEXT.replace("seed: 1", "  - path: b.jsonl"))
    assert differing["datasets.1.path"] == (None, "b.jsonl")
    assert "datasets.0.path" not in differing


def test_lines_alike_are_left_out_but_for_those_around_a_change():
    before = "\n".join(map(str, range(20)))
    assert marks(before, before.replace("10", "ten")) == [
        ("…", "8 lines alike"), (" ", "8"), (" ", "9"), ("-", "10"), ("+", "ten"), (" ", "11"), (" ", "12"),
        ("…", "7 lines alike"),
    ]  # fmt: skip
    assert line_differences(before, before) == ()


def test_what_changed_within_a_line_is_told():
    taken, added = (line for line in line_differences("rate: 1e-5 # low", "rate: 2e-5 # low") if line.mark in "+-")
    assert [taken.text[slice(*span)] for span in taken.changed] == ["1e"]
    assert [added.text[slice(*span)] for span in added.changed] == ["2e"]


LINES = st.lists(st.sampled_from("abcd"), max_size=12).map("\n".join)


@given(LINES, LINES)
def test_both_texts_can_be_read_off_the_lines(before, after):
    lines = line_differences(before, after, context=100)
    if before.splitlines() == after.splitlines():
        assert lines == ()
    else:
        assert [line.text for line in lines if line.mark in "- "] == before.splitlines()
        assert [line.text for line in lines if line.mark in "+ "] == after.splitlines()
