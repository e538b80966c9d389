"""The first rows that a finding is about, in short: where they stand, what is said of them, how their sides differ."""

from collections.abc import Iterator

from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from engine.encode.encoding import TokenSequence
from engine.inspector.messages import RowView
from engine.sample import Split
from workbench.screen_text import visible
from workbench.widgets.row_header import FADED, row_counts

LINES = 6
"""Lines of a row at the most, a blank one among them."""
WIDEST = 400
"""Characters of a text beyond which no screen shows more of it in one line."""


class FindingRows(Static):
    """A few lines a row (`row_lines`) of as many rows as there is room for.

    What is shown is of `about`.
    """

    DEFAULT_CSS = """
    FindingRows { height: 1fr; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    class Resized(Message):
        """There is room for more rows, or for fewer."""

    def __init__(self) -> None:
        super().__init__()
        self.about: object = None

    @property
    def room(self) -> int:
        """How many rows can be shown."""
        return (self.size.height + 1) // LINES if self.display else 0

    def on_resize(self) -> None:
        """Say so."""
        self.post_message(self.Resized())


def row_lines(code: str, split: Split, position: int, row: RowView) -> Iterator[Content]:
    """A row in short: its place and counts, what the finding says of it, its prompt, and what its sides say apart.

    A blank line follows.
    """
    counts = [part for name, value in row_counts(row) for part in (f"  {value} ", (name, FADED))]
    yield Content.assemble((f"{split} row {position:,}", "bold"), *counts)
    said = next((one.message for one in row.findings if one.code == code), row.message if row.reason == code else None)
    if said:
        yield Content.styled(f"  {visible(said)}", FADED)
    if len(row.sequences) == 2:
        chosen, rejected = row.sequences
        yield _text("┆", "", chosen, 0, row.shared_prefix)
        yield _text("✓", "$chosen", chosen, row.shared_prefix, len(chosen.ids))
        yield _text("✗", "$rejected", rejected, row.shared_prefix, len(rejected.ids))
    elif row.sequences:
        yield _text("┆", "", row.sequences[0], 0, len(row.sequences[0].ids))
    else:
        yield Content(f"  {visible(row.raw[:WIDEST])}")
    yield Content("")


def _text(mark: str, style: str, sequence: TokenSequence, first: int, after: int) -> Content:
    """The text of tokens `first` to `after` (exclusive) in one line, as far as it can be seen."""
    if first >= after:
        return Content.assemble((f"  {mark} ", style), ("nothing more", FADED))
    start = sequence.starts[first]
    text = sequence.text[start : min(sequence.ends[after - 1], start + WIDEST)]
    return Content.assemble((f"  {mark} ", style), visible(text.replace("\n", "⏎")))
