"""Component classes of a widget, laid over each other into the Rich styles that lines are painted with."""

from rich.style import Style
from textual.color import Color
from textual.widget import Widget


class Palette:
    """The styles of a widget's component classes, alone and combined, each worked out once per theme.

    Textual paints component colours flat; here later classes lie over earlier ones with their alpha, and
    `text-opacity` lets the text fade into whatever background it ends on.
    """

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[tuple[str, ...], Style] = {}

    def clear(self) -> None:
        """Forget all styles: the theme has changed."""
        self._styles.clear()

    def __call__(self, *names: str) -> Style:
        """The style of component classes laid over the widget's own, later ones on top."""
        style = self._styles.get(names)
        if style is None:
            style = self._styles[names] = self._combine(names)
        return style

    def _combine(self, names: tuple[str, ...]) -> Style:
        _, _, background, color = self._widget.colors
        opacity = 1.0
        attributes = Style()
        auto: float | None = None
        for name in names:
            styles = self._widget.get_component_styles(name)
            if styles.has_rule("background"):
                background += styles.background
            if styles.has_rule("auto_color") and styles.auto_color:
                auto = styles.color.a
            elif styles.has_rule("color"):
                color, auto = styles.color, None
            if styles.has_rule("text_opacity"):
                opacity *= styles.text_opacity
            if styles.has_rule("text_style"):
                attributes += styles.text_style
        if auto is not None:
            color = background.get_contrast_text(auto)
        if color.ansi is not None:
            # Terminal colours cannot be blended; the terminal can dim.
            attributes += Style(dim=opacity < 1 or None)
        else:
            color = _flat(background, color, opacity)
        return Style(color=color.rich_color, bgcolor=background.rich_color) + attributes


def _flat(background: Color, color: Color, opacity: float) -> Color:
    return background.blend(color, color.a * opacity, alpha=1.0)
