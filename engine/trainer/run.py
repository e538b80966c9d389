"""One run, from its preset to its saved model."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, TrainerCallback, set_seed

from engine.batch.budget import TokenBudget
from engine.batch.pack import PackCollator
from engine.batch.pad import PadCollator
from engine.cost.plan import plan
from engine.encode.encoding import EncodedRow
from engine.encode.kept import EncodedSet
from engine.events.schema import End, FindingEvent, PhaseEvent, Start
from engine.model.load import LoadedModel, load_model
from engine.model.locate import locate_model
from engine.model.packing import Packing, choose_packing
from engine.model.precision import choose_precision
from engine.model.window import beyond_window
from engine.objective.choose import Objective, choose_objective
from engine.prepare.error import Cancelled
from engine.prepare.open import open_preset
from engine.prepare.sets import prepare
from engine.preset.load import load_preset
from engine.preset.schema import Preset
from engine.progress import Progress
from engine.runs.checkpoint import discard_broken, resume_point, seal
from engine.runs.manifest import update_manifest
from engine.runs.rank import is_first_process, local_rank, process_count
from engine.runs.versions import versions
from engine.sample import SampleId
from engine.trainer.arguments import tracker_environment, training_arguments
from engine.trainer.checkpoint import Checkpoints, note_origin, origin_of, reading, refuse_other, tokens_that_fit
from engine.trainer.error import EvaluationAbandonedError
from engine.trainer.metrics import length_baseline
from engine.trainer.notices import cost_notice, damaged_checkpoints, notices_of
from engine.trainer.patience import Patience
from engine.trainer.report import Report, Tell
from engine.trainer.request import StopRequest
from engine.trainer.row_log import RowLog
from engine.trainer.saving import save_model
from engine.trainer.stop import StopAtStepEnd, leave_together
from engine.trainer.subset import subsets_of
from engine.trainer.train import Observe, RewardTrainer
from engine.words import counted

LOG = logging.getLogger(__name__)


def train_run(run_dir: Path, tell: Tell, requested: StopRequest) -> End:
    """Train what `run_dir/preset.yaml` describes and save it to `run_dir/model`; returns how it ended.

    A run folder that has whole checkpoints is gone on with from the last. Raises EngineErrors, StopRequestedError and
    Cancelled (a stop before the first step), and whatever the libraries raise.
    """
    tell(PhaseEvent("starting"))
    loaded = load_preset(str(run_dir / "preset.yaml"))
    preset = loaded.preset
    if preset.num_threads:
        torch.set_num_threads(preset.num_threads)
    precision = choose_precision(preset)
    opened = open_preset(loaded)
    tell(PhaseEvent("encoding"))
    try:
        prepared = prepare(opened, progress=lambda at: _tell_progress(tell, at), cancelled=requested)
    except Cancelled:
        leave_together(requested, precision.device == "cpu")
        raise
    held_out = prepared.eval
    objective = choose_objective(preset, prepared.train.rows.judged_labels())
    baselines = _baselines(preset, held_out)
    subsets = subsets_of(held_out.rows.ids, opened.eval.sources) if held_out else {}
    ledger = asdict(prepared.train.ledger)
    origin = origin_of(preset, prepared.train.digest, process_count())
    checkpoint = _resume_point(run_dir, preset)
    if checkpoint:
        refuse_other(checkpoint, origin)
    if is_first_process():
        facts: dict[str, Any] = {"digest": prepared.train.digest, "ledger": ledger, "versions": versions()}
        facts["resumed_from"] = checkpoint.name if checkpoint else None
        update_manifest(run_dir, **facts)

    tell(PhaseEvent("loading", f"loading {preset.base_model}"))
    set_seed(preset.seed)
    if precision.device == "cuda":
        # Each process has its own, and accelerate says so only once the model has been tried on it.
        torch.cuda.set_device(local_rank())
    model_folder = locate_model(preset.base_model, loaded.path.parent, preset.revision_of_model)
    model = load_model(preset, model_folder, opened.tokenizer, precision)
    beyond = beyond_window(model.model, max(_longest(rows) for rows in (prepared.train, held_out) if rows))
    os.environ.update(tracker_environment(preset, run_dir))
    pad_id = opened.tokenizer.pad_token_id
    packing = choose_packing(model.model, preset, precision.device, pad_id, precision.autocast)
    stopper = StopAtStepEnd(requested)
    report = Report(tell, RowLog(run_dir) if is_first_process() else None)
    budget = _budget(preset, tell)

    def finish(saved: Path) -> None:
        note_origin(saved, origin, budget)
        seal(saved)

    trainer = build_trainer(
        preset,
        run_dir,
        model=model,
        packing=packing,
        train_rows=prepared.train.rows,
        eval_rows=held_out.rows if held_out else None,
        tokenizer=opened.tokenizer,
        callbacks=[stopper, Checkpoints(run_dir, preset.save_total_limit), report],
        objective=objective,
        observe=report.saw,
        subsets=subsets,
        baselines=baselines,
        budget=budget,
        seal=finish,
    )
    leave_together(requested, precision.device == "cpu")
    tell(
        Start(
            run=run_dir.name,
            model_kind=preset.model_kind,
            device=str(precision),
            total_steps=plan(preset, len(prepared.train.rows), trainer.args.world_size).steps,
            digest=prepared.train.digest,
            ledger=ledger,
            parameters=model.parameters,
            trained_parameters=model.trained_parameters,
            versions=versions(),
            resumed_from=checkpoint.name if checkpoint else None,
            eval_ledger=asdict(held_out.ledger) if held_out else None,
        )
    )
    processes = trainer.args.world_size
    cost = cost_notice(preset, prepared.train, model_folder, packing=packing, precision=precision, processes=processes)
    notices = [*notices_of(loaded, model), FindingEvent("packing", "info", packing.reason), cost]
    if beyond:
        notices.append(FindingEvent("beyond-window", "warning", beyond))
    notices += damaged_checkpoints(run_dir)
    for notice in notices:
        tell(notice)
    if budget and checkpoint:
        budget.go_on_with(tokens_that_fit(checkpoint, budget.asked))

    with reading(checkpoint, lambda: trainer.training_began):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    step, steps = trainer.state.global_step, trainer.state.max_steps
    if stopper.stopping:
        during = "; an evaluation was abandoned" if stopper.abandoned else ""
        return End("stopped", f"Stopped after step {step} of {steps}, with a checkpoint to resume from{during}.")
    kept = (trainer.state.best_global_step if preset.load_best_model_at_end else None) or step
    if held_out and kept == step and step not in report.evaluations:
        try:
            trainer.evaluate()
        except EvaluationAbandonedError:
            what = "Stopped after the last step, with a checkpoint to resume from; the final evaluation was abandoned."
            return End("stopped", what)
    tell(PhaseEvent("saving"))
    if proof := save_model(trainer, run_dir, preset.model_kind, prepared.train.rows[:4]):
        tell(proof)
    return End("finished", _summary(step, kept, report.evaluations.get(kept)))


def build_trainer(
    preset: Preset,
    run_dir: Path,
    *,
    model: LoadedModel,
    packing: Packing,
    train_rows: Sequence[EncodedRow],
    eval_rows: Sequence[EncodedRow] | None,
    tokenizer: Any,
    callbacks: Sequence[TrainerCallback],
    objective: Objective,
    observe: Observe,
    subsets: Mapping[SampleId, str],
    baselines: Mapping[str, float],
    budget: TokenBudget | None,
    seal: Callable[[Path], None],
) -> RewardTrainer:
    """The trainer of a run: its batches and arguments as the preset says. Raises TrainingError."""
    precision = choose_precision(preset)
    planned = plan(preset, len(train_rows), process_count())
    stopping = [Patience(preset.early_stopping_patience)] if preset.early_stopping_patience is not None else []
    padded = PadCollator(tokenizer.pad_token_id)
    trainer = RewardTrainer(
        model=model.model,
        args=training_arguments(preset, run_dir, planned, precision),
        collate=PackCollator(packing.pruned) if packing.packed else padded,
        eval_collate=padded if preset.eval_sample_packing is False else None,
        train_rows=train_rows,
        eval_rows=eval_rows,
        objective=objective,
        order_seed=preset.seed if preset.shuffle_merged_datasets else None,
        shuffle_by=preset.shuffle_by,
        tokenizer=tokenizer,
        callbacks=[*stopping, *callbacks],
        observe=observe,
        subsets=subsets,
        baselines=baselines,
        budget=budget,
        seal=seal,
    )
    # The events have the numbers; printed into the log, they would bury the last words of what fails.
    trainer.remove_callback(PrinterCallback)
    return trainer


def _budget(preset: Preset, tell: Tell) -> TokenBudget | None:
    """The budget that the preset asks for."""
    if not preset.micro_batch_tokens:
        return None

    def smaller(said: str) -> None:
        tell(FindingEvent("micro-batch-halved", "warning", said))

    return TokenBudget(preset.micro_batch_tokens, preset.halve_micro_batch_on_oom, smaller)


def _resume_point(run_dir: Path, preset: Preset) -> Path | None:
    """Where to go on from; what was cut off while saving is removed, so that nothing goes on from it."""
    if is_first_process():
        for broken in discard_broken(run_dir):
            LOG.warning("removed %s, which was not written to its end", broken.name)
    return resume_point(run_dir, preset.resume_from_checkpoint)


def _longest(encoded: EncodedSet) -> int:
    """Tokens of the longest sequence of a set."""
    first, second, _ = encoded.rows.side_lengths()
    return int(max(first.max(initial=0), second.max(initial=0)))


def _baselines(preset: Preset, held_out: EncodedSet | None) -> dict[str, float]:
    """What an evaluation's accuracy is to be compared with (steps have their majority baseline among the metrics)."""
    if held_out is None or preset.model_kind == "steps":
        return {}
    return {"length_baseline": length_baseline(held_out.rows)}


def _summary(step: int, kept: int, values: Mapping[str, float] | None) -> str:
    """The run's result in one line: the step whose weights it `kept`, and how they evaluated beside the baselines."""
    text = counted(step, "step")
    if kept != step:
        text += f"; the model is that of step {kept}, which evaluated best"
    if values:
        text += f"; held-out accuracy {values.get('eval_accuracy', float('nan')):.3f}"
        for name, label in (("eval_length_baseline", "length alone"), ("eval_majority_baseline", "majority class")):
            if name in values:
                text += f" ({label}: {values[name]:.3f})"
    return text


def _tell_progress(tell: Tell, at: Progress) -> None:
    tell(PhaseEvent("encoding", at.phase, at.done, at.total))
