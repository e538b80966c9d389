import math

import pytest
import torch

from engine.objective.bradley_terry import bradley_terry_loss


def test_equal_rewards_cost_ln_2():
    loss = bradley_terry_loss(torch.tensor([1.5, -3.0]), torch.tensor([1.5, -3.0]))
    assert loss.tolist() == pytest.approx([math.log(2)] * 2)


def test_closed_form_with_margin_and_centring():
    chosen, rejected, margin = [2.0, -1.0, 0.5], [0.5, 0.25, 0.5], [0.0, 1.0, 3.0]
    expected = [
        -math.log(1 / (1 + math.exp(-(c - r - m)))) + 0.01 * (c + r) ** 2
        for c, r, m in zip(chosen, rejected, margin, strict=True)
    ]
    loss = bradley_terry_loss(torch.tensor(chosen), torch.tensor(rejected), torch.tensor(margin), 0.01)
    assert loss.tolist() == pytest.approx(expected, rel=1e-6)


def test_gradient_is_minus_the_probability_of_being_wrong():
    chosen = torch.tensor([2.0, -1.0], dtype=torch.float64, requires_grad=True)
    rejected = torch.tensor([0.5, 0.25], dtype=torch.float64, requires_grad=True)
    bradley_terry_loss(chosen, rejected).sum().backward()
    wrong = torch.sigmoid(rejected.detach() - chosen.detach())
    torch.testing.assert_close(chosen.grad, -wrong)
    torch.testing.assert_close(rejected.grad, wrong)


def test_gradient_with_margin_and_centring_matches_finite_differences():
    rewards = [torch.randn(5, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    margin = torch.rand(5, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda c, r: bradley_terry_loss(c, r, margin, 0.3), rewards)


def test_far_apart_rewards_stay_finite():
    loss = bradley_terry_loss(torch.tensor([1e4, -1e4]), torch.tensor([-1e4, 1e4]))
    assert loss.tolist() == [0.0, 2e4]


def test_bf16_rewards_are_computed_in_fp32():
    chosen, rejected = torch.tensor([1.0], dtype=torch.bfloat16), torch.tensor([0.75], dtype=torch.bfloat16)
    loss = bradley_terry_loss(chosen, rejected)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-0.25)), rel=1e-6)


@pytest.mark.parametrize("shape", [(3, 1), (1,)])
def test_a_margin_that_would_broadcast_is_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        bradley_terry_loss(torch.zeros(3), torch.zeros(3), torch.zeros(shape))
