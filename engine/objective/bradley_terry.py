"""The Bradley-Terry loss of a pair, with margin and centring."""

import torch
from torch import Tensor
from torch.nn.functional import softplus


def bradley_terry_loss(
    chosen: Tensor, rejected: Tensor, margin: Tensor | None = None, center_coefficient: float = 0.0
) -> Tensor:
    """The loss of each pair: `-log sigmoid(chosen - rejected - margin) + c * (chosen + rejected)^2`.

    `chosen`, `rejected` and `margin` are rewards in nats, shape (pairs,), computed in fp32 (fp64 stays fp64); the
    result has the same shape and is not averaged, since only the trainer knows how many pairs its whole batch has.

    Sources: Bradley and Terry (1952), as the reward-model loss of Ouyang et al. (2022, arXiv:2203.02155, eq. 1); the
    margin is Touvron et al. (2023, arXiv:2307.09288, eq. 2); centring is Eisenstein et al. (2023, arXiv:2312.09244).

    Raises ValueError where the shapes differ: a (pairs, 1) margin would broadcast to (pairs, pairs) without a word.
    """
    if chosen.ndim != 1 or any(other is not None and other.shape != chosen.shape for other in (rejected, margin)):
        shapes = [tuple(t.shape) for t in (chosen, rejected, margin) if t is not None]
        raise ValueError(f"rewards and margins must all have the one shape (pairs,), not {shapes}")
    chosen, rejected = _at_least_fp32(chosen), _at_least_fp32(rejected)
    difference = chosen - rejected
    if margin is not None:
        difference = difference - margin.to(difference.dtype)
    loss = softplus(-difference)
    return loss + center_coefficient * (chosen + rejected).square() if center_coefficient else loss


def _at_least_fp32(rewards: Tensor) -> Tensor:
    return rewards if rewards.dtype == torch.float64 else rewards.float()
