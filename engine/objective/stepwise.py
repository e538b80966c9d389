"""The cross entropy of a step's label, hard or soft."""

import torch
from torch import Tensor


def stepwise_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """The loss of each judged step: `-(y log p(right) + (1 - y) log p(wrong))`, p being the softmax of the logits.

    `logits` has shape (steps, 2), class 1 meaning a right step; `labels` has shape (steps,) with y in 0..1. A hard
    label (0 or 1) gives the usual cross entropy of its class. Computed in fp32 (fp64 stays fp64); the result has shape
    (steps,) and is not averaged, since only the trainer knows how many steps its whole batch judges.

    Sources: Lightman et al. (2023, arXiv:2305.20050, section 2) for hard labels; Wang et al. (2024, arXiv:2312.08935,
    eq. 4) with the probability that a step leads to the right answer for soft ones.

    Raises ValueError where the shapes do not fit.
    """
    if logits.ndim != 2 or logits.shape[1] != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(f"logits must be (steps, 2) and labels (steps,), not {[*logits.shape]} and {[*labels.shape]}")
    logits = logits if logits.dtype == torch.float64 else logits.float()
    log_probabilities = logits.log_softmax(dim=-1)
    labels = labels.to(logits.dtype)
    return -(labels * log_probabilities[:, 1] + (1 - labels) * log_probabilities[:, 0])
