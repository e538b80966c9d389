"""A stepwise sample: the prompt, then each step with its label at the token that carries it."""

from collections.abc import Iterator

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget

from engine.encode.encoding import MASKED
from engine.inspector.messages import RowView
from engine.words import counted
from workbench.row_values import RowValue
from workbench.widgets.pair_view import LEGEND_FROM
from workbench.widgets.raw_view import RawView
from workbench.widgets.refusal import RefusalNote
from workbench.widgets.run_marks import run_marks
from workbench.widgets.token_inspector import STEPS
from workbench.widgets.token_layout import View
from workbench.widgets.token_legend import TokenLegend, steps_legend
from workbench.widgets.token_marks import step_labels
from workbench.widgets.token_pane import TokenPane
from workbench.widgets.token_view import TokenView


class StepsView(Widget):
    """Shows the one sequence of a stepwise sample."""

    DEFAULT_CSS = """
    StepsView {
        height: 1fr;
        layout: vertical;
        & > RawView { display: none; }
        & > TokenLegend { display: none; }
        &.-tall > TokenLegend { display: block; }
        &.-bare > TokenPane, &.-bare > TokenLegend { display: none; }
        &.-bare > RawView { display: block; }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.row: RowView | None = None
        self._pane = TokenPane()
        self._note = RefusalNote()
        self._raw = RawView()
        self._legend = TokenLegend()

    def compose(self) -> ComposeResult:
        """The reason of a refused row, then the sequence, or the raw row where there is none."""
        yield self._note
        yield self._pane
        yield self._legend
        yield self._raw

    def show(self, row: RowView | None, limit: int = 0, value: RowValue | None = None) -> None:
        """Show a stepwise sample (None: nothing); tokens beyond `limit` are pointed at where nothing was cut.

        `value` is what a run made of it: P(right) of each judged step stands beside the step's label.
        """
        self.row = row
        self._note.show(row)
        bare = row is not None and not row.sequences
        self.set_class(bare, "-bare")
        self._raw.show(row if bare else None)
        sequence = row.sequences[0] if row and row.sequences else None
        run = run_marks(row, value)[0] if row and row.sequences else None
        opening = min(step_labels(sequence), default=0) if sequence else 0
        self._pane.show(sequence, steps_title(row), opening=opening, limit=limit, run=run)
        self._legend.show(steps_legend(sequence) if sequence else ())

    def on_resize(self, event: events.Resize) -> None:
        """The legend stands where there is room for it."""
        self.set_class(event.size.height >= LEGEND_FROM, "-tall")

    def set_view(self, view: View, whitespace: bool) -> None:
        """How the tokens are shown."""
        self._pane.tokens.view = view
        self._pane.tokens.whitespace = whitespace

    def token_views(self) -> Iterator[TokenView]:
        """The sequence's tokens."""
        yield self._pane.tokens

    def side_of(self, tokens: TokenView) -> str:
        """What a token view shows."""
        return STEPS


def steps_title(row: RowView | None) -> Content:
    """How many steps are right, wrong, in between, not judged, and lost to the cut."""
    if row is None or not row.sequences:
        return Content("steps · no tokens")
    sequence = row.sequences[0]
    labels = step_labels(sequence)
    kept = {token: label for token, label in labels.items() if sequence.kept_start <= token < sequence.kept_end}
    counts = {
        "✓": sum(label == 1 for label in kept.values()),
        "✗": sum(label == 0 for label in kept.values()),
        "~": sum(0 < label < 1 for label in kept.values()),
        "· not judged": sum(label == MASKED for label in kept.values()),
        "lost to the cut": len(labels) - len(kept),
    }
    number, whole = sequence.kept_end - sequence.kept_start, len(sequence.ids)
    tokens = f"{whole:,} tokens" + (f", {whole - number:,} cut" if number < whole else "")
    words = "  ".join(f"{count} {name}" for name, count in counts.items() if count)
    return Content(f"{counted(len(labels), 'step')}: {words or 'none'} · {tokens}")
