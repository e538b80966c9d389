import pytest
import torch

from engine.cost.plan import plan
from engine.model.precision import Precision
from engine.trainer.arguments import logging_steps, trackers, training_arguments, warmup_steps
from engine.trainer.error import TrainingError

FP32 = Precision("cpu", torch.float32, "no")


@pytest.mark.parametrize(
    ("rows", "values", "processes", "expected"),
    [
        (100, {"micro_batch_size": 4}, 1, 25),
        (101, {"micro_batch_size": 4}, 1, 26),
        (101, {"micro_batch_size": 4, "gradient_accumulation_steps": 4}, 1, 7),
        (101, {"micro_batch_size": 4, "gradient_accumulation_steps": 2}, 2, 7),
        (100, {"micro_batch_size": 4, "num_epochs": 2.5}, 1, 63),
        (100, {"micro_batch_size": 4, "max_steps": 7}, 1, 7),
    ],
)
def test_steps_of_a_run(make_preset, rows, values, processes, expected):
    assert plan(make_preset(**values), rows, processes).steps == expected


@pytest.mark.parametrize(("steps", "expected"), [(1, 1), (199, 1), (400, 2), (2000, 10), (100_000, 10)])
def test_logging_steps_come_from_the_number_of_steps(make_preset, steps, expected):
    assert logging_steps(make_preset(), steps) == expected
    assert logging_steps(make_preset(logging_steps=37), steps) == 37


def test_warmup(make_preset):
    assert warmup_steps(make_preset(), 100) == 0
    assert warmup_steps(make_preset(warmup_ratio=0.1), 95) == 10
    assert warmup_steps(make_preset(warmup_steps=7), 95) == 7


def arguments(preset, folder, rows=100):
    return training_arguments(preset, folder, plan(preset, rows, 1), FP32)


def test_saves_each_epoch_and_evaluates_only_if_asked(make_preset, tmp_path):
    made = arguments(make_preset(), tmp_path)
    assert (made.save_strategy, made.eval_strategy) == ("epoch", "no")


@pytest.mark.parametrize(
    ("values", "save", "evaluate"),
    [
        ({"save_steps": 10, "eval_steps": 5}, 10, 5),
        ({"saves_per_epoch": 2, "evals_per_epoch": 5}, 13, 5),
        ({"saves_per_epoch": 100, "evals_per_epoch": 17}, 1, 2),
        ({"saves_per_epoch": 1, "evals_per_epoch": 2, "load_best_model_at_end": True, "val_set_size": 0.1}, 26, 13),
        ({"save_steps": 0.5, "eval_steps": 0.1}, 25, 5),
    ],
)
def test_steps_between_saves_and_evaluations(make_preset, tmp_path, values, save, evaluate):
    made = arguments(make_preset(num_epochs=2, **values), tmp_path)
    assert (made.save_steps, made.eval_steps) == (save, evaluate)


def test_a_setting_that_transformers_refuses_is_said(make_preset, tmp_path):
    with pytest.raises(TrainingError, match="refuses"):
        arguments(make_preset(deepspeed="no-such-file.json"), tmp_path)


def test_trackers_that_are_not_installed_are_said(make_preset, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    used, notices = trackers(make_preset(wandb_project="p", use_tensorboard=True))
    assert used == []
    assert ["wandb_project" in notices[0], "use_tensorboard" in notices[1]] == [True, True]
    assert trackers(make_preset()) == ([], [])
