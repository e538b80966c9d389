"""The cross entropy of a step's label, hard or soft, with class weights and label smoothing."""

import torch
from torch import Tensor


def stepwise_loss(
    logits: Tensor,
    labels: Tensor,
    class_weights: tuple[float, float] = (1.0, 1.0),
    *,
    label_smoothing: float = 0.0,
) -> Tensor:
    """The loss of each judged step: `-(w1 y log p(right) + w0 (1 - y) log p(wrong))`, p the softmax of the logits.

    `logits` has shape (steps, 2), class 1 meaning a right step; `labels` has shape (steps,) with y in 0..1. A hard
    label (0 or 1) gives the usual cross entropy of its class. `class_weights` are (w0, w1), of wrong and of right. With
    label smoothing e, the probability that a label is flipped, y becomes `(1 - e) y + e (1 - y)`. Computed in fp32
    (fp64 stays fp64); the result has shape (steps,) and is not averaged, since only the trainer knows how many steps
    its whole batch judges.

    Sources: Lightman et al. (2023, arXiv:2305.20050, section 2) for hard labels; Wang et al. (2024, arXiv:2312.08935,
    eq. 4) with the probability that a step leads to the right answer for soft ones; class weights as King and Zeng
    (2001, "Logistic regression in rare events data", eq. 8); smoothing as Szegedy et al. (2016, arXiv:1512.00567,
    section 7), whose epsilon is twice this one for two classes.

    Raises ValueError where the shapes do not fit.
    """
    if logits.ndim != 2 or logits.shape[1] != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(f"logits must be (steps, 2) and labels (steps,), not {[*logits.shape]} and {[*labels.shape]}")
    logits = logits if logits.dtype == torch.float64 else logits.float()
    wrong, right = logits.log_softmax(dim=-1).unbind(dim=-1)
    labels = label_smoothing + (1 - 2 * label_smoothing) * labels.to(logits.dtype)
    return -(class_weights[1] * labels * right + class_weights[0] * (1 - labels) * wrong)
