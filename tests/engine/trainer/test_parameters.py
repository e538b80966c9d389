"""Whether every trained parameter has a part in every step."""

import pytest
import torch
from torch import nn
from transformers import PretrainedConfig

from engine.trainer.parameters import uses_every_parameter


class Model(nn.Module):
    def __init__(self, left_out=None, **config):
        super().__init__()
        self.config = PretrainedConfig(**config)
        self.body = nn.Linear(2, 2)
        self.experts = nn.ModuleList([nn.Linear(2, 1)])
        self.stacked = nn.Parameter(torch.ones(3, 2))
        self.left_out = left_out

    def scores(self):
        hidden = self.body(torch.ones(1, 2)) * self.stacked[0]
        return hidden.sum(-1) if self.left_out == "experts" else self.experts[0](hidden)


@pytest.mark.parametrize(
    ("frozen", "values", "used"),
    [
        # Of one parameter for all experts, each step uses a part.
        ("experts", {"left_out": "experts"}, True),
        # An expert that is a module of its own may get no token in some steps, whatever this batch says.
        ("stacked", {}, False),
        ("", {"left_out": "experts"}, False),
        ("experts", {"left_out": "experts", "encoder_layerdrop": 0.1}, False),
        ("experts", {"left_out": "experts", "encoder_layerdrop": 0.0}, True),
    ],
)
def test_what_is_known_to_be_used_always(frozen, values, used):
    model = Model(**values)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not frozen or frozen not in name)
    random, training = torch.get_rng_state(), model.training
    assert uses_every_parameter(model, model.scores) is used
    assert torch.equal(torch.get_rng_state(), random)
    assert model.training == training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_parameter_without_a_part_is_found():
    model = Model()
    model.experts = nn.ModuleList()
    model.left_out = "experts"
    assert uses_every_parameter(model, model.scores)
    model.pooler = nn.Linear(2, 2)
    assert not uses_every_parameter(model, model.scores)
