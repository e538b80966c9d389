"""What the trainer tells the outside: its logs, evaluations and checkpoints as events."""

from collections.abc import Callable
from time import monotonic
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from engine.events.schema import Checkpoint, Eval, Event, Histogram, Metric, PhaseEvent
from engine.sample import Split
from engine.trainer.histogram import spread
from engine.trainer.results import Results
from engine.trainer.row_log import RowLog

Tell = Callable[[Event], object]
"""Where events go: the run's writer on the first process, nowhere on the others."""


HISTOGRAMS = 100
"""Histograms of a run's training rewards, about: each of the rows since the one before."""


class Report(TrainerCallback):
    """Turns the trainer's callbacks into events, and its results into histograms and lines of `row_log` (the first
    process has one). `evaluations` has those of this process by their step.
    """

    def __init__(self, tell: Tell, row_log: RowLog | None = None) -> None:
        self._tell = tell
        self._row_log = row_log
        self._pooled: list[Results] = []
        self._histogram_step = 0
        self._histogram_every = 1
        self._batches_evaluated = 0
        self._said = 0.0
        self.evaluations: dict[int, dict[str, float]] = {}

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Training begins, or goes on."""
        if self._row_log:
            self._row_log.begin(state.global_step)
        self._histogram_step = state.global_step
        self._histogram_every = max(1, state.max_steps // HISTOGRAMS)
        self._tell(PhaseEvent("training", done=state.global_step, total=state.max_steps))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """The last steps are reported even where the interval is not full; so are those before a checkpoint, which
        a resumed run does not see again.
        """
        if state.global_step >= state.max_steps or control.should_save:
            control.should_log = True
        return control

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """The same for the checkpoint of an epoch."""
        control.should_log = control.should_log or control.should_save
        return control

    def saw(self, split: Split, results: Results) -> None:
        """Take what the model made of the rows of a logging interval or an evaluation."""
        if self._row_log:
            self._row_log.write(split, results)
        if not len(results.losses):
            return
        step = results.steps[-1]
        if split == "eval":
            self._tell(Histogram(step, split, *spread(results)))
            return
        self._pooled.append(results)
        if step >= self._histogram_step + self._histogram_every:
            self._tell(Histogram(step, split, *spread(Results.joined(self._pooled))))
            self._pooled, self._histogram_step = [], step

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
            self._tell(Metric(state.global_step, {name: float(value) for name, value in logs.items()}))

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
        """An evaluation."""
        values = {name: float(value) for name, value in (metrics or {}).items() if name.startswith("eval_")}
        self.evaluations[state.global_step] = values
        self._tell(Eval(state.global_step, dict(values)))
        self._batches_evaluated = 0
        if state.global_step < state.max_steps:
            self._tell(PhaseEvent("training", done=state.global_step, total=state.max_steps))

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """A checkpoint is complete."""
        self._tell(Checkpoint(state.global_step, f"checkpoint-{state.global_step}"))
