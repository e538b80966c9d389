"""Stop requests: a file in the run's folder, or SIGTERM. Both finish the step, save a checkpoint, and end in peace."""

import signal
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from engine.trainer.error import StopRequestedError

STOP_FILE = "stop"
"""The file in a run's folder whose existence asks its trainer to stop."""


class StopRequest:
    """Whether this process was asked to stop."""

    def __init__(self, run_dir: Path) -> None:
        self._file = run_dir / STOP_FILE
        self._signalled = False

    def listen(self) -> None:
        """Take SIGTERM and SIGINT as requests from now on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._take)

    def __call__(self) -> bool:
        """Whether there is a request."""
        return self._signalled or self._file.exists()

    def check(self) -> None:
        """Raise StopRequestedError if there is a request."""
        if self():
            raise StopRequestedError

    def clear(self) -> None:
        """The request was met."""
        self._file.unlink(missing_ok=True)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self._signalled = True


class StopAtStepEnd(TrainerCallback):
    """Ends training after the step in which the request came, with a checkpoint. All processes agree on the step."""

    def __init__(self, requested: StopRequest) -> None:
        self._requested = requested
        self.stopping = False

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Ask the trainer for a checkpoint and an end, if a stop was asked for."""
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
