"""Why a row does not reach training, in plain words."""

from textual.content import Content
from textual.widgets import Static

from engine.inspector.messages import RowView
from workbench.screen_text import visible


class RefusalNote(Static):
    """Shown above a refused row's tokens, or in their place where it never had any."""

    DEFAULT_CSS = """
    RefusalNote {
        height: auto;
        max-height: 6;
        padding: 0 1;
        background: $cut 22%;
        color: $foreground;
        display: none;
        &.-refused { display: block; }
    }
    """

    def show(self, row: RowView | None) -> None:
        """Say why `row` is refused; a row that is kept leaves no trace."""
        refused = row is not None and not row.kept
        self.set_class(refused, "-refused")
        if row is not None and refused:
            self.update(
                Content.assemble(
                    ("✗ dropped: ", "bold $cut"),
                    (visible(row.reason or "without a reason"), "bold $cut"),
                    f"  {visible(row.message or '')}",
                    (
                        "" if row.sequences or not row.raw else "  (it never had tokens: this is the row itself)",
                        "$quiet",
                    ),
                )
            )
