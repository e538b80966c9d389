import json

import pytest

from engine.cli.main import main
from engine.preset.load import load_preset
from engine.runs.folder import create_run
from engine.runs.row_history import ROWS_FILE

PRESET = "base_model: org/model\nreward_model: true\ndatasets:\n  - path: rows.jsonl\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run that has seen rows 0 to 29 three times, and got row 7 ever more wrong."""
    monkeypatch.setenv("RM_WORKBENCH_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(PRESET)
    run = create_run(load_preset("tiny.yaml"), "tiny-1")
    with (run.path / ROWS_FILE).open("w") as file:
        for visit in range(3):
            margins = [-1.0 - visit if row == 7 else 0.1 * row + visit for row in range(30)]
            line = {"v": 1, "kind": "visits", "split": "train", "steps": [visit + 1], "epochs": [visit], "counts": [30],
                    "dataset": 0, "row": list(range(30)), "item": 0, "loss": [0.5] * 30, "margin": margins}  # fmt: skip
            file.write(json.dumps(line) + "\n")
    return run


def test_rows_are_printed_hardest_first(run, capsys):
    assert main(["runs", "rows", "tiny-1"]) == 0
    out = capsys.readouterr().out
    assert "30 of 30 rows" in out
    assert out.splitlines()[2].split()[:3] == ["0", "7", "3"]
    assert "10 more" in out


def test_rows_as_json_and_as_a_file_to_leave_out(run, tmp_path, capsys):
    assert main(["runs", "rows", "tiny-1", "--by", "mislabelled", "--json", "--out", "hard.jsonl"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["row"] == 7
    assert (tmp_path / "hard.jsonl").read_text() == line + "\n"


def test_a_run_that_has_told_nothing_of_rows_says_so(run, capsys):
    assert main(["runs", "rows", "tiny-1", "--split", "eval"]) == 1
    assert "nothing of its eval rows" in capsys.readouterr().err
