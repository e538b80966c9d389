"""The table of codes, and the page made from it."""

import re
from pathlib import Path

import pytest

from engine.check.reference import main, reference
from engine.finding import Severity
from engine.finding_codes import CODES, advice, finding, gravest_first

FACTS = (
    "missing-field wrong-type empty-prompt identical-pair identical-after-truncation too-long truncated "
    "answer-cut template-splice prompt-repeated prompt-ignored context-differs ends-on-user empty-answer "
    "glued-text pad-is-eos pooled-on-whitespace bos-doubled bos-missing eos-missing special-in-text "
    "system-merged system-dropped empty-system label-count label-value soft-label labels-cut no-labels "
    "separator-doubled separator-merged separator-in-step empty-step one-class duplicate-row "
    "conflicting-pair eval-leak length-shortcut lexical-shortcut margin-missing encoding-suspect "
)


def test_every_way_that_formatting_goes_wrong_has_its_code():
    assert set(FACTS.split()) <= set(CODES)


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: code.name)
def test_every_code_says_what_and_what_to_do(code):
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code.name)
    assert code.title and not code.title.endswith(".") and "\n" not in code.title
    assert code.meaning.endswith(".") and code.advice.endswith(".") and code.example


def test_the_page_is_up_to_date(tmp_path):
    assert main([str(tmp_path / "checks.md")]) == 0
    made = (tmp_path / "checks.md").read_text(encoding="utf-8")
    page = Path(__file__).parents[3] / "docs" / "checks.md"
    assert page.read_text(encoding="utf-8") == made, "run: python -m engine.check.reference docs/checks.md"


def test_the_page_has_a_section_for_each_code():
    for name in CODES:
        assert f"\n### {name}\n" in reference()


def test_a_finding_takes_its_severity_from_the_table():
    assert finding("identical-pair").severity is Severity.WARNING
    assert finding("wrong-type", "here").message == "here"
    with pytest.raises(KeyError):
        finding("no-such-code")


def test_codes_are_sorted_by_severity_and_unknown_ones_come_last():
    assert gravest_first(["soft-label", "unheard-of", "duplicate-row", "wrong-type"]) == [
        "wrong-type",
        "duplicate-row",
        "soft-label",
        "unheard-of",
    ]
    assert advice("unheard-of") == ""
