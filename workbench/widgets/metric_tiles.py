"""The latest value of every metric that has no chart of its own on screen, each with a spark line."""

import math
from collections.abc import Mapping
from typing import ClassVar

from rich.segment import Segment
from textual.app import RenderResult
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from engine.words import short_number
from workbench.run_history import RunHistory
from workbench.widgets.series import Series
from workbench.widgets.spark import spark

_TILE = 26
_VALUE = 7
_SHORT = {
    "loss": "loss",
    "accuracy": "acc",
    "margin": "margin",
    "chosen_reward": "chosen",
    "rejected_reward": "rejected",
    "reward_std": "spread",
    "balanced_accuracy": "bal. acc",
    "f1_error": "F1 errors",
    "grad_norm": "grad norm",
    "learning_rate": "lr",
    "tokens_per_second": "tokens/s",
    "padding_fraction": "padding",
    "step_time": "s/step",
    "data_time": "waiting s",
    "host_memory_gib": "RAM GiB",
    "gpu_memory_gib": "GPU GiB",
}
_ORDER = (
    "eval_loss",
    "eval_accuracy",
    "margin",
    "chosen_reward",
    "rejected_reward",
    "reward_std",
    "eval_margin",
    "balanced_accuracy",
    "eval_balanced_accuracy",
    "f1_error",
    "grad_norm",
    "learning_rate",
    "tokens_per_second",
    "step_time",
    "data_time",
    "gpu_memory_gib",
    "host_memory_gib",
    "padding_fraction",
)


class MetricTiles(Widget):
    """A few lines of tiles; what does not fit is left to the charts."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"tiles--label", "tiles--value", "tiles--spark", "tiles--eval"}
    DEFAULT_CSS = """
    MetricTiles {
        height: auto; max-height: 3; padding: 0 1;
        & > .tiles--label { color: $text-muted; }
        & > .tiles--value { color: $foreground; text-style: bold; }
        & > .tiles--eval { color: $warning; text-style: bold; }
        & > .tiles--spark { color: $primary 70%; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tiles: list[tuple[str, float | None, Series, bool]] = []
        self._strips: list[Strip] | None = None

    def show(self, history: RunHistory, gpus: Mapping[int, Series]) -> None:
        """Show the latest values of `history`, and before them the use of each GPU in percent."""
        before = len(self._tiles)
        self._tiles = [(f"GPU {index} use %", series.last, series, False) for index, series in gpus.items()]
        for name in _ORDER:
            evaluation = name.startswith("eval_")
            plain = name.removeprefix("eval_")
            series = (history.evals if evaluation else history.train).get(plain)
            if series is not None:
                latest = (history.latest_eval if evaluation else history.latest).get(plain)
                self._tiles.append((("eval " if evaluation else "") + _SHORT[plain], latest, series, evaluation))
        self._strips = None
        self.refresh(layout=len(self._tiles) != before)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as the tiles need."""
        return math.ceil(len(self._tiles) / max(1, width // _TILE))

    def render(self) -> RenderResult:
        """Never used: the tiles are drawn by line."""
        return ""

    def render_line(self, y: int) -> Strip:
        """One line of tiles."""
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

    def _draw(self, width: int, height: int) -> None:
        columns = max(1, width // _TILE)
        tile = width // columns
        longest = max((len(text) for text, *_ in self._tiles), default=0)
        label, value, line, evaluated = (
            self.get_component_rich_style(f"tiles--{name}") for name in ("label", "value", "spark", "eval")
        )
        self._strips = []
        for row in range(height):
            segments = []
            for text, latest, series, evaluation in self._tiles[row * columns : (row + 1) * columns]:
                room = max(0, tile - longest - _VALUE - 3)
                number = short_number(latest)
                segments += [
                    Segment(f"{text:<{longest}} ", label),
                    Segment(f"{number:>{_VALUE}} ", evaluated if evaluation else value),
                    Segment(f"{spark(series, room, series.axes[0]):<{room}} ", line),
                ]
            self._strips.append(Strip(segments).adjust_cell_length(width, label))
