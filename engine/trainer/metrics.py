"""What training and evaluation report: sums gathered over a logging interval and over processes, then the metrics."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from math import inf, nan, sqrt
from typing import Any

import torch
from torch import Tensor

from engine.batch.pad import Batch
from engine.encode.encoding import EncodedRow, PairEncoding

Gather = Callable[[list[Any]], list[Any]]
"""Every process's list, laid end to end, on every process (accelerate's gather_object)."""


@dataclass
class PairSums:
    """What the metrics of pairs are computed from; sums over pairs, so that those of several processes add up."""

    loss: float = 0.0
    items: int = 0
    correct: float = 0.0
    ties: int = 0
    chosen: float = 0.0
    rejected: float = 0.0
    squares: float = 0.0
    minimum: float = inf
    maximum: float = -inf

    def metrics(self) -> dict[str, float]:
        """The metrics by name (docs/training.md). Empty where there was no pair."""
        if not self.items:
            return {}
        mean = (self.chosen + self.rejected) / (2 * self.items)
        return {
            "loss": self.loss / self.items,
            "accuracy": self.correct / self.items,
            "ties": self.ties / self.items,
            "margin": (self.chosen - self.rejected) / self.items,
            "reward_mean": mean,
            "reward_std": sqrt(max(0.0, self.squares / (2 * self.items) - mean**2)),
            "reward_min": self.minimum,
            "reward_max": self.maximum,
            "chosen_reward": self.chosen / self.items,
            "rejected_reward": self.rejected / self.items,
        }


@dataclass
class StepSums:
    """What the metrics of steps are computed from: soft labels count as right from one half on."""

    loss: float = 0.0
    items: int = 0
    true_positive: int = 0
    true_negative: int = 0
    false_positive: int = 0
    false_negative: int = 0

    def metrics(self) -> dict[str, float]:
        """The metrics by name (docs/training.md). Empty where no step was judged.

        `f1_error` is the F1 score of finding wrong steps. A class that does not occur leaves `balanced_accuracy` to
        the other one alone.
        """
        if not self.items:
            return {}
        right, wrong = self.true_positive + self.false_negative, self.true_negative + self.false_positive
        recalls = [
            found / there for found, there in ((self.true_positive, right), (self.true_negative, wrong)) if there
        ]
        found_or_missed = 2 * self.true_negative + self.false_negative + self.false_positive
        return {
            "loss": self.loss / self.items,
            "accuracy": (self.true_positive + self.true_negative) / self.items,
            "balanced_accuracy": sum(recalls) / len(recalls),
            "f1_error": 2 * self.true_negative / found_or_missed if found_or_missed else nan,
            "majority_baseline": max(right, wrong) / self.items,
            "positive_rate": right / self.items,
        }


@dataclass
class Throughput:
    """Tokens that went by: `tokens` of the rows, `computed` positions in the model, `padding` among them."""

    tokens: int = 0
    computed: int = 0
    padding: int = 0

    def metrics(self, seconds: float, steps: int) -> dict[str, float]:
        """`tokens_per_second`, `padding_fraction` and, for training, `step_time` in seconds."""
        values = {
            "tokens_per_second": self.tokens / seconds if seconds > 0 else nan,
            "padding_fraction": self.padding / self.computed if self.computed else 0.0,
        }
        return values | ({"step_time": seconds / steps} if steps else {})


Sums = PairSums | StepSums | Throughput


@dataclass
class Interval:
    """Scores and losses of an interval, kept on the device until they are asked for, so that no step waits for them."""

    seen: list[tuple[Tensor, Tensor, Tensor, Tensor | None]] = field(default_factory=list)
    throughput: Throughput = field(default_factory=Throughput)

    def add(self, scores: Tensor, losses: Tensor, batch: Batch) -> None:
        """Remember a micro-batch: `scores` as the model gave them, `losses` one an item."""
        labels = batch.get("labels")
        self.seen.append((scores.detach(), losses.detach(), batch["weight"], labels))
        self.throughput.tokens += batch["tokens"]
        self.throughput.computed += batch["computed"]
        self.throughput.padding += batch["padding"]

    @property
    def last_losses(self) -> Tensor:
        """The losses added last, one an item."""
        return self.seen[-1][1]

    def sums(self) -> PairSums | StepSums:
        """The sums over everything added, fillers left out."""
        if self.seen and self.seen[0][3] is not None:
            total_steps = StepSums()
            for scores, losses, weight, labels in self.seen:
                assert labels is not None
                add_up(total_steps, _step_sums(*_counted(weight, scores, losses, labels)))
            return total_steps
        total_pairs = PairSums()
        for scores, losses, weight, _ in self.seen:
            chosen, rejected = scores[:, 0].chunk(2)
            add_up(total_pairs, _pair_sums(*_counted(weight, chosen, rejected, losses)))
        return total_pairs

    def gathered(self, gather: Gather) -> tuple[dict[str, float], Throughput]:
        """The metrics and the throughput of all processes together."""
        items, throughputs = zip(*gather([(self.sums(), self.throughput)]), strict=True)
        whole, passed = items[0], throughputs[0]
        for other, other_throughput in zip(items[1:], throughputs[1:], strict=True):
            add_up(whole, other)
            add_up(passed, other_throughput)
        return whole.metrics(), passed


def add_up(total: Sums, other: Sums) -> None:
    """Add `other` to `total`, both of one kind. A rank without items (PairSums of nothing) adds nothing."""
    for one in fields(total):
        mine, theirs = getattr(total, one.name), getattr(other, one.name)
        choose = {"minimum": min, "maximum": max}.get(one.name)
        setattr(total, one.name, choose(mine, theirs) if choose else mine + theirs)


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


def _counted(weight: Tensor, *columns: Tensor) -> list[Tensor]:
    """The columns without the fillers' items, in fp64 on the CPU."""
    real = weight.cpu() > 0
    return [column.cpu().to(torch.float64)[real] for column in columns]


def _pair_sums(chosen: Tensor, rejected: Tensor, losses: Tensor) -> PairSums:
    if not len(losses):
        return PairSums()
    ties = (chosen == rejected).sum().item()
    both = torch.cat([chosen, rejected])
    return PairSums(
        loss=losses.sum().item(),
        items=len(losses),
        correct=(chosen > rejected).sum().item() + ties / 2,
        ties=int(ties),
        chosen=chosen.sum().item(),
        rejected=rejected.sum().item(),
        squares=both.square().sum().item(),
        minimum=both.min().item(),
        maximum=both.max().item(),
    )


def _step_sums(logits: Tensor, losses: Tensor, labels: Tensor) -> StepSums:
    predicted, right = logits[:, 1] > logits[:, 0], labels >= 0.5
    return StepSums(
        loss=losses.sum().item(),
        items=len(losses),
        true_positive=int((predicted & right).sum()),
        true_negative=int((~predicted & ~right).sum()),
        false_positive=int((predicted & ~right).sum()),
        false_negative=int((~predicted & right).sum()),
    )
