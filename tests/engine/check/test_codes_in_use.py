"""Every reason and every finding that the engine can give stands in the table, and nothing else does."""

import ast
from pathlib import Path

from engine.finding_codes import CODES

ENGINE = Path(__file__).parents[3] / "engine"

GIVERS = {"Refusal", "RowRefused", "Finding", "SetFinding", "Shortcut", "finding"}
"""What is called with a code as its first argument."""

PASSING_ON = {
    ("engine/finding_codes.py", "Finding"),  # `finding`, from the table
    ("engine/check/gathered.py", "Finding"),  # a refusal's reason, which is another call's
    ("engine/check/dataset.py", "SetFinding"),  # a Shortcut's code
    ("engine/format/format.py", "Refusal"),  # RowRefused, whose calls are looked at themselves
}


def codes_given() -> tuple[set[str], set[tuple[str, str]]]:
    """The codes that stand in calls, and (file, function) of the calls that have something else in its place."""
    codes, others = set(), set()
    for path in ENGINE.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call) or getattr(call.func, "id", "") not in GIVERS:
                continue
            first = call.args[0] if call.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                codes.add(first.value)
            else:
                others.add((path.relative_to(ENGINE.parent).as_posix(), call.func.id))
    return codes, others


def test_the_codes_that_are_given_are_those_of_the_table():
    codes, others = codes_given()
    assert codes == set(CODES)
    assert others == PASSING_ON
