"""One line above the rows: what is open and how it is read at the left, the ways to look at a row at the right."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from engine.inspector.messages import Description
from workbench.screen_text import visible
from workbench.widgets.token_layout import View


class SourceLine(Horizontal):
    """Source, format and why, template; text tokens ids labels raw."""

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

    def compose(self) -> ComposeResult:
        """Left and right."""
        yield Static(classes="source")
        yield Static(classes="views")

    def show(self, description: Description) -> None:
        """Say what is open; the pointer resting on it gives all of it."""
        source = self.query_one(".source", Static)
        lines = [
            f"{one.path} · {one.format} ({one.reason})" + (f" · {one.rows:,} rows" if one.rows is not None else "")
            for one in description.sources
        ]
        tokenizer = description.tokenizer
        more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
        rest = f"template {tokenizer.template} · {tokenizer.name}"
        source.update(Content(visible(f"{lines[0]}{more} · {rest}" if lines else rest)))
        source.tooltip = Content(visible("\n".join([*lines, rest, *description.notices]), keep="\n"))

    def mark(self, view: View, whitespace: bool, offered: Sequence[View]) -> None:
        """Mark the way the row is looked at, among those offered."""
        words = [
            f"[@click=screen.view('{one.value}')]{f'[reverse] {one.value} [/]' if one is view else f' {one.value} '}[/]"
            for one in offered
        ]
        spaces = "[reverse] · ⏎ [/]" if whitespace else " · ⏎ "
        words.append(f"[@click=screen.whitespace]{spaces}[/]")
        self.query_one(".views", Static).update(Content.from_markup("".join(words)))
