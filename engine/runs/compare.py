"""Runs side by side: how their presets and their data differ, and what they reached."""

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
    the best held-out accuracy beside the last. `ledger` has the rows that came in, those kept, and those dropped by
    reason, each where it differs. `digests` are those of the training sets: equal ones mean that two runs were fed the
    same.
    """

    runs: tuple[RunSummary, ...]
    digests: tuple[str | None, ...]
    preset: dict[str, tuple[Any, ...]]
    results: dict[str, tuple[float | None, ...]]
    ledger: dict[str, tuple[int, ...]]


def compare(runs: Sequence[RunFolder]) -> Comparison:
    """Compare runs. Raises RunError or PresetError where one cannot be read."""
    presets = [flat_values(load_preset(str(run.preset)).preset) for run in runs]
    keys = dict.fromkeys(key for preset in presets for key in preset)
    differing = {key: tuple(preset.get(key) for preset in presets) for key in keys}
    outcomes = [_outcome(run) for run in runs]
    names = dict.fromkeys(name for outcome in outcomes for name in outcome.results)
    counts = [_counts(outcome.start) for outcome in outcomes]
    reasons = dict.fromkeys(name for each in counts for name in each)
    ledger = {name: tuple(each.get(name, 0) for each in counts) for name in reasons}
    return Comparison(
        runs=tuple(summarise(run) for run in runs),
        digests=tuple(outcome.start.digest if outcome.start else None for outcome in outcomes),
        preset={key: values for key, values in differing.items() if any(value != values[0] for value in values)},
        results={name: tuple(outcome.results.get(name) for outcome in outcomes) for name in names},
        ledger={name: values for name, values in ledger.items() if len(set(values)) > 1},
    )


@dataclass(frozen=True, slots=True)
class _Outcome:
    start: Start | None
    results: dict[str, float | None]


def _outcome(run: RunFolder) -> _Outcome:
    start: Start | None = None
    training: dict[str, float | None] = {}
    evaluation: dict[str, float | None] = {}
    best: float | None = None
    reader = EventReader(run.events)
    while records := reader.read():
        for record in records:
            event = record.event
            if isinstance(event, Start):
                start = event
            elif isinstance(event, Metric):
                training = {"step": event.step, **event.values}
            elif isinstance(event, Eval):
                evaluation = event.values
                accuracy = event.values.get("eval_accuracy")
                best = accuracy if best is None or (accuracy is not None and accuracy > best) else best
    return _Outcome(start, {**training, **evaluation, **({} if best is None else {"eval_best": best})})


def _counts(start: Start | None) -> dict[str, int]:
    """The numbers of a ledger by name: `rows`, `kept`, and `dropped REASON` for each reason."""
    ledger: dict[str, Any] = start.ledger if start else {}
    dropped = ledger.get("dropped")
    named = {name: ledger.get(name) for name in ("rows", "kept")}
    named |= {f"dropped {reason}": count for reason, count in dropped.items()} if isinstance(dropped, dict) else {}
    return {name: count for name, count in named.items() if isinstance(count, int)}
