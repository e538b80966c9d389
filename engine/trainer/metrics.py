"""The metrics of training and evaluation: pure functions of what the model made of the rows (docs/training.md)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import nan

import numpy as np
import psutil
import torch

from engine.encode.encoding import EncodedRow, PairEncoding
from engine.sample import SampleId
from engine.trainer.results import Gather, Numbers, Passed, Results

POSITIONS = 10
"""Judged steps of a row whose accuracy has a metric of its own; those beyond share one."""

SUBSETS = 64
"""Subsets that have metrics of their own: the largest; the others share one."""


def metrics_of(results: Results) -> dict[str, float]:
    """The metrics by name. Empty where there was no item."""
    if not len(results.losses):
        return {}
    if results.labels is None:
        return {"loss": float(results.losses.mean())} | _of_pairs(results.scores)
    return {"loss": float(results.losses.mean())} | _of_steps(results.scores, results.labels) | _by_position(results)


def by_subset(results: Results, subsets: Mapping[SampleId, str]) -> dict[str, float]:
    """`loss`, `accuracy`, and for pairs `margin`, for steps `balanced_accuracy`, of each subset, as `accuracy/SUBSET`.

    `subsets` names the subset of a row; one that it does not name (of a data set without `field_subset`) is in none.
    Beyond the 64 largest they share the name `(others)`.
    """
    named = [subsets.get(row) for row in results.rows]
    largest = {name for name, _ in Counter(name for name in named if name).most_common(SUBSETS)}
    column = np.array([name if name in largest else name and "(others)" for name in named], dtype=object)
    found: dict[str, float] = {}
    for name in sorted({name for name in column if name}):
        values = metrics_of(results.only(column == name))
        kept = ("loss", "accuracy", "margin" if results.labels is None else "balanced_accuracy")
        found |= {f"{metric}/{name}": values[metric] for metric in kept if metric in values}
    return found


def throughput(passed: Passed, seconds: float, steps: int) -> dict[str, float]:
    """`tokens_per_second` and `padding_fraction`; for training `step_time`, and `data_time` of it, in seconds."""
    values = {
        "tokens_per_second": passed.tokens / seconds if seconds > 0 else nan,
        "padding_fraction": passed.padding / passed.computed if passed.computed else 0.0,
    }
    return values | ({"step_time": seconds / steps, "data_time": passed.waited / steps} if steps else {})


def memory(gather: Gather) -> dict[str, float]:
    """`host_memory_gib`, resident memory of all of the run's processes, and on CUDA `gpu_memory_gib`, the most that
    tensors have taken so far in the process where they took most.
    """
    tensors = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    everywhere = gather([(psutil.Process().memory_info().rss, tensors)])
    host, gpu = sum(resident for resident, _ in everywhere), max(taken for _, taken in everywhere)
    return {"host_memory_gib": host / 2**30} | ({"gpu_memory_gib": gpu / 2**30} if gpu else {})


def length_baseline(rows: Sequence[EncodedRow]) -> float:
    """How often the better of two rules that see only lengths prefers the chosen side: always the longer, or always
    the shorter answer; equal lengths count half. In tokens, after any cut. NaN where there is no pair.
    """
    longer, pairs = 0.0, 0
    for row in rows:
        if isinstance(row.encoding, PairEncoding):
            difference = len(row.encoding.chosen_ids) - len(row.encoding.rejected_ids)
            longer += 0.5 if difference == 0 else float(difference > 0)
            pairs += 1
    return max(longer, pairs - longer) / pairs if pairs else nan


def _of_pairs(rewards: Numbers) -> dict[str, float]:
    chosen, rejected = rewards[:, 0], rewards[:, 1]
    ties = (chosen == rejected).mean()
    return {
        "accuracy": float((chosen > rejected).mean() + ties / 2),
        "ties": float(ties),
        "margin": float((chosen - rejected).mean()),
        "reward_mean": float(rewards.mean()),
        "reward_std": float(rewards.std()),
        "reward_min": float(rewards.min()),
        "reward_max": float(rewards.max()),
        "chosen_reward": float(chosen.mean()),
        "rejected_reward": float(rejected.mean()),
    }


def _of_steps(logits: Numbers, labels: Numbers) -> dict[str, float]:
    """Soft labels count as right from one half on. `f1_error` is the F1 score of finding wrong steps. A class that
    does not occur leaves `balanced_accuracy` to the other one alone.
    """
    said, right = logits[:, 1] > logits[:, 0], labels >= 0.5
    agrees, wrong = said == right, ~right
    recalls = [agrees[of_class].mean() for of_class in (right, wrong) if of_class.any()]
    found = (agrees & wrong).sum()
    found_or_missed = found + wrong.sum() + (~agrees & right).sum()
    return {
        "accuracy": float(agrees.mean()),
        "balanced_accuracy": float(np.mean(recalls)),
        "f1_error": float(2 * found / found_or_missed) if found_or_missed else nan,
        "majority_baseline": float(max(right.mean(), wrong.mean())),
        "positive_rate": float(right.mean()),
    }


def _by_position(results: Results) -> dict[str, float]:
    """`step_accuracy/1` and so on: the accuracy of each row's first judged step, of its second, …, and of the rest."""
    assert results.labels is not None
    first = np.repeat(np.cumsum(results.counts) - results.counts, results.counts)
    position = np.minimum(np.arange(len(results.labels)) - first, POSITIONS)
    agrees = (results.scores[:, 1] > results.scores[:, 0]) == (results.labels >= 0.5)
    names = [*(f"{number}" for number in range(1, POSITIONS + 1)), f"{POSITIONS + 1}+"]
    return {f"step_accuracy/{names[at]}": float(agrees[position == at].mean()) for at in np.unique(position)}
