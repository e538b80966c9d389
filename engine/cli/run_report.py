"""`runs report`: what there is to tell of a run, in one HTML file and one of Markdown."""

import argparse
import json
import sys
from pathlib import Path

from engine.report.write import write_report
from engine.runs.find import find_run


def add_report_parser(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `report` to the actions of `runs`."""
    parser = actions.add_parser(
        "report",
        help="write a run's report, to attach to a pull request: report.html and report.md",
        description="Outcome, curves, ledger, findings, preset, environment, samples token by token, the hardest rows.",
    )
    parser.add_argument("name", metavar="RUN")
    parser.add_argument("--out", metavar="DIR", help="where to (default: the run's folder)")
    parser.add_argument("--without-samples", action="store_true", help="do not open the data: no text of it is shown")
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="one JSON object: the files")
    parser.set_defaults(run=run_report)


def run_report(arguments: argparse.Namespace) -> int:
    """Write the report, and say where it is."""
    run = find_run(arguments.name)
    out = Path(arguments.out) if arguments.out else run.path
    page, text = write_report(run, out, with_samples=not arguments.without_samples)
    if arguments.json:
        sys.stdout.write(json.dumps({"html": str(page), "markdown": str(text)}) + "\n")
    else:
        sys.stdout.write(f"{page}\n{text}\n")
    return 0
