"""How rewards are spread: bins whose width is a round number, so that histograms of different times line up."""

import math
from collections.abc import Mapping

import numpy as np

from engine.trainer.results import Numbers, Results

BINS = 32


def spread(results: Results) -> tuple[float, float, dict[str, tuple[int, ...]]]:
    """Where the first bin begins, the bins' width, and how many values of each side fall into each bin.

    For pairs the rewards of `chosen` and `rejected`; for steps P(right) of steps labelled `right` and `wrong`, from 0
    to 1 in bins of 0.05. A bin's lower end belongs to it; what is not finite is left out. Bins begin at multiples of
    their width, which is 1, 2 or 5 times a power of ten and gives about 16 to 34 bins.
    """
    if results.labels is None:
        return _binned({"chosen": results.scores[:, 0], "rejected": results.scores[:, 1]})
    said, right = results.probabilities, results.labels >= 0.5
    sides = {"right": said[right], "wrong": said[~right]}
    return 0.0, 0.05, {name: _counts(np.minimum(of_side / 0.05, 19.5), 0, 20) for name, of_side in sides.items()}


def _binned(sides: Mapping[str, Numbers]) -> tuple[float, float, dict[str, tuple[int, ...]]]:
    everything = np.concatenate(list(sides.values()))
    everything = everything[np.isfinite(everything)]
    if not len(everything):
        return 0.0, 1.0, dict.fromkeys(sides, (0,))
    low, high = float(everything.min()), float(everything.max())
    width = _round_up(max((high - low) / BINS, np.abs(everything).max() * 1e-6, 1e-6))
    first = math.floor(low / width)
    bins = math.floor(high / width) - first + 1
    return first * width, width, {name: _counts(values / width, first, bins) for name, values in sides.items()}


def _counts(places: Numbers, first: int, bins: int) -> tuple[int, ...]:
    """How many of the places, counted in bins, fall into each bin from bin `first` on."""
    inside = np.clip(np.floor(places[np.isfinite(places)]).astype(np.int64) - first, 0, bins - 1)
    return tuple(np.bincount(inside, minlength=bins).tolist())


def _round_up(width: float) -> float:
    """The least of 1, 2 and 5 times a power of ten that is no less."""
    power = 10.0 ** math.floor(math.log10(width))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= width * (1 - 1e-9)))
