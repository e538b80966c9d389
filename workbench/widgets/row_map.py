"""A map of a run's rows: how sure the model is of each against how much that changes from visit to visit.

After the data maps of Swayamdipta et al. 2020 (arXiv:2009.10795), with margins in place of probabilities.
"""

from collections.abc import Sequence
from math import isfinite
from typing import ClassVar

from rich.segment import Segment
from textual.app import RenderResult
from textual.strip import Strip
from textual.widget import Widget

from engine.runs.hard_rows import HardRow
from workbench.widgets.braille import Layer, character
from workbench.widgets.ticks import nice_ticks, tick_labels

_GUTTER = 6


class RowMap(Widget):
    """A dot a row: mean margin upwards, variability to the right; doubted rows in a colour of their own.

    Where every row was seen once, and nothing varies, the epoch in which it was seen lies to the right.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"map--axis", "map--dot", "map--doubted", "map--here", "map--plain"}
    DEFAULT_CSS = """
    RowMap {
        & > .map--plain { color: $foreground; }
        & > .map--axis { color: $text-muted; }
        & > .map--dot { color: $primary 70%; }
        & > .map--doubted { color: $error; }
        & > .map--here { color: $warning; text-style: bold; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: Sequence[HardRow] = ()
        self._here: HardRow | None = None
        self._strips: list[Strip] | None = None

    def show(self, rows: Sequence[HardRow], here: HardRow | None) -> None:
        """Show these rows, and where one of them lies."""
        self._rows, self._here, self._strips = rows, here, None
        self.refresh()

    def render(self) -> RenderResult:
        """Never used: the map is drawn by line."""
        return ""

    def render_line(self, y: int) -> Strip:
        """One line of the map."""
        if self._strips is None or len(self._strips) != self.content_size.height:
            self._draw(self.content_size.width, self.content_size.height)
        assert self._strips is not None
        return self._strips[y]

    def on_resize(self) -> None:
        """The drawing fits one size only."""
        self._strips = None

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self._strips = None

    def _draw(self, columns: int, rows: int) -> None:
        styles = {name: self.get_component_rich_style(f"map--{name}") for name in
                  ("axis", "dot", "doubted", "here", "plain")}  # fmt: skip
        width, height = columns - _GUTTER, rows - 3
        varied = any(row.variability > 0 for row in self._rows)
        points = [(row, _right(row, varied), row.mean_margin) for row in self._rows if isfinite(row.mean_margin)]
        if width < 8 or height < 3 or not points:
            self._strips = [Strip.blank(columns, styles["plain"]) for _ in range(rows)]
            return
        right = max(x for _, x, _ in points) or 1.0
        low, high = min(0.0, *(y for _, _, y in points)), max(0.0, *(y for _, _, y in points))
        span = (high - low) or 1.0

        def place(x: float, y: float) -> tuple[int, int]:
            return round(x / right * (width * 2 - 1)), round((high - y) / span * (height * 4 - 1))

        all_dots, doubted = Layer(width, height), Layer(width, height)
        for row, x, y in points:
            all_dots.dot(*place(x, y))
            if row.doubted:
                doubted.dot(*place(x, y))
        here = None
        if self._here is not None and isfinite(self._here.mean_margin):
            x, y = place(_right(self._here, varied), self._here.mean_margin)
            here = (y >> 2) * width + (x >> 1)
        ticks = nice_ticks(low, high, max(2, height // 3))
        at_row = {place(0, tick)[1] >> 2: label for tick, label in zip(ticks, tick_labels(ticks), strict=True)}
        title = Segment(f"{'mean margin'[:columns]:<{columns}}", styles["axis"])
        self._strips = [Strip([title], columns)]
        for line in range(height):
            label = f"{at_row[line][: _GUTTER - 1]:>{_GUTTER - 1}}┤" if line in at_row else " " * (_GUTTER - 1) + "│"
            segments = [Segment(label, styles["axis"])]
            for cell in range(line * width, (line + 1) * width):
                if cell == here:
                    segments.append(Segment("◆", styles["here"]))
                elif doubted.cells[cell]:
                    segments.append(Segment(character(all_dots.cells[cell]), styles["doubted"]))
                else:
                    segments.append(Segment(character(all_dots.cells[cell]), styles["dot"]))
            self._strips.append(Strip(segments, columns))
        rule = " " * (_GUTTER - 1) + "└" + "─" * width
        reaches = f"{'variability' if varied else 'epoch'}, up to {right:.2g}"
        below = f"{'0':>{_GUTTER}}{reaches:>{width}}"
        self._strips += [Strip([Segment(text[:columns].ljust(columns), styles["axis"])]) for text in (rule, below)]


def _right(row: HardRow, varied: bool) -> float:
    return row.variability if varied else row.record.epochs[-1]
