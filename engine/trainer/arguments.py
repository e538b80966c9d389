"""From the preset's training keys to transformers' TrainingArguments."""

import importlib.util
import math
from pathlib import Path
from typing import Any

from transformers import TrainingArguments

from engine.cost.plan import Plan
from engine.model.precision import Precision
from engine.preset.schema import Preset
from engine.trainer.error import TrainingError


def training_arguments(preset: Preset, run_dir: Path, planned: Plan, precision: Precision) -> TrainingArguments:
    """The arguments of a run whose checkpoints go into `run_dir`.

    Steps are absolute here (shares of the run are worked out from the plan), so that a log, an evaluation and a
    checkpoint fall on the same steps however transformers would round. Raises TrainingError on a value that
    transformers refuses.
    """
    steps = planned.steps
    # Under a budget a step's rows come at once, and are cut into micro-batches by their tokens.
    summed = 1 if preset.micro_batch_tokens else preset.gradient_accumulation_steps
    values: dict[str, Any] = {
        "output_dir": str(run_dir),
        "per_device_train_batch_size": preset.micro_batch_size * preset.gradient_accumulation_steps // summed,
        "per_device_eval_batch_size": preset.eval_batch_size or preset.micro_batch_size,
        "gradient_accumulation_steps": summed,
        "num_train_epochs": preset.num_epochs,
        "max_steps": preset.max_steps or -1,
        "optim": preset.optimizer,
        "lr_scheduler_type": preset.lr_scheduler,
        "learning_rate": preset.learning_rate,
        "weight_decay": preset.weight_decay,
        "warmup_steps": warmup_steps(preset, steps),
        "bf16": precision.autocast == "bf16",
        "fp16": precision.autocast == "fp16",
        "use_cpu": precision.device == "cpu",
        "activation_checkpointing": bool(preset.gradient_checkpointing),
        "logging_strategy": "steps",
        "logging_steps": logging_steps(preset, steps),
        "logging_first_step": True,
        # A loss that is not finite stops the run; replacing it by the mean of the others would hide it.
        "logging_nan_inf_filter": False,
        "seed": preset.seed,
        "report_to": trackers(preset)[0],
        "remove_unused_columns": False,
        "disable_tqdm": True,
        "dataloader_pin_memory": precision.device == "cuda",
        # engine/trainer/checkpoint.py removes what is beyond the limit.
        "save_total_limit": None,
        "load_best_model_at_end": preset.load_best_model_at_end,
        "metric_for_best_model": "loss" if _needs_evaluations(preset) else None,
        "greater_is_better": False if _needs_evaluations(preset) else None,
        "max_grad_norm": preset.max_grad_norm,
        "adam_beta1": preset.adam_beta1,
        "adam_beta2": preset.adam_beta2,
        "adam_epsilon": preset.adam_epsilon,
        "lr_scheduler_kwargs": preset.lr_scheduler_kwargs,
        **_evaluation(preset, planned),
        **_saving(preset, planned),
    }
    if preset.gradient_checkpointing:
        values["activation_checkpointing_kwargs"] = {"use_reentrant": False} | preset.gradient_checkpointing_kwargs
    optional = {
        "tf32": None if precision.device != "cuda" or preset.tf32 == "auto" else preset.tf32,
        "deepspeed": preset.deepspeed,
        "fsdp": " ".join(preset.fsdp) or None,
        "fsdp_config": preset.fsdp_config or None,
        "run_name": preset.wandb_name or run_dir.name,
        "project": preset.trackio_project_name or "rm-workbench",
        "hub_model_id": preset.hub_model_id,
        "push_to_hub": True if preset.hub_model_id else None,
    }
    values |= {name: value for name, value in optional.items() if value is not None}
    try:
        arguments = TrainingArguments(**values)
    except (ValueError, TypeError, ImportError, OSError) as error:
        raise TrainingError(
            f"transformers refuses the training settings: {str(error).strip().splitlines()[0]}",
            str(run_dir / "preset.yaml"),
            "Change the key it names; docs/presets.md lists what each takes.",
        ) from error
    if arguments.n_gpu > 1:
        # Several GPUs are a launcher's business: transformers would cut each batch up among them, row by row.
        arguments._n_gpu = 1
    return arguments


