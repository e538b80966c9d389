"""Meeting a request to stop: the step is finished, or the evaluation abandoned, a checkpoint saved, and training ends
in peace.
"""

from pathlib import Path
from time import monotonic
from typing import Any

import torch
from accelerate import PartialState
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from engine.runs.checkpoint import flush
from engine.runs.folder import RunFolder
from engine.runs.rank import process_count
from engine.trainer.error import EvaluationAbandonedError, StopRequestedError, TrainingError
from engine.trainer.pulse import moved
from engine.trainer.request import StopRequest

_GONE = 60.0


class StopAtStepEnd(TrainerCallback):
    """Ends training after the step in which the request came, with a checkpoint. All processes agree on the step.

    `abandoned` says whether it came in the middle of an evaluation, which then ends with EvaluationAbandonedError.
    """

    def __init__(self, requested: StopRequest) -> None:
        self._requested = requested
        self._missed_since: float | None = None
        self.stopping = False
        self.abandoned = False

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
        if _any_process(self._requested(), args):
            self.stopping = self.abandoned = True
            raise EvaluationAbandonedError

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """A checkpoint is written: only once it is on the disk is it told."""
        if state.is_world_process_zero:
            flush(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")
        moved()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Ask the trainer for a checkpoint and an end, if a stop was asked for."""
        moved()
        self._look_for_folder(Path(str(args.output_dir)), control.should_save)
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

    def _look_for_folder(self, folder: Path, saving: bool) -> None:
        """Raise TrainingError if the run's folder was deleted: for a minute, in case it is only out of reach, and at
        once where it is needed, lest a folder be made that is no run's.
        """
        if RunFolder(folder).exists():
            self._missed_since = None
            return
        self._missed_since = monotonic() if self._missed_since is None else self._missed_since
        if saving or monotonic() - self._missed_since > _GONE:
            raise TrainingError("The run's folder is gone: nothing can be saved.", str(folder), "Train again.")


def leave_together(requested: StopRequest, cpu: bool) -> None:
    """Raise StopRequestedError in all processes of the run if one of them was asked to stop before there is a step.

    Each calls this once: none may leave alone, for the others would wait for it where they train together. It is there
    that they are joined, on the `cpu` or on GPUs, if they are not yet.
    """
    if process_count() == 1 or requested.lost_another:
        requested.check()
        return
    state = PartialState(cpu=cpu)
    flag = torch.tensor(float(requested()), device=state.device)
    torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
    if flag:
        raise StopRequestedError


def _any_process(here: bool, args: TrainingArguments) -> bool:
    if args.world_size == 1:
        return here
    flag = torch.tensor(float(here), device=args.device)
    torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
    return bool(flag)
