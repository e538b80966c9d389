"""Runs side by side in words: how their presets and data differ, and what they reached, a column a run."""

from textual.content import Content

from engine.runs.compare import Comparison
from engine.words import short_number
from workbench.screen_text import cut
from workbench.widgets.run_list import CURVE_COLOURS


def differences(found: Comparison) -> Content:
    """What differs between the presets of runs and in their data, and what they reached, a column a run."""
    preset, results, ledger = found.preset, found.results, found.ledger
    names = [run.name for run in found.runs]
    wide = min(28, max([len(key) for key in (*preset, *results, *ledger)], default=8) + 2)
    column = 16
    lines = [
        Content.assemble(
            " " * wide,
            *((cut(name, column), CURVE_COLOURS[place % len(CURVE_COLOURS)]) for place, name in enumerate(names)),
        )
    ]
    if not preset:
        lines.append(Content.styled("the presets do not differ", "$quiet"))
    for key, values in preset.items():
        shown = [cut(_value(value), column) for value in values]
        lines.append(Content.assemble((cut(key, wide), "$quiet"), *shown))
    lines.append(Content(""))
    same = len(set(found.digests)) == 1 and found.digests[0]
    lines.append(Content.styled(f"fed {'the same training set' if same else 'different training sets'}", "$quiet"))
    for key, counts in ledger.items():
        shown = [cut(f"{count:,}", column) for count in counts]
        lines.append(Content.assemble((cut(key, wide), "$quiet"), *shown))
    lines.append(Content(""))
    for key, numbers in results.items():
        lines.append(Content.assemble((cut(key, wide), "$quiet"), *(cut(short_number(n), column) for n in numbers)))
    return Content("\n").join(lines)


def _value(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)
