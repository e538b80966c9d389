import math

import pytest
import torch

from engine.objective.stepwise import stepwise_loss


def test_hard_labels_are_the_cross_entropy_of_their_class():
    logits, labels = torch.randn(7, 2), torch.tensor([0.0, 1, 1, 0, 1, 0, 0])
    expected = torch.nn.functional.cross_entropy(logits, labels.long(), reduction="none")
    torch.testing.assert_close(stepwise_loss(logits, labels), expected)


def test_soft_label_closed_form():
    p = 1 / (1 + math.exp(-(0.3 - -0.4)))
    expected = -(0.7 * math.log(p) + 0.3 * math.log(1 - p))
    loss = stepwise_loss(torch.tensor([[-0.4, 0.3]]), torch.tensor([0.7]))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_gradient_of_a_soft_label_is_probability_minus_label():
    logits = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    labels = torch.rand(6, dtype=torch.float64)
    stepwise_loss(logits, labels).sum().backward()
    difference = logits.detach().softmax(-1)[:, 1] - labels
    torch.testing.assert_close(logits.grad, torch.stack([-difference, difference], dim=1))


def test_bf16_logits_are_computed_in_fp32():
    assert stepwise_loss(torch.zeros(2, 2, dtype=torch.bfloat16), torch.ones(2)).dtype == torch.float32


@pytest.mark.parametrize(("logits", "labels"), [((4, 1), (4,)), ((4, 2), (4, 1)), ((4, 2), (3,)), ((2, 4, 2), (2, 4))])
def test_other_shapes_are_refused(logits, labels):
    with pytest.raises(ValueError, match="logits must be"):
        stepwise_loss(torch.zeros(logits), torch.zeros(labels))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_class_weights_and_smoothing_are_those_of_cross_entropy(smoothing):
    logits, labels, weights = torch.randn(7, 2), torch.tensor([0.0, 1, 1, 0, 1, 0, 0]), (3.0, 0.5)
    expected = torch.nn.functional.cross_entropy(
        logits, labels.long(), torch.tensor(weights), reduction="none", label_smoothing=2 * smoothing
    )
    torch.testing.assert_close(stepwise_loss(logits, labels, weights, label_smoothing=smoothing), expected)


def test_weighted_soft_label_closed_form():
    p = 1 / (1 + math.exp(-0.7))
    expected = -(2.0 * 0.7 * math.log(p) + 5.0 * 0.3 * math.log(1 - p))
    loss = stepwise_loss(torch.tensor([[-0.4, 0.3]]), torch.tensor([0.7]), (5.0, 2.0))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_gradient_with_weights_and_smoothing_matches_finite_differences():
    logits = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    labels = torch.rand(5, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: stepwise_loss(x, labels, (2.0, 0.3), label_smoothing=0.1), [logits])