def logging_steps(preset: Preset, steps: int) -> int:
    """How often metrics are reported: the preset's, or every 200th part of the run, at most ten steps apart."""
    return _steps(preset.logging_steps, steps) or max(1, min(steps // 200, 10))


def warmup_steps(preset: Preset, steps: int) -> int:
    """Steps over which the learning rate rises: `warmup_steps`, else `warmup_ratio` of all."""
    if preset.warmup_steps is not None:
        return _steps(preset.warmup_steps, steps)
    return math.ceil((preset.warmup_ratio or 0.0) * steps)


def trackers(preset: Preset) -> tuple[list[str], list[str]]:
    """The trackers that the preset asks for and that are installed, and a notice for each that is not."""
    asked = [
        ("wandb", "wandb", "wandb_project", preset.wandb_project),
        ("tensorboard", "tensorboard", "use_tensorboard", preset.use_tensorboard),
        ("trackio", "trackio", "use_trackio", preset.use_trackio or preset.trackio_project_name),
    ]
    used, notices = [], []
    for tracker, module, key, wanted in asked:
        if wanted and importlib.util.find_spec(module):
            used.append(tracker)
        elif wanted:
            notices.append(f"`{key}` has no effect: {module} is not installed (pip install rm-workbench[trackers]).")
    return used, notices


def tracker_environment(preset: Preset, run_dir: Path) -> dict[str, str]:
    """The environment variables by which the trackers take the preset's settings."""
    values = {
        "WANDB_PROJECT": preset.wandb_project,
        "WANDB_ENTITY": preset.wandb_entity,
        "WANDB_WATCH": preset.wandb_watch,
        "WANDB_LOG_MODEL": preset.wandb_log_model,
        "WANDB_DIR": str(run_dir) if preset.wandb_project else None,
        "TENSORBOARD_LOGGING_DIR": str(run_dir / "tensorboard") if preset.use_tensorboard else None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _evaluation(preset: Preset, planned: Plan) -> dict[str, Any]:
    """When to evaluate during training: only if asked. The end of a run evaluates in any case."""
    if not preset.eval_steps and not preset.evals_per_epoch and _needs_evaluations(preset):
        saving = _saving(preset, planned)
        return {"eval_strategy": saving["save_strategy"], "eval_steps": saving.get("save_steps")}
    every = _every(preset.eval_steps, preset.evals_per_epoch, planned)
    return {"eval_strategy": "steps", "eval_steps": every} if every else {"eval_strategy": "no"}


def _needs_evaluations(preset: Preset) -> bool:
    return preset.load_best_model_at_end or preset.early_stopping_patience is not None


def _saving(preset: Preset, planned: Plan) -> dict[str, Any]:
    every = _every(preset.save_steps, preset.saves_per_epoch, planned)
    if preset.saves_per_epoch and preset.load_best_model_at_end:
        # Only an evaluated checkpoint can be the best.
        evaluated = _every(preset.eval_steps, preset.evals_per_epoch, planned) or every
        every = math.ceil(every / evaluated) * evaluated
    return {"save_strategy": "steps", "save_steps": every} if every else {"save_strategy": "epoch"}


def _every(value: float | None, per_epoch: int | None, planned: Plan) -> int:
    """Steps from one to the next, 0 where neither is asked for. Rounded up, there are never more than asked for."""
    return math.ceil(planned.steps_per_epoch / per_epoch) if per_epoch else _steps(value, planned.steps)


def _steps(value: float | None, steps: int) -> int:
    """A number of steps, given as such or as a share of all."""
    if not value:
        return 0
    return max(1, math.ceil(value * steps)) if value < 1 else int(value)
