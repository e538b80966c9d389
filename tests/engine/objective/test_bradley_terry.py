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


def test_label_smoothing_expects_the_flipped_label_so_often():
    chosen, rejected, margin, flipped = [2.0, -1.0], [0.5, 0.25], [0.5, 0.0], 0.1
    expected = [
        -(1 - flipped) * math.log(1 / (1 + math.exp(-d))) - flipped * math.log(1 / (1 + math.exp(d)))
        for d in (c - r - m for c, r, m in zip(chosen, rejected, margin, strict=True))
    ]
    loss = bradley_terry_loss(*map(torch.tensor, (chosen, rejected, margin)), label_smoothing=flipped)
    assert loss.tolist() == pytest.approx(expected, rel=1e-6)


def test_label_smoothing_is_least_where_the_pair_is_as_sure_as_its_label():
    reward = torch.tensor([math.log(0.9 / 0.1)], dtype=torch.float64, requires_grad=True)
    bradley_terry_loss(reward, torch.zeros(1, dtype=torch.float64), label_smoothing=0.1).sum().backward()
    assert reward.grad.item() == pytest.approx(0, abs=1e-12)


def test_focal_weight_is_one_up_to_one_half_and_falls_from_there():
    difference = torch.tensor([-3.0, 0.0, 1.0, 4.0], dtype=torch.float64)
    p = torch.sigmoid(difference)
    expected = -((1 - 2 * (p - 0.5).clamp(min=0)) ** 2) * torch.log(p)
    loss = bradley_terry_loss(difference, torch.zeros_like(difference), focal_gamma=2.0)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("settings", [{"label_smoothing": 0.2}, {"focal_gamma": 2.0}, {"focal_gamma": 0.5}])
def test_gradients_of_all_that_goes_together_match_finite_differences(settings):
    generator = torch.Generator().manual_seed(3)
    rewards = [torch.randn(6, dtype=torch.float64, generator=generator, requires_grad=True) for _ in range(2)]
    margin = torch.rand(6, dtype=torch.float64, generator=generator)
    assert torch.autograd.gradcheck(lambda c, r: bradley_terry_loss(c, r, margin, 0.3, **settings), rewards)


@pytest.mark.parametrize("settings", [{"label_smoothing": 0.2}, {"focal_gamma": 2.0}])
def test_far_apart_rewards_stay_finite_in_value_and_gradient(settings):
    chosen, rejected = torch.tensor([1e4, -1e4], requires_grad=True), torch.tensor([-1e4, 1e4])
    loss = bradley_terry_loss(chosen, rejected, **settings)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(chosen.grad).all()


def test_smoothing_and_focal_weight_together_are_refused():
    with pytest.raises(ValueError, match="do not go together"):
        bradley_terry_loss(torch.zeros(1), torch.zeros(1), label_smoothing=0.1, focal_gamma=2.0)
