"""`preview`: rows of a preset as the model will be fed them, token by token."""

import argparse
import json
import re
import sys
from collections import Counter
from typing import Any

from rich.console import Console
from rich.text import Text

from engine.cli.check import ledger_text
from engine.cli.preset_argument import add_preset_argument
from engine.encode.encoding import MASKED, TokenSequence
from engine.inspector.check_messages import SampleCounts
from engine.inspector.messages import RowView, preview_object
from engine.preset.load import load_preset
from engine.visible import visible
from engine.words import counted

DEFAULT_ROWS = "0:10"
HEAD_SHOWN, TAIL_SHOWN = 3000, 1000
"""Tokens of a sequence that are printed; of a longer one the middle is left out, and said to be."""


def add_preview_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the `preview` command."""
    parser = commands.add_parser("preview", help="show rows as the model will be fed them")
    add_preset_argument(parser)
    parser.add_argument(
        "--rows", metavar="A:B", type=row_range, help=f"rows A to B, B excluded (default {DEFAULT_ROWS})"
    )
    parser.add_argument("--split", choices=("train", "eval"), default="train", help="which rows (default train)")
    parser.add_argument("--json", action="store_true", help="one JSON object a row, and nothing else")
    parser.set_defaults(run=run)


def row_range(text: str) -> tuple[int, int | None]:
    """`A:B`, `A:`, `:B` or `A` as (start, stop); an open end is None. Raises argparse.ArgumentTypeError."""
    match = re.fullmatch(r"(\d*)(:?)(\d*)", text.strip())
    if match is None or not (match[1] or match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a range of rows such as 40:60")
    start = int(match[1] or 0)
    if not match[2]:
        return start, start + 1
    return start, int(match[3]) if match[3] else None


def run(arguments: argparse.Namespace) -> int:
    """Print the rows asked for; exit code 0, also where rows are refused (that is what one looks for)."""
    from engine.inspector.view import view_row
    from engine.prepare.open import open_preset
    from engine.prepare.rows import encode_rows

    opened = open_preset(load_preset(arguments.preset, arguments.set))
    start, stop = arguments.rows or row_range(DEFAULT_ROWS)
    console = Console(highlight=False, soft_wrap=True)
    if not arguments.json:
        console.print(_heading(opened, arguments.split))
    kept, reasons, rows = 0, Counter[str](), 0
    for encoded in encode_rows(opened, arguments.split, start, stop):
        view = view_row(opened, *encoded)
        rows += view.item == 0
        if view.reason is None:
            kept += 1
        else:
            reasons[view.reason] += 1
        if arguments.json:
            sys.stdout.write(json.dumps(preview_object(view)) + "\n")
        else:
            console.print(row_text(view))
    if not arguments.json:
        counts = SampleCounts(kept + reasons.total(), kept, dict(reasons.most_common()))
        total = len(opened.split(arguments.split))
        console.print(ledger_text("shown", counts, rows) if counts.samples else none_shown(arguments.split, total))
    return 0


def none_shown(split: str, total: int) -> Text:
    """Why no row is shown."""
    if total:
        return Text(f"The {split} split has {counted(total, 'row')}, none of them in the range asked for.")
    if split == "eval":
        return Text("There is no eval split: set `val_set_size` or `test_datasets` in the preset.")
    return Text("There are no rows.")


def _heading(opened: Any, split: str) -> Text:
    heading = Text()
    for source in opened.split(split).sources:
        heading.append(f"{visible(source.config.path)}  ", "bold")
        heading.append(
            f"{counted(len(source.source), 'row')} · {source.format.name}: {visible(source.format.reason)}\n"
        )
    heading.append(
        "dim: shared prefix and masked tokens · ▲ the reward is read here · struck through: cut away\n", "dim"
    )
    return heading


def row_text(view: RowView) -> Text:
    """One row as coloured text: its header, its sequences token by token, its findings."""
    text = Text()
    item = f".{view.item}" if view.item else ""
    text.append(f"── row {view.row}{item}", "bold")
    if view.dataset:
        text.append(f" of data set {view.dataset}")
    text.append("  kept" if view.kept else f"  dropped: {view.reason}", "green" if view.kept else "red")
    if view.message:
        text.append(f"  {visible(view.message)}")
    text.append("\n")
    names = ("chosen", "rejected") if view.model_kind == "pair" else ("steps",)
    for name, sequence in zip(names, view.sequences, strict=False):
        text.append(f"{name} ", "bold green" if name != "rejected" else "bold red")
        kept = sequence.kept_end - sequence.kept_start
        text.append(f"{kept} tokens", "dim")
        if kept < len(sequence.ids):
            text.append(f", {len(sequence.ids) - kept} cut", "yellow")
        text.append("\n")
        _append_tokens(text, view, sequence)
        text.append("\n")
    for finding in view.findings:
        text.append(
            f"  {finding.severity}: {finding.code}  ",
            {"error": "red", "warning": "yellow"}.get(finding.severity, "cyan"),
        )
        text.append(f"{visible(finding.message)}\n")
    return text


def _append_tokens(text: Text, view: RowView, sequence: TokenSequence) -> None:
    """One sequence's tokens, of a very long one its head and its tail."""
    left_out = range(HEAD_SHOWN, max(HEAD_SHOWN, len(sequence.ids) - TAIL_SHOWN))
    for i, piece in enumerate(sequence.pieces):
        if i in left_out:
            if i == left_out.start:
                text.append(f" … {len(left_out)} tokens more (--json has them all) … ", "yellow")
            continue
        cut = not sequence.kept_start <= i < sequence.kept_end
        shared = view.model_kind == "pair" and i < view.shared_prefix
        label = sequence.labels[i]
        masked = view.model_kind == "steps" and label == MASKED
        style = "strike dim" if cut else "cyan" if sequence.special[i] else "dim" if shared or masked else ""
        # A newline is shown, and breaks the line as it does in the text.
        spelled = visible(piece).replace("␊", "␊\n")
        # Token boundaries show as alternating underlines, which survive a terminal without colours.
        text.append(spelled, f"{style} underline".strip() if i % 2 else style)
        if view.model_kind == "steps" and not masked:
            text.append(f"⟨{label:g}⟩", "bold green" if label >= 0.5 else "bold red")
        if i == sequence.pooled and not cut:
            text.append("▲", "bold yellow")
