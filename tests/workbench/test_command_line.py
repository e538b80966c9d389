"""`rm-workbench` with what it cannot open: said at once, with or without a terminal."""

import pytest

from workbench.__main__ import main


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("frobnicate", "no preset of this name; the presets are demo-pairs"),
        ("frobnicate", "It is no command either"),
        ("demo-pears", "did you mean `demo-pairs`?"),
        ("shwo", "It is no command either; did you mean `show`?"),
        ("nowhere.yaml", "nowhere.yaml: no such file"),
    ],
)
def test_what_is_neither_a_preset_nor_a_command_is_said(argument, said, capsys):
    assert main([argument]) == 2
    assert said in capsys.readouterr().err
