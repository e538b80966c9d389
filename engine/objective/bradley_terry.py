"""The Bradley-Terry loss of a pair, with margin, centring, label smoothing, and the focal weight."""

from math import log

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus


def bradley_terry_loss(
    chosen: Tensor,
    rejected: Tensor,
    margin: Tensor | None = None,
    center_coefficient: float = 0.0,
    *,
    label_smoothing: float = 0.0,
    focal_gamma: float = 0.0,
) -> Tensor:
    """The loss of each pair. With `d = chosen - rejected - margin` and `p = sigmoid(d)`:

    `-log p`; with label smoothing e `-(1 - e) log p - e log(1 - p)`; with focal gamma g `-min(1, 2 (1 - p))^g log p`;
    and with a centring coefficient c the term `c (chosen + rejected)^2` beside it.

    `chosen`, `rejected` and `margin` are rewards in nats, shape (pairs,), computed in fp32 (fp64 stays fp64); the
    result has the same shape and is not averaged, since only the trainer knows how many pairs its whole batch has.

    Sources: Bradley and Terry (1952), as the reward-model loss of Ouyang et al. (2022, arXiv:2203.02155, eq. 1); the
    margin is Touvron et al. (2023, arXiv:2307.09288, eq. 2); centring is Eisenstein et al. (2023, arXiv:2312.09244);
    label smoothing, e being the probability that a label is flipped, is Mitchell (2023, "A note on DPO with noisy
    preferences and relationship to IPO": conservative DPO) with rewards in place of log ratios; the focal weight, which
    is 1 up to p = 1/2 and falls from there, is Cai et al. (2024, InternLM2, arXiv:2403.17297, focal ranking loss).

    Raises ValueError where the shapes differ (a (pairs, 1) margin would broadcast to (pairs, pairs) without a word),
    and where label smoothing and a focal gamma are both given: one doubts easy pairs, the other leaves them alone.
    """
    if chosen.ndim != 1 or any(other is not None and other.shape != chosen.shape for other in (rejected, margin)):
        shapes = [tuple(t.shape) for t in (chosen, rejected, margin) if t is not None]
        raise ValueError(f"rewards and margins must all have the one shape (pairs,), not {shapes}")
    if label_smoothing and focal_gamma:
        raise ValueError("label smoothing and a focal gamma do not go together")
    chosen, rejected = _at_least_fp32(chosen), _at_least_fp32(rejected)
    difference = chosen - rejected
    if margin is not None:
        difference = difference - margin.to(difference.dtype)
    loss = softplus(-difference)
    if label_smoothing:
        # -(1 - e) log p - e log(1 - p), since log(1 - p) = log p - d.
        loss = loss + label_smoothing * difference
    if focal_gamma:
        loss = (focal_gamma * (log(2) + logsigmoid(-difference)).clamp(max=0)).exp() * loss
    return loss + center_coefficient * (chosen + rejected).square() if center_coefficient else loss


def _at_least_fp32(rewards: Tensor) -> Tensor:
    return rewards if rewards.dtype == torch.float64 else rewards.float()
