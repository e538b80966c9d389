"""The table of events in docs/runs.md names every kind and every field of the schema, and no other."""

import dataclasses
import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from engine.events.schema import Event, Phase
from engine.runs.state import State

PAGE = (Path(__file__).parents[3] / "docs" / "runs.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.partition("## Events")[2], re.MULTILINE))
KINDS = {get_args(get_type_hints(kind)["kind"])[0]: kind for kind in get_args(Event)}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_kind_is_documented_with_its_fields(kind):
    fields = {field.name for field in dataclasses.fields(KINDS[kind])} - {"kind"}
    named = set(re.findall(r"`(\w+)`", ROWS[kind].replace("the same for", "`step` `values` `not_finite`")))
    assert fields <= named


def test_every_state_is_documented():
    states = PAGE.partition("## States")[2].partition("## Taking turns")[0]
    assert not {state.value for state in State if not re.search(rf"\b{state.value}\b", states)}
    assert set(get_args(Phase)) <= {state.value for state in State}
