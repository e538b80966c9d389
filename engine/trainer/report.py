"""What the trainer tells the outside: its logs, evaluations and checkpoints as events."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from engine.events.schema import Checkpoint, Eval, Event, Metric, PhaseEvent

Tell = Callable[[Event], object]
"""Where events go: the run's writer on the first process, nowhere on the others."""


class Report(TrainerCallback):
    """Turns the trainer's callbacks into events. `baselines` join every evaluation's values."""

    def __init__(self, tell: Tell, run_dir: Path, baselines: dict[str, float]) -> None:
        self._tell = tell
        self._run_dir = run_dir
        self._baselines = baselines
        self._batches_evaluated = 0
        self._said = 0.0
        self.last_evaluation: tuple[int, dict[str, float]] | None = None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Training begins."""
        self._tell(PhaseEvent("training", done=state.global_step, total=state.max_steps))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """The last steps are reported even where the interval is not full."""
        if state.global_step >= state.max_steps:
            control.should_log = True
        return control

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """A training log becomes a metric; evaluation logs and the closing summary are reported elsewhere."""
        if logs and "loss" in logs:
            values = {name: float(value) for name, value in logs.items()}
            if torch.cuda.is_available():
                values["gpu_memory_gib"] = torch.cuda.max_memory_allocated() / 2**30
            self._tell(Metric(state.global_step, dict(values)))

    def on_prediction_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        eval_dataloader: Any = None,
        **_: Any,
    ) -> None:
        """An evaluation goes on: said at its beginning, and every second of it."""
        self._batches_evaluated += 1
        if self._batches_evaluated == 1 or monotonic() - self._said > 1:
            self._said = monotonic()
            self._tell(PhaseEvent("evaluating", done=self._batches_evaluated, total=len(eval_dataloader)))

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """An evaluation, with the baselines to judge it by."""
        values = {name: float(value) for name, value in (metrics or {}).items() if name.startswith("eval_")}
        values |= self._baselines
        self.last_evaluation = state.global_step, values
        self._tell(Eval(state.global_step, dict(values)))
        self._batches_evaluated = 0
        if state.global_step < state.max_steps:
            self._tell(PhaseEvent("training", done=state.global_step, total=state.max_steps))

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """A checkpoint is complete."""
        self._tell(Checkpoint(state.global_step, f"checkpoint-{state.global_step}"))
