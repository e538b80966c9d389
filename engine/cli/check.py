"""`check`: the ledger, the findings, the lengths of a whole data set; exit code 1 if a finding is an error."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from engine.check.statistic import position_name, sentences
from engine.cli.preset_argument import add_preset_argument
from engine.inspector.check_messages import (
    CheckReport,
    FindingSummary,
    LengthBudget,
    Lengths,
    SampleCounts,
    StepPosition,
)
from engine.preset.load import load_preset
from engine.progress import Progress as Done
from engine.visible import visible
from engine.words import counted, share

SEVERITY_STYLE = {"error": "red", "warning": "yellow", "info": "cyan"}
BLOCKS = "▁▂▃▄▅▆▇█"
LISTED_ROWS = 100
"""Rows that `--json` lists of each finding."""
TRIED = 6
"""Values of `sequence_len` of which it is told what they would keep."""


def add_check_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the `check` command."""
    parser = commands.add_parser("check", help="account for every row, and say what is wrong with the data")
    add_preset_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object, and nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check the preset's data and print the report."""
    from engine.check.run import check
    from engine.prepare.open import open_preset

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
    for name in ("kind", "complete", "planned", "dropped_rows"):
        del whole[name]
    for finding in whole["findings"]:
        finding["rows"] = sorted(finding["rows"] + finding.pop("eval_rows"))[:LISTED_ROWS]
    return whole


def print_report(report: CheckReport, console: Console) -> None:
    """Print a report for a person."""
    console.print(ledger_text("train", report.in_samples("train"), report.rows))
    if report.eval_rows:
        console.print(ledger_text("eval", report.in_samples("eval"), report.eval_rows))
    if not report.findings:
        console.print("No findings.")
    for finding in report.findings:
        print_finding(finding, console)
    console.print()
    for name, lengths in report.lengths.items():
        console.print(lengths_text(name, lengths))
    if report.budget:
        console.print(budget_table(report.budget))
    if report.positions:
        console.print(positions_table(report.positions))
    for sentence in sentences(report.statistics):
        console.print(Text(sentence))
    console.print(Text(f"digest of the training set: {report.digest}", "dim"))


def ledger_text(split: str, counts: SampleCounts, rows: int) -> Text:
    """One split's ledger in one line: how many of how many, and where the others went; of rows, or of samples where
    rows give several.
    """
    kept, samples = counts.kept, counts.samples
    what = counted(rows, "row") if samples == rows else f"{counted(samples, 'sample')} (of {counted(rows, 'row')})"
    text = Text(f"{split}: ", "bold")
    text.append(f"{kept:,} of {what} kept", "green" if kept == samples else "yellow")
    text.append(f" ({share(kept / samples)})" if samples and kept < samples else "")
    for reason, count in counts.dropped.items():
        text.append(f" · {count:,} {reason}", "red")
    return text


def print_finding(finding: FindingSummary, console: Console) -> None:
    """A finding's code, gravity, rows; below it what was found and what to do."""
    head = Text(f"\n{finding.code}", SEVERITY_STYLE[finding.severity])
    head.append(f"  {finding.severity}, {counted(finding.count, 'row')}", "dim")
    if places := ", ".join(_places(finding)):
        head.append(f": {places}{' …' if finding.count > 4 else ''}", "dim")
    console.print(head)
    console.print(Padding(Text(visible(finding.message)), (0, 0, 0, 2), expand=False))
    console.print(Padding(Text(visible(finding.advice), "dim"), (0, 0, 0, 2), expand=False))


def _places(finding: FindingSummary) -> Iterator[str]:
    for dataset, row in sorted(finding.rows + finding.eval_rows)[:4]:
        yield f"{dataset}:{row}" if dataset else str(row)


def lengths_text(name: str, lengths: Lengths) -> Text:
    """A histogram of token counts in one line, what is over `sequence_len` marked."""
    of, unit = {
        "longer": ("longer side", "tokens"),
        "steps": ("steps a row", "steps"),
        "step": ("tokens a step", "tokens"),
    }.get(name, (name, "tokens"))
    text = Text(f"{of:<13} ", "bold")
    most = max(lengths.counts, default=0) or 1
    for edge, count in zip(lengths.edges, lengths.counts, strict=False):
        block = BLOCKS[min(len(BLOCKS) - 1, count * len(BLOCKS) // most)] if count else " "
        text.append(block, "red" if lengths.limit and edge > lengths.limit else "cyan")
    text.append(
        f" {lengths.minimum:,} to {lengths.maximum:,} {unit}, median {lengths.median:,}, "
        f"95 % up to {lengths.p95:,}; {lengths.tokens:,} in all",
        "dim",
    )
    return text


def budget_table(budget: LengthBudget) -> Table:
    """What the preset's `sequence_len`, and some others, would keep."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    for column in ("sequence_len", "samples kept", "whole", "tokens kept"):
        table.add_column(column, justify="right")
    table.add_column(f"excess_length_strategy: {budget.strategy}", style="dim")
    round_ones = [at for at in budget.at if at.sequence_len % 64 == 0 and at.sequence_len != budget.limit]
    beside = [at for at in round_ones if at.sequence_len < budget.limit][-2:]
    beside += [at for at in round_ones if at.sequence_len > budget.limit][: TRIED - 1 - len(beside)]
    for at in budget.at:
        mine, last = at.sequence_len == budget.limit, at is budget.at[-1]
        if mine or last or at in beside:
            table.add_row(
                f"{at.sequence_len:,}",
                f"{at.samples:,}",
                share(at.whole / budget.samples) if budget.samples else "-",
                share(at.tokens / budget.tokens) if budget.tokens else "-",
                "the preset's" if mine else "the longest" if last else "",
                style="bold" if mine else "",
            )
    return table


def positions_table(positions: tuple[StepPosition, ...]) -> Table:
    """The step labels by position."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    for column in ("step", "judged", "right", "not judged", "first error"):
        table.add_column(column, justify="right")
    for at in positions:
        right = share(at.right / at.judged) if at.judged else "-"
        table.add_row(position_name(at), f"{at.judged:,}", right, f"{at.unjudged:,}", f"{at.first_errors:,}")
    return table
