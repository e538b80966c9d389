"""The transformers.Trainer subclass: our batches, our objective, losses averaged over the whole global batch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import torch
from accelerate.utils import gather_object
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerBase, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import EvalLoopOutput

from engine.batch.budget import TokenBudget
from engine.batch.pack import PackCollator
from engine.batch.pad import Batch, items_of
from engine.batch.schedule import Schedule, Share, SlottedRow, SlottedRows, schedule_of
from engine.encode.encoding import EncodedRow
from engine.objective.choose import Objective
from engine.preset.schema import ShuffleBy
from engine.runs.checkpoint import unseal
from engine.sample import SampleId, Split
from engine.trainer.error import EvaluationAbandonedError, NotFiniteError
from engine.trainer.loader import ScheduledLoader
from engine.trainer.metrics import by_subset, memory, metrics_of, throughput
from engine.trainer.micro_batches import Collate, Go, MicroBatches
from engine.trainer.parameters import spoiled_weight, uses_every_parameter
from engine.trainer.results import Interval, Results

Observe = Callable[[Split, Results], None]
"""Told on the first process what the model made of the rows since the last time, or of an evaluation's."""


class RewardTrainer(Trainer):
    """Trains a model with a reader (engine/model/read.py) on encoded rows.

    The loss of an optimizer step is the mean over the items of its global batch (pairs, or judged steps), however they
    are divided over micro-batches and processes. A loss or a gradient that is not finite raises NotFiniteError with the
    rows of the batch, before the optimizer could take it in. `order_seed` shuffles the epochs, by rows or by prompts;
    None leaves the rows in their order. `subsets` names the subset of evaluation rows that have metrics of their own;
    `baselines` join those of an evaluation. With a `budget`, the rows of a step (`per_device_train_batch_size` of each
    process) are cut into micro-batches by tokens. `seal` is told, on the first process, of a checkpoint that has all
    but its state.
    """

    loss_is_scaled_for_ga = True
    objective: Objective

    def __init__(
        self,
        *,
        model: nn.Module,
        args: TrainingArguments,
        collate: Collate,
        train_rows: Sequence[EncodedRow],
        eval_rows: Sequence[EncodedRow] | None,
        eval_collate: Collate | None = None,
        objective: Objective,
        order_seed: int | None,
        shuffle_by: ShuffleBy = "row",
        tokenizer: PreTrainedTokenizerBase | None = None,
        callbacks: Sequence[TrainerCallback] = (),
        observe: Observe = lambda split, results: None,
        subsets: Mapping[SampleId, str] | None = None,
        baselines: Mapping[str, float] | None = None,
        budget: TokenBudget | None = None,
        seal: Callable[[Path], None] = lambda checkpoint: None,
    ) -> None:
        self.objective = objective
        self._seal = seal
        self._micro_batches = MicroBatches(budget)
        self._observe = observe
        self._subsets = subsets or {}
        self._baselines = baselines or {}
        self._order_seed = order_seed
        self._shuffle_by = shuffle_by
        self._eval_collate = eval_collate or collate
        super().__init__(
            model=model,
            args=args,
            data_collator=cast("Any", collate),
            train_dataset=SlottedRows(train_rows),
            eval_dataset=SlottedRows(eval_rows) if eval_rows is not None else None,
            processing_class=tokenizer,
            callbacks=list(callbacks),
        )
        # The loss below is divided by the items of the whole global batch: nothing must divide it again.
        self.model_accepts_loss_kwargs = True
        self._interval = Interval()
        self._interval_began = perf_counter()
        self._steps_reported = 0
        self.training_began = False
        self._rows_in_step: list[SampleId] = []
        self._guilty_rows: list[SampleId] = []
        if (ddp := self.accelerator.ddp_handler) and self.accelerator.num_processes > 1:
            # Looking for unused parameters goes over the whole graph in every step.
            ddp.find_unused_parameters &= not self._uses_every_parameter()

    def get_train_dataloader(self) -> DataLoader[SlottedRow]:
        """The training rows, shuffled by (seed, epoch), this process's share of them."""
        schedule = schedule_of(
            cast("SlottedRows", self.train_dataset).rows,
            self._share(self._train_batch_size),
            self._order_seed,
            shuffle_by=self._shuffle_by,
            packed=isinstance(self.data_collator, PackCollator),
        )
        return ScheduledLoader(cast("SlottedRows", self.train_dataset), schedule)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[SlottedRow]:
        """The evaluation rows in source order, this process's share of them."""
        rows: Any = eval_dataset or self.eval_dataset
        return ScheduledLoader(rows, Schedule(len(rows), self._share(self.args.eval_batch_size), seed=None))

    def get_batch_samples(
        self, epoch_iterator: Iterator[list[SlottedRow]], num_batches: int, device: torch.device
    ) -> tuple[list[list[SlottedRow]], Tensor]:
        """The rows of the next optimizer step, by micro-batches (under a budget, all in one list and of all processes),
        and the number of items in its whole global batch.
        """
        if not self.training_began:
            # What came before is setting up, and the steps up to a checkpoint are those of another process.
            self.training_began = True
            self._start_interval()
        began = perf_counter()
        step = list(islice(epoch_iterator, num_batches))
        self._interval.passed.waited += perf_counter() - began
        self._rows_in_step, self._guilty_rows = [], []
        items = torch.tensor(sum(items_of(row) for rows in step for row in rows), device=device)
        if self.accelerator.num_processes > 1 and not self._micro_batches.budget:
            items = self.accelerator.gather(items).sum()
        return step, items

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """The micro-batch's part of the global batch's mean loss (times the processes, over which gradients are
        averaged); without `num_items_in_batch`, its own mean.
        """
        batch = cast("Batch", inputs)
        scores = self._scores(model, batch)
        losses = self.objective.losses(scores, batch)
        weight = batch["weight"].to(losses.dtype)
        items = weight.sum().clamp(min=1) if num_items_in_batch is None else num_items_in_batch
        loss = (losses * weight).sum() / items
        if num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes
        step = self.state.global_step + model.training
        self._interval.add(scores, losses, batch, step, float(self.state.epoch or 0.0))
        return (loss, {"scores": scores}) if return_outputs else loss

    def training_step(self, model: nn.Module, inputs: Any, num_items_in_batch: Tensor | int | None = None) -> Tensor:
        """Forward and backward of the rows that a loader gave (`inputs`): one micro-batch, or, under a budget, as many
        as it takes. Raises NotFiniteError on a loss that is not finite, and BatchTooLargeError where memory runs out.

        Several processes wait with that for the gradient's norm, which is not finite either and is the same on all of
        them, so that they stop together.
        """

        def go(batch: Batch, last: bool) -> Tensor:
            # Gradients are summed up, and cross between processes with the last micro-batch.
            with nullcontext() if last else self.accelerator.no_sync(model=model):
                return self._micro_step(model, cast("dict[str, Any]", batch), num_items_in_batch)

        losses = self._each_micro_batch(inputs, cast("Any", self.data_collator), go)
        return torch.stack(losses).sum()

    def _micro_step(self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Tensor | int | None) -> Tensor:
        loss: Tensor = super().training_step(model, inputs, num_items_in_batch)
        self._rows_in_step += inputs["rows"]
        if not torch.isfinite(loss):
            self._guilty_rows += self._guilty(cast("Batch", inputs))
            if self.accelerator.num_processes == 1:
                raise self._not_finite("loss", self._guilty_rows)
        return loss

    def _each_micro_batch(self, rows: Sequence[SlottedRow], collate: Collate, go: Go) -> list[Tensor]:
        seen, passed = len(self._interval.seen), replace(self._interval.passed)

        def lay_out(part: Sequence[SlottedRow]) -> Batch:
            began = perf_counter()
            batch = collate(part)
            self._interval.passed.waited += perf_counter() - began
            return batch

        def undo() -> None:
            del self._interval.seen[seen:]
            self._interval.passed = replace(passed)
            self._rows_in_step = []
            model = cast("nn.Module", self.model)
            if model.training:
                model.zero_grad()

        return self._micro_batches.run(
            rows,
            lay_out,
            go,
            packed=isinstance(collate, PackCollator),
            step=self.state.global_step + 1,
            undo=undo,
            processes=self.accelerator.num_processes,
            process=self.accelerator.process_index,
        )

    def floating_point_ops(self, inputs: Any) -> int:
        """None are counted: transformers' count takes all positions for alike, and goes over all modules for it."""
        return 0

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Any:
        norm = super()._get_grad_norm(model, grad_norm)  # type: ignore[no-untyped-call]
        if not torch.isfinite(torch.as_tensor(norm)):
            guilty: list[SampleId] = gather_object(self._guilty_rows)
            rows: list[SampleId] = gather_object(self._rows_in_step)
            # Under fp16 an overflowing gradient is the scaler's business: it skips the step.
            if guilty or not self.args.fp16:
                raise self._not_finite("loss" if guilty else "gradient", guilty or rows)
        return norm

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the interval's own metrics to a training log; everything else passes through."""
        if "loss" in logs:
            results, passed = self._interval.gathered(gather_object)
            steps = self.state.global_step - self._steps_reported
            seconds = perf_counter() - self._interval_began
            # Kept in the trainer's state, and so in its checkpoints: a resumed run counts on.
            self.state.num_input_tokens_seen += passed.tokens
            logs |= {name: value for name, value in metrics_of(results).items() if name != "loss"}
            logs |= throughput(passed, seconds, steps) | memory(gather_object)
            logs["tokens"] = self.state.num_input_tokens_seen
            self._tell_of("train", results)
            self._start_interval()
        super().log(logs, start_time)

    def evaluation_loop(self, dataloader: DataLoader[Any], *_: Any, metric_key_prefix: str = "eval", **__: Any) -> Any:
        """Go through the evaluation rows, each once; the metrics' names begin with the prefix."""
        training, began = self._interval, perf_counter()
        self._interval = Interval()

        def evaluate(batch: Any, last: bool) -> Tensor:
            loss: Tensor = self.compute_loss(model, self._prepare_inputs(batch))
            return loss

        model: Any = self.model_wrapped if self.is_fsdp_enabled or self.is_deepspeed_enabled else self.model
        was_training = model.training
        model.eval()
        self.callback_handler.eval_dataloader = dataloader
        try:
            with torch.no_grad():
                for rows in dataloader:
                    self._each_micro_batch(rows, self._eval_collate, evaluate)
                    self.control = self.callback_handler.on_prediction_step(self.args, self.state, self.control)
            results, passed = self._interval.gathered(gather_object)
        finally:
            self._interval = training
            model.train(was_training)
        # Evaluation is not training: its time must not slow the next interval's figures.
        spent = perf_counter() - began
        self._interval_began += spent
        metrics = metrics_of(results) | (by_subset(results, self._subsets) if self._subsets else {})
        metrics |= self._baselines
        metrics |= {"tokens_per_second": passed.tokens / spent if spent > 0 else 0.0}
        self._tell_of("eval", results)
        prefixed = {f"{metric_key_prefix}_{name}": value for name, value in metrics.items()}
        return EvalLoopOutput(None, None, prefixed, len(dataloader.dataset))  # type: ignore[arg-type]

    def _scores(self, model: nn.Module, batch: Batch) -> Tensor:
        layout = {name: batch.get(name) for name in ("attention_mask", "position_ids", "pack")}
        given = {name: value for name, value in layout.items() if value is not None}
        with self.accelerator.autocast():
            scores: Tensor = model(input_ids=batch["input_ids"], read=batch["read"], **given)
        return scores

    def _share(self, micro: int) -> Share:
        processes = self.accelerator.num_processes
        if self._micro_batches.budget:
            # Every process sees the whole step: cutting it up takes the lengths of all of its rows.
            return Share(micro * processes)
        return Share(micro, self.args.gradient_accumulation_steps, processes, self.accelerator.process_index)

    def _start_interval(self) -> None:
        self._interval = Interval()
        self._interval_began = perf_counter()
        self._steps_reported = self.state.global_step

    def _maybe_log_save_evaluate(self, *args: Any, **kwargs: Any) -> None:
        try:
            super()._maybe_log_save_evaluate(*args, **kwargs)
        except EvaluationAbandonedError:
            # As for a stop at any step's end: a checkpoint, and no more.
            self.control.should_evaluate, self.control.should_save = False, True
            self.control.should_training_stop = True
            super()._maybe_log_save_evaluate(*args, **kwargs)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        began = perf_counter()
        if self.is_world_process_zero():
            unseal(Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}")
        # The events have what was logged: kept here, every checkpoint would have all of it again.
        self.state.log_history.clear()
        super()._save_checkpoint(model, trial)
        # Saving is not training either.
        self._interval_began += perf_counter() - began

    def _save_rng_state(self, output_dir: str) -> None:
        """What comes after it is the state, which makes the checkpoint a whole one."""
        super()._save_rng_state(output_dir)
        self.accelerator.wait_for_everyone()
        if self.is_world_process_zero():
            self._seal(Path(output_dir))

    def _uses_every_parameter(self) -> bool:
        """Whether a batch of one row, the same in all processes, gives every trained parameter a gradient."""
        if not self.accelerator.ddp_handler.find_unused_parameters or self.is_fsdp_enabled or self.is_deepspeed_enabled:
            return True
        rows: Any = [SlottedRow(cast("SlottedRows", self.train_dataset).rows[0], False)]
        model, batch = cast("nn.Module", self.model), cast("Batch", self._prepare_inputs(self.data_collator(rows)))
        return uses_every_parameter(model, lambda: self._scores(model, batch))

    def _tell_of(self, split: Split, results: Results) -> None:
        if self.is_world_process_zero():
            self._observe(split, results)

    def _not_finite(self, what: str, rows: Sequence[SampleId]) -> NotFiniteError:
        return NotFiniteError(what, self.state.global_step + 1, rows, spoiled_weight(cast("nn.Module", self.model)))

    def _guilty(self, batch: Batch) -> list[SampleId]:
        """The rows of a batch whose own loss is not finite; all of them where none is alone."""
        of_rows = torch.split(self._interval.last_losses, batch["items"])
        guilty = [row for row, own in zip(batch["rows"], of_rows, strict=True) if not own.isfinite().all()]
        return guilty or batch["rows"]
