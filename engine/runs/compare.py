"""Runs side by side: how their presets differ, and what they reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.events.reader import EventReader
from engine.events.schema import Eval, Metric, Start
from engine.preset.load import load_preset
from engine.preset.show import flat_values
from engine.runs.folder import RunFolder
from engine.runs.summary import RunSummary, summarise


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side; every row has one value a run, in the runs' order, None where a run has none.

    `preset` holds the keys (dotted) whose values differ. `results` holds the last value of each metric, `eval_best`
    the best held-out accuracy beside the last. `digests` are those of the training sets: equal ones mean that two
    runs were fed the same.
    """

    runs: tuple[RunSummary, ...]
    digests: tuple[str | None, ...]
    preset: dict[str, tuple[Any, ...]]
    results: dict[str, tuple[float | None, ...]]


def compare(runs: Sequence[RunFolder]) -> Comparison:
    """Compare runs. Raises RunError or PresetError where one cannot be read."""
    presets = [flat_values(load_preset(str(run.preset)).preset) for run in runs]
    keys = dict.fromkeys(key for preset in presets for key in preset)
    differing = {key: tuple(preset.get(key) for preset in presets) for key in keys}
    outcomes = [_outcome(run) for run in runs]
    names = dict.fromkeys(name for _, values in outcomes for name in values)
    return Comparison(
        runs=tuple(summarise(run) for run in runs),
        digests=tuple(digest for digest, _ in outcomes),
        preset={key: values for key, values in differing.items() if any(value != values[0] for value in values)},
        results={name: tuple(values.get(name) for _, values in outcomes) for name in names},
    )


def _outcome(run: RunFolder) -> tuple[str | None, dict[str, float | None]]:
    digest: str | None = None
    training: dict[str, float | None] = {}
    evaluation: dict[str, float | None] = {}
    best: float | None = None
    reader = EventReader(run.events)
    while records := reader.read():
        for record in records:
            event = record.event
            if isinstance(event, Start):
                digest = event.digest
            elif isinstance(event, Metric):
                training = {"step": event.step, **event.values}
            elif isinstance(event, Eval):
                evaluation = event.values
                accuracy = event.values.get("eval_accuracy")
                best = accuracy if best is None or (accuracy is not None and accuracy > best) else best
    return digest, {**training, **evaluation, **({} if best is None else {"eval_best": best})}
