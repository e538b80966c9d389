"""One line above the rows: what is open and how it is read at the left, the ways to look at a row at the right."""

from collections.abc import Sequence
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from engine.inspector.messages import Description
from engine.words import counted, share
from workbench.row_table import RowTable
from workbench.screen_text import visible
from workbench.widgets.token_layout import View

REASONS = 2
"""Reasons why rows are dropped that there is room for."""


class SourceLine(Horizontal):
    """Source, how much of it is kept, format and why, template; text tokens ids labels raw."""

    DEFAULT_CSS = """
    SourceLine {
        height: 1;
        & > .source { width: 1fr; padding: 0 1; color: $quiet; text-wrap: nowrap; text-overflow: ellipsis; }
        & > .views {
            width: auto; padding: 0 1; color: $quiet;
            link-style: none; link-color: $quiet; link-style-hover: none;
        }
    }
    """

    _name = _rest = ""

    def compose(self) -> ComposeResult:
        """Left and right."""
        yield Static(classes="source")
        yield Static(classes="views")

    def show(self, description: Description) -> None:
        """Say what is open; the pointer resting on it gives all of it."""
        lines = [
            f"{one.path} · {one.format} ({one.reason})"
            + (f" · {counted(one.rows, 'row')}" if one.rows is not None else "")
            for one in description.sources
        ]
        tokenizer = description.tokenizer
        rest = f"template {tokenizer.template} · {tokenizer.name}"
        first = description.sources[0] if description.sources else None
        more = f" and {len(lines) - 1:,} more" if len(lines) > 1 else ""
        self._name = f"{Path(first.path).name or first.path}{more} · " if first else ""
        self._rest = f"{first.format} ({first.reason}) · {rest}" if first else rest
        source = self.query_one(".source", Static)
        source.update(Content(visible(f"{self._name}{self._rest}")))
        source.tooltip = Content(visible("\n".join([*lines, rest, *description.notices]), keep="\n"))

    def account(self, table: RowTable) -> None:
        """Say how many of the rows that are read reach training, and why the others do not."""
        read = max(table.read, 1)
        kept = int(table.kept.sum())
        parts: list[str | tuple[str, str]] = [visible(self._name), (f"{share(kept / read)} kept", "$success")]
        reasons = [(reason, count) for reason, count in table.reasons().most_common() if count]
        for reason, count in reasons[:REASONS]:
            parts += [" ", (f"{share(count / read)} {visible(reason)}", "bold $error")]
        if len(reasons) > REASONS:
            parts.append((f" +{len(reasons) - REASONS}", "bold $error"))
        so_far = "" if table.complete else " so far"
        parts.append(f"{so_far} · {visible(self._rest)}")
        self.query_one(".source", Static).update(Content.assemble(*parts))

    def mark(self, view: View, whitespace: bool, offered: Sequence[View]) -> None:
        """Mark the way the row is looked at, among those offered."""
        words = [
            f"[@click=screen.view('{one.value}')]{f'[reverse] {one.value} [/]' if one is view else f' {one.value} '}[/]"
            for one in offered
        ]
        spaces = "[reverse] · ⏎ [/]" if whitespace else " · ⏎ "
        words.append(f"[@click=screen.whitespace]{spaces}[/]")
        self.query_one(".views", Static).update(Content.from_markup("".join(words)))
