"""What is known of a model's parameters: whether training uses all of them, and whether all are numbers."""

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

_EXPERT = re.compile(r"\bexperts\.\d")
"""A parameter of an expert that is a module of its own: in some steps no token is sent to it."""


def uses_every_parameter(model: Any, scores: Callable[[], Tensor]) -> bool:
    """Whether each trained parameter of the model has a part in the `scores` that it gives, and always has.

    False also where that cannot be known from one batch: experts that tokens are sent to, layers that are dropped at
    random, code that came with the model. Nothing of the model changes, random numbers neither.
    """
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    config = model.config.get_text_config()
    if any(_EXPERT.search(name) for name in trained):
        return False
    if any(value for name, value in config.to_dict().items() if "layerdrop" in name.replace("_", "")):
        return False
    if any(type(module).__module__.startswith("transformers_modules") for module in model.modules()):
        return False
    was_training = model.training
    model.eval()
    try:
        with torch.enable_grad():
            gradients = torch.autograd.grad(scores().sum(), list(trained.values()), allow_unused=True)
    finally:
        model.train(was_training)
    return all(gradient is not None for gradient in gradients)


def spoiled_weight(model: nn.Module) -> str:
    """The name of a weight of the model that is not finite; empty if all are."""
    return next((name for name, weight in model.named_parameters() if not weight.isfinite().all()), "")
