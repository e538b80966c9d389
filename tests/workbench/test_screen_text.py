import unicodedata

import pytest

from workbench.screen_text import visible


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain [b]text[/b] é 漢字 🙂", "plain [b]text[/b] é 漢字 🙂"),
        ("\x1b[2J\x07", "␛[2J␇"),
        ("a\nb\tc\r", "a␊b␉c␍"),
        ("\x9b31m\x7f", "⟨009B⟩31m␡"),
        ("zero\u200bwidth\ufeff", "zero⟨200B⟩width⟨FEFF⟩"),
        ("\u202egnp.exe", "⟨202E⟩gnp.exe"),
        ("\ud800", "⟨D800⟩"),
        ("👍🏽", "👍⟨1F3FD⟩"),
        ("👩\u200d🚀", "👩⟨200D⟩🚀"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # Persian without its joiner would be another word
        ("x\u200cy می\u200c\u200c", "x⟨200C⟩y می\u200c⟨200C⟩"),
        ("", ""),
    ],
)
def test_hostile_characters_are_spelled_out(raw, shown):
    assert visible(raw) == shown


def test_characters_to_keep_pass():
    assert visible("a\nb\x1b\t", keep="\n\t") == "a\nb␛\t"


def test_nothing_that_acts_on_a_terminal_or_hides_passes():
    passed = [chr(c) for c in range(0x110000) if visible(chr(c)) == chr(c)]
    acting = {c for c in passed if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}}
    hiding = {
        c for c in passed if unicodedata.bidirectional(c) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI"}
    }
    assert not acting
    assert not hiding
