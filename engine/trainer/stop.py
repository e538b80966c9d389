"""Meeting a request to stop: the step is finished, a checkpoint saved, and training ends in peace."""

from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from engine.trainer.pulse import moved
from engine.trainer.request import StopRequest


class StopAtStepEnd(TrainerCallback):
    """Ends training after the step in which the request came, with a checkpoint. All processes agree on the step."""

    def __init__(self, requested: StopRequest) -> None:
        self._requested = requested
        self.stopping = False

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """From the first step on there is something to save."""
        self._requested.meet_in_time()

    def on_substep_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """A batch is done."""
        moved()

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """A batch is evaluated."""
        moved()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Ask the trainer for a checkpoint and an end, if a stop was asked for."""
        moved()
        if _any_process(self._requested(), args) and state.global_step < state.max_steps:
            self.stopping = control.should_save = control.should_training_stop = True
            control.should_evaluate = False
        return control

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """The checkpoint is there already: an epoch that was cut short has nothing to save or to evaluate."""
        if self.stopping:
            control.should_save = control.should_evaluate = False
        return control


def _any_process(here: bool, args: TrainingArguments) -> bool:
    if args.world_size == 1:
        return here
    flag = torch.tensor(float(here), device=args.device)
    torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
    return bool(flag)
