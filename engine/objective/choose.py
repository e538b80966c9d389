"""Which loss a preset asks for, and with what settings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from engine.batch.pad import Batch
from engine.error import EngineError
from engine.objective.bradley_terry import bradley_terry_loss
from engine.objective.stepwise import stepwise_loss
from engine.preset.schema import Preset

Labels = Sequence[float] | npt.NDArray[np.float64]


class ObjectiveError(EngineError):
    """The data do not have what the objective needs."""


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss with its settings; those of the other kind of model stay unused."""

    center_coefficient: float = 0.0
    label_smoothing: float = 0.0
    focal_gamma: float = 0.0
    class_weights: tuple[float, float] = (1.0, 1.0)

    def losses(self, scores: Tensor, batch: Batch) -> Tensor:
        """The loss of each item (pair or judged step) of a batch, shape (items,)."""
        if (labels := batch.get("labels")) is not None:
            return stepwise_loss(scores, labels, self.class_weights, label_smoothing=self.label_smoothing)
        chosen, rejected = scores[:, 0].chunk(2)
        return bradley_terry_loss(
            chosen,
            rejected,
            batch.get("margin"),
            self.center_coefficient,
            label_smoothing=self.label_smoothing,
            focal_gamma=self.focal_gamma,
        )


def choose_objective(preset: Preset, labels: Labels = ()) -> Objective:
    """The preset's objective. `labels` are those of all judged training steps, which `class_weights: balanced` needs.

    Raises ObjectiveError where the weights of a class that does not occur are asked for.
    """
    return Objective(
        preset.center_rewards_coefficient or 0.0,
        preset.label_smoothing,
        preset.focal_gamma,
        _class_weights(preset, labels),
    )


def _class_weights(preset: Preset, labels: Labels) -> tuple[float, float]:
    if preset.class_weights is None:
        return 1.0, 1.0
    if preset.class_weights != "balanced":
        return preset.class_weights["wrong"], preset.class_weights["right"]
    judged, right = len(labels), float(sum(labels))
    if not 0 < right < judged:
        which = "right" if right else "wrong"
        raise ObjectiveError(
            f"`class_weights: balanced` weighs both classes alike, but every one of the {judged} steps is {which}.",
            advice="Leave class_weights out, or train on data that have right and wrong steps.",
        )
    return judged / (2 * (judged - right)), judged / (2 * right)
