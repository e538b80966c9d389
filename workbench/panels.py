"""Which charts a run has, in the order of what one looks at first, and what its metrics are called on screen."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.events.alarms import LN_2
from workbench.run_history import RunHistory
from workbench.widgets.plot import COLOURS, Curve, Plot, Reference
from workbench.widgets.series import Series

LABELS = {
    "reward_mean": "reward mean",
    "reward_std": "reward spread",
    "reward_min": "reward min",
    "reward_max": "reward max",
    "chosen_reward": "chosen",
    "rejected_reward": "rejected",
    "grad_norm": "grad norm",
    "learning_rate": "learning rate",
    "tokens_per_second": "tokens/s",
    "padding_fraction": "padding",
    "step_time": "step seconds",
    "balanced_accuracy": "balanced acc",
    "f1_error": "F1 of errors",
    "majority_baseline": "majority",
    "positive_rate": "positive rate",
    "data_time": "waiting for data",
    "host_memory_gib": "host memory GiB",
    "gpu_memory_gib": "GPU memory GiB",
    "ties": "ties",
}
"""How a metric is called on screen, where not by its name with spaces."""

_FRACTIONS = ("accuracy", "balanced_accuracy", "f1_error", "positive_rate", "padding_fraction", "majority_baseline")

_PAIR = (
    ("loss",),
    ("accuracy",),
    ("margin",),
    ("chosen_reward", "rejected_reward"),
    ("grad_norm",),
    ("learning_rate",),
    ("tokens_per_second",),
    ("reward_std",),
)
_STEPS = (
    ("loss",),
    ("accuracy",),
    ("balanced_accuracy",),
    ("f1_error",),
    ("grad_norm",),
    ("learning_rate",),
    ("tokens_per_second",),
    ("positive_rate",),
)
_LATER = (("gpu_memory_gib",), ("host_memory_gib",), ("step_time", "data_time"))
_SMOOTH = ("learning_rate", "gpu_memory_gib", "host_memory_gib")
_REFERENCES_ONLY = ("majority_baseline", "length_baseline")
_BY_POSITION = "step_accuracy/"
_AFTER_REWARDS = 4
"""How many charts come before the histograms."""


@dataclass(frozen=True, slots=True)
class NamedRun:
    """A run's history under the name that its curves carry."""

    name: str
    history: RunHistory


def label_of(metric: str) -> str:
    """What a metric is called on screen."""
    return LABELS.get(metric, metric.replace("_", " "))


def panels(history: RunHistory) -> list[Plot]:
    """The charts of one run: training and evaluation together, what matters most first; nothing is left out."""
    steps = history.start is not None and history.start.model_kind == "steps"
    known = (*(_STEPS if steps else _PAIR), *_LATER)
    plots = []
    for number, metrics in enumerate((*known, *_rest([history], known))):
        curves = [
            Curve("train" if len(metrics) == 1 else label_of(name), history.train[name], colour)
            for colour, name in zip((0, 1), metrics, strict=False)
            if name in history.train
        ]
        if len(metrics) == 1 and metrics[0] in history.evals:
            curves.append(Curve("eval", history.evals[metrics[0]], 1, marks=True))
        if curves or number < 2:
            title = _TITLES.get(metrics, label_of(metrics[0]))
            plots.append(_plot(title, metrics[0], curves, steps, history))
    return [*plots[:_AFTER_REWARDS], *_histograms(history, steps), *_positions(history), *_subsets(history),
            *plots[_AFTER_REWARDS:]]  # fmt: skip


_TITLES = {("chosen_reward", "rejected_reward"): "rewards", ("step_time", "data_time"): "seconds a step"}


def _histograms(history: RunHistory, steps: bool) -> list[Plot]:
    """How both sides' rewards (for steps: P(right)) lie over time, in training and in evaluation."""
    title = "P(right)" if steps else "rewards"
    return [
        Plot(f"{title} in {'training' if split == 'train' else 'evaluation'}", spread=history.spreads[split])
        for split in ("train", "eval")
        if split in history.spreads
    ]


