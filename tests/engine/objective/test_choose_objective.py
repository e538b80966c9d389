import pytest
import torch

from engine.objective.bradley_terry import bradley_terry_loss
from engine.objective.choose import ObjectiveError, choose_objective
from engine.objective.stepwise import stepwise_loss
from engine.preset.schema import Preset


def preset(kind="pair", **values):
    key = "reward_model" if kind == "pair" else "process_reward_model"
    return Preset.model_validate({"base_model": "tiny", key: True, "datasets": [{"path": "none"}]} | values)


def test_a_pair_model_without_settings_has_the_bradley_terry_loss():
    scores = torch.randn(6, 1)
    loss = choose_objective(preset()).losses(scores, {})
    torch.testing.assert_close(loss, bradley_terry_loss(scores[:3, 0], scores[3:, 0]))


def test_settings_for_pairs_reach_the_loss():
    scores, margin = torch.randn(6, 1), torch.rand(3)
    smoothed = choose_objective(preset(label_smoothing=0.1, center_rewards_coefficient=0.2))
    expected = bradley_terry_loss(scores[:3, 0], scores[3:, 0], margin, 0.2, label_smoothing=0.1)
    torch.testing.assert_close(smoothed.losses(scores, {"margin": margin}), expected)
    focal = choose_objective(preset(focal_gamma=2))
    expected = bradley_terry_loss(scores[:3, 0], scores[3:, 0], margin, focal_gamma=2)
    torch.testing.assert_close(focal.losses(scores, {"margin": margin}), expected)


def test_settings_for_steps_reach_the_loss():
    scores, labels = torch.randn(4, 2), torch.tensor([1.0, 0, 0.3, 1])
    chosen = choose_objective(preset("steps", class_weights={"wrong": 2, "right": 0.5}, label_smoothing=0.05))
    torch.testing.assert_close(
        chosen.losses(scores, {"labels": labels}), stepwise_loss(scores, labels, (2.0, 0.5), label_smoothing=0.05)
    )


def test_balanced_weights_let_both_classes_weigh_alike():
    labels = [1.0] * 6 + [0.0, 0.5]
    wrong, right = choose_objective(preset("steps", class_weights="balanced"), labels).class_weights
    assert right * 6.5 == pytest.approx(wrong * 1.5)
    assert right * 6.5 + wrong * 1.5 == pytest.approx(8)


@pytest.mark.parametrize(("labels", "which"), [([1.0, 1.0], "right"), ([0.0], "wrong")])
def test_balancing_a_class_that_is_not_there_is_refused(labels, which):
    with pytest.raises(ObjectiveError, match=which):
        choose_objective(preset("steps", class_weights="balanced"), labels)
