"""`check`: the ledger, the findings, the lengths of a whole data set; exit code 1 if a finding is an error."""

import argparse
import json
import sys
from dataclasses import asdict

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from engine.cli.preset_argument import add_preset_argument
from engine.inspector.check_messages import CheckReport, Lengths
from engine.preset.load import load_preset
from engine.progress import Progress as Done
from engine.visible import visible

SEVERITY_STYLE = {"error": "red", "warning": "yellow", "info": "cyan"}
BLOCKS = "▁▂▃▄▅▆▇█"


def add_check_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the `check` command."""
    parser = commands.add_parser("check", help="account for every row, and say what is wrong with the data")
    add_preset_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object, and nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check the preset's data and print the report."""
    from engine.check.run import check
    from engine.prepare import open_preset

    opened = open_preset(load_preset(arguments.preset, arguments.set))
    bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=Console(stderr=True))
    with bar:
        tasks: dict[str, int] = {}

        def progress(done: Done) -> None:
            if done.phase not in tasks:
                tasks[done.phase] = bar.add_task(done.phase, total=done.total)
            bar.update(tasks[done.phase], completed=done.done, total=done.total)  # type: ignore[arg-type]

        report = check(opened, progress, lambda: False)
    if arguments.json:
        sys.stdout.write(json.dumps(check_object(report)) + "\n")
    else:
        print_report(report, Console(highlight=False))
    return int(any(finding.severity == "error" for finding in report.findings))


def check_object(report: CheckReport) -> dict[str, object]:
    """The object that `check --json` prints (docs/command-line.md)."""
    whole = asdict(report)
    del whole["kind"]
    return whole


def print_report(report: CheckReport, console: Console) -> None:
    """Print a report for a person."""
    console.print(ledger_text("train", report.rows, report.kept, report.dropped))
    if report.eval_rows:
        console.print(ledger_text("eval", report.eval_rows, report.eval_kept, report.eval_dropped))
    if report.findings:
        table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
        for column in ("finding", "severity", "rows", "what", "first rows"):
            table.add_column(column, justify="right" if column == "rows" else "left")
        for finding in report.findings:
            rows = ", ".join(str(row) if not dataset else f"{dataset}:{row}" for dataset, row in finding.rows[:4])
            what = Text(visible(finding.message)).append(f"\n{visible(finding.advice)}", "dim")
            code = Text(finding.code, SEVERITY_STYLE[finding.severity])
            table.add_row(code, finding.severity, f"{finding.count:,}", what, rows)
        console.print(table)
    else:
        console.print("No findings.")
    for name, lengths in report.lengths.items():
        console.print(lengths_text(name, lengths))
    for name, value in report.statistics.items():
        console.print(Text(f"{name}: {value:,.0f}" if value >= 1000 else f"{name}: {value:.4g}", "dim"))
    console.print(Text(f"digest of the training set: {report.digest}", "dim"))


def ledger_text(split: str, rows: int, kept: int, dropped: dict[str, int]) -> Text:
    """One split's ledger in one line: how many of how many, and where the others went."""
    text = Text(f"{split}: ", "bold")
    text.append(f"{kept} of {rows} samples kept", "green" if kept == rows else "yellow")
    for reason, count in dropped.items():
        text.append(f" · {count} {reason}", "red")
    return text


def lengths_text(name: str, lengths: Lengths) -> Text:
    """A histogram of token counts in one line, the cut line marked."""
    text = Text(f"{name}: ", "bold")
    most = max(lengths.counts, default=0) or 1
    for edge, count in zip(lengths.edges, lengths.counts, strict=False):
        block = BLOCKS[min(len(BLOCKS) - 1, count * len(BLOCKS) // most)] if count else " "
        text.append(block, "red" if lengths.limit and edge >= lengths.limit else "cyan")
    text.append(
        f" {lengths.minimum} to {lengths.maximum} tokens, median {lengths.median}, 95 % below {lengths.p95}; "
        f"{f'sequence_len {lengths.limit}; ' if lengths.limit else ''}{lengths.tokens} tokens in all",
        "dim",
    )
    return text
