"""What the model made of the rows that it saw, gathered over an interval and over processes.

Micro-batches stay on the device until they are asked for, so that no step waits for them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.batch.pad import Batch
from engine.sample import SampleId

Gather = Callable[[list[Any]], list[Any]]
"""Every process's list, laid end to end, on every process (accelerate's gather_object)."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Results:
    """Rows, in the order of their optimizer steps, and the items (pairs, or judged steps) that they consist of.

    `rows`, `steps`, `epochs` and `counts` (the row's items) have one entry a row. `losses` is (items,); `scores` is
    (items, 2): a pair's rewards of chosen and rejected, a judged step's logits of wrong and right; `labels` is (items,)
    for steps and None for pairs.
    """

    rows: Sequence[SampleId]
    steps: Sequence[int]
    epochs: Sequence[float]
    counts: npt.NDArray[np.int64]
    scores: Numbers
    losses: Numbers
    labels: Numbers | None

    @property
    def probabilities(self) -> Numbers:
        """For steps: P(right) of each judged step, (items,)."""
        return 1 / (1 + np.exp(np.clip(self.scores[:, 0] - self.scores[:, 1], -700, 700)))

    def only(self, chosen: npt.NDArray[np.bool_]) -> "Results":
        """The rows that a mask of shape (rows,) chooses."""
        picked, of_items = np.flatnonzero(chosen), np.repeat(chosen, self.counts)
        return self._with(picked, of_items)

    def part(self, start: int, stop: int) -> "Results":
        """The rows from start to stop (exclusive)."""
        items = slice(int(self.counts[:start].sum()), int(self.counts[:stop].sum()))
        return Results(
            self.rows[start:stop],
            self.steps[start:stop],
            self.epochs[start:stop],
            self.counts[start:stop],
            self.scores[items],
            self.losses[items],
            None if self.labels is None else self.labels[items],
        )

    def _with(self, rows: npt.NDArray[np.int64], items: npt.NDArray[Any]) -> "Results":
        return Results(
            [self.rows[i] for i in rows],
            [self.steps[i] for i in rows],
            [self.epochs[i] for i in rows],
            self.counts[rows],
            self.scores[items],
            self.losses[items],
            None if self.labels is None else self.labels[items],
        )

    @classmethod
    def joined(cls, parts: Sequence["Results"]) -> "Results":
        """The rows of all parts (one a process), those of one step together, and the parts' order within it."""
        labels = [part.labels for part in parts if part.labels is not None]
        whole = cls(
            [row for part in parts for row in part.rows],
            [step for part in parts for step in part.steps],
            [epoch for part in parts for epoch in part.epochs],
            np.concatenate([part.counts for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.losses for part in parts]),
            np.concatenate(labels) if labels else None,
        )
        if len(parts) == 1:
            return whole
        order = np.argsort(np.asarray(whole.steps, dtype=np.int64), kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return whole._with(order, np.argsort(np.repeat(place, whole.counts), kind="stable"))


@dataclass
class Passed:
    """What went by beside the results, summed over micro-batches and processes.

    `tokens` of the rows' sequences, `computed` positions in the model, `padding` among them; `waited`: seconds that
    steps waited for their batches, of the process that waited longest.
    """

    tokens: int = 0
    computed: int = 0
    padding: int = 0
    waited: float = 0.0

    @classmethod
    def joined(cls, parts: Sequence["Passed"]) -> "Passed":
        """All processes together."""
        tokens, computed, padding = (sum(getattr(p, name) for p in parts) for name in ("tokens", "computed", "padding"))
        return cls(tokens, computed, padding, max(part.waited for part in parts))


class _Seen(NamedTuple):
    rows: list[SampleId]
    counts: list[int]
    step: int
    epoch: float
    scores: Tensor
    losses: Tensor
    weight: Tensor
    labels: Tensor | None


@dataclass
class Interval:
    """The micro-batches of a logging interval, or of an evaluation."""

    seen: list[_Seen] = field(default_factory=list)
    passed: Passed = field(default_factory=Passed)

    def add(self, scores: Tensor, losses: Tensor, batch: Batch, step: int, epoch: float) -> None:
        """Remember a micro-batch: `scores` as the model gave them, `losses` one an item; `step` is the optimizer step
        that it belongs to, `epoch` how far training was before.
        """
        labels = batch.get("labels")
        shown = torch.stack(scores[:, 0].chunk(2), dim=1) if labels is None else scores
        self.seen.append(
            _Seen(batch["rows"], batch["items"], step, epoch, shown.detach(), losses.detach(), batch["weight"], labels)
        )
        self.passed.tokens += batch["tokens"]
        self.passed.computed += batch["computed"]
        self.passed.padding += batch["padding"]

    @property
    def last_losses(self) -> Tensor:
        """The losses added last, one an item."""
        return self.seen[-1].losses

    def results(self) -> Results:
        """The results of this process, fillers left out."""
        if not self.seen:
            return Results([], [], [], np.zeros(0, dtype=np.int64), np.zeros((0, 2)), np.zeros(0), None)
        labelled = [each.labels for each in self.seen if each.labels is not None]
        everything = Results(
            [row for each in self.seen for row in each.rows],
            [each.step for each in self.seen for _ in each.rows],
            [each.epoch for each in self.seen for _ in each.rows],
            np.array([count for each in self.seen for count in each.counts], dtype=np.int64),
            _numbers([each.scores for each in self.seen]),
            _numbers([each.losses for each in self.seen]),
            _numbers(labelled) if labelled else None,
        )
        real = _numbers([each.weight for each in self.seen]) > 0
        if real.all():
            return everything
        first = np.cumsum(everything.counts) - everything.counts
        return everything.only(real[first])

    def gathered(self, gather: Gather) -> tuple[Results, Passed]:
        """The results of all processes, and what passed by in them."""
        results, passed = zip(*gather([(self.results(), self.passed)]), strict=True)
        return Results.joined(results), Passed.joined(passed)


def _numbers(parts: Sequence[Tensor]) -> Numbers:
    """The tensors laid end to end, in fp64: one copy from the device, not one each."""
    return torch.cat(list(parts)).double().cpu().numpy()
