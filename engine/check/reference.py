"""Write docs/checks.md from the table of codes: `python -m engine.check.reference [FILE]`."""

import sys
from pathlib import Path

from engine.finding_codes import CODES, Code, Scope, gravest_first

_HEAD = """# Checks

`rm-workbench check PRESET` encodes every row as training would, accounts for each in the ledger, and says what it
found. The same findings stand beside a row in the preview, and on the Check and Inspect screens. `--json` gives them to
a program; the exit code is 1 if a finding is an error.

| severity | means |
| --- | --- |
| error | rows are lost to malformed data, or nothing is left to train on |
| warning | worth a look before training: it is trained on, or dropped by a rule you can change |
| info | good to know; usually nothing to do |

This page is generated from `engine/finding_codes.py`: `python -m engine.check.reference docs/checks.md`.
"""

_SCOPES: dict[Scope, str] = {
    "row": "Findings of a row",
    "data set": "Findings of the data set",
    "setup": "Findings of tokenizer and template",
}


def reference() -> str:
    """The page, as Markdown."""
    parts = [_HEAD]
    for scope, title in _SCOPES.items():
        names = gravest_first(name for name, code in CODES.items() if code.scope == scope)
        parts.append(f"## {title}\n")
        parts.append("| code | severity | what |\n| --- | --- | --- |")
        parts += [f"| [{name}](#{name}) | {CODES[name].severity.value} | {CODES[name].title} |" for name in names]
        parts.append("")
        parts += [_entry(CODES[name]) for name in names]
    return "\n".join(parts).rstrip() + "\n"


def _entry(code: Code) -> str:
    as_rows = code.example.startswith("{")
    example = f"```json\n{code.example}\n```" if as_rows else f"For example: {code.example}."
    return f"### {code.name}\n\n{code.meaning}\n\n{example}\n\n**What to do.** {code.advice}\n"


def main(arguments: list[str]) -> int:
    """Write the page to the file named, or print it."""
    if arguments:
        Path(arguments[0]).write_text(reference(), encoding="utf-8")
    else:
        sys.stdout.write(reference())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