def _positions(history: RunHistory) -> list[Plot]:
    """The latest accuracy of each row's first judged step, of its second, and so on."""
    curves = []
    for colour, (name, latest) in enumerate((("train", history.latest), ("eval", history.latest_eval))):
        series = Series(("position",))
        for metric, value in latest.items():
            if metric.startswith(_BY_POSITION):
                series.append(int(metric.removeprefix(_BY_POSITION).removesuffix("+")), value)
        if len(series):
            curves.append(Curve(name, series, colour, marks=True))
    if not curves:
        return []
    half = (Reference(0.5, "chance"),)
    return [
        Plot("accuracy of the nth step", tuple(curves), half, "position", own_axis=True, smoothing=1, limits=(0.0, 1.0))
    ]


def _subsets(history: RunHistory) -> list[Plot]:
    """The subsets of the held-out rows, for each metric the worst of them: as many as there are colours."""
    found: dict[str, list[str]] = {}
    for name in history.evals:
        metric, slash, _ = name.partition("/")
        if slash and not name.startswith(_BY_POSITION):
            found.setdefault(metric, []).append(name)
    plots = []
    for metric, names in found.items():
        worst = sorted(names, key=lambda name: (history.latest_eval.get(name) or 0.0) * (-1 if metric == "loss" else 1))
        curves = [
            Curve(name.partition("/")[2], history.evals[name], colour, marks=True)
            for colour, name in enumerate(worst[:COLOURS])
        ]
        of = f", worst {COLOURS}" if len(names) > COLOURS else " by subset"
        title = f"eval {label_of(metric).replace('accuracy', 'acc')}{of}"
        plots.append(Plot(title, tuple(curves), limits=_limits(metric)))
    return plots


def comparison(runs: Sequence[NamedRun]) -> list[Plot]:
    """The charts of several runs, a curve for each; evaluation has charts of its own."""
    steps = all(run.history.start is not None and run.history.start.model_kind == "steps" for run in runs)
    known = _STEPS if steps else _PAIR
    single = [(name,) for metrics in known for name in metrics]
    names = [name for (name,) in (*single[:2], *single[2:], *_rest([run.history for run in runs], tuple(single)))]
    plots = []
    for name in names:
        for what, marks in (("", False), ("eval ", True)):
            curves = [
                Curve(run.name, series, colour, marks)
                for colour, run in enumerate(runs)
                if (series := (run.history.evals if marks else run.history.train).get(name)) is not None
            ]
            if curves:
                plots.append(_plot(what + label_of(name), name, curves, steps, runs[0].history))
    return sorted(plots, key=lambda plot: _FIRST.index(plot.title) if plot.title in _FIRST else len(_FIRST))


_FIRST = ("loss", "accuracy", "eval loss", "eval accuracy")


def _plot(title: str, metric: str, curves: Iterable[Curve], steps: bool, history: RunHistory) -> Plot:
    references: tuple[Reference, ...] = ()
    if metric == "loss" and not steps:
        references = (Reference(LN_2, "ln 2"),)
    elif metric == "accuracy" and steps:
        majority = history.latest_eval.get("majority_baseline") or history.latest.get("majority_baseline")
        references = (Reference(majority, "majority"),) if majority else ()
    elif metric == "accuracy":
        length = history.latest_eval.get("length_baseline")
        references = (Reference(0.5, "chance"), *([Reference(length, "length alone")] if length else []))
    elif metric == "balanced_accuracy":
        references = (Reference(0.5, "chance"),)
    elif metric in ("margin", "chosen_reward"):
        references = (Reference(0.0, "0"),)
    smoothing = 1 if metric in _SMOOTH else None
    return Plot(title, tuple(curves), references, limits=_limits(metric), smoothing=smoothing)


def _limits(metric: str) -> tuple[float, float]:
    return (0.0, 1.0) if metric in _FRACTIONS else (-math.inf, math.inf)


def _rest(histories: Iterable[RunHistory], known: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    shown = {name for metrics in known for name in metrics} | set(_REFERENCES_ONLY)
    names = dict.fromkeys(name for history in histories for name in (*history.train, *history.evals))
    return [(name,) for name in names if name not in shown and "/" not in name]
