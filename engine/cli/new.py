"""`new DATA`: a preset to start from, written from the data."""

import argparse
import json
from pathlib import Path


def add_new_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the `new` command."""
    parser = commands.add_parser(
        "new",
        help="write a preset for a data set",
        description="Look at a data set, and print a preset that reads it: `rm-workbench new rows.jsonl > mine.yaml`.",
    )
    parser.add_argument("data", metavar="DATA", help="a file, a folder, or a hub id")
    parser.add_argument("--model", metavar="MODEL", help="the model to start from: a hub id or a folder")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object: the preset's text, and what was seen"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the preset; 1 where no layout was recognised and it has lines to fill in."""
    from engine.propose import propose_preset

    proposal = propose_preset(arguments.data, Path.cwd(), arguments.model)
    if arguments.json:
        values = {
            "text": proposal.text,
            "kind": proposal.kind,
            "reason": proposal.reason,
            "rows": proposal.rows,
            "columns": proposal.columns,
        }
        print(json.dumps(values))
    else:
        print(proposal.text, end="")
    return 0 if proposal.kind else 1
