"""Saving a run's model, whole or not at all, and proving that it can be loaded."""

import logging
from collections.abc import Sequence
from pathlib import Path
from shutil import rmtree
from typing import Any

import torch
from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled

from engine.batch.pad import PadCollator
from engine.batch.schedule import SlottedRow
from engine.encode.encoding import EncodedRow
from engine.events.schema import FindingEvent
from engine.model.precision import FORMATS
from engine.model.read import weights_format
from engine.model.verify import compare_weights, reload_difference
from engine.preset.schema import ModelKind
from engine.runs.checkpoint import MODEL_PART
from engine.runs.folder import RunFolder
from engine.trainer.error import first_line
from engine.trainer.train import RewardTrainer
from engine.words import counted

LOG = logging.getLogger(__name__)

SHARDS = (
    "The model was saved in shards, which only its own launcher loads. For one that everything loads, set"
    " `stage3_gather_16bit_weights_on_model_save` (DeepSpeed) or `state_dict_type: FULL_STATE_DICT` (FSDP)."
)


def save_model(
    trainer: RewardTrainer, run_dir: Path, kind: ModelKind, rows: Sequence[EncodedRow]
) -> FindingEvent | None:
    """Save the trained model as the run's, in all processes; the first loads it back, scores the rows with both, and
    returns what came of it.
    """
    part, saved = run_dir / MODEL_PART, RunFolder(run_dir).model
    trainer.save_model(str(part))
    trainer.accelerator.wait_for_everyone()
    if not trainer.is_world_process_zero():
        return None
    # A pickle of the training arguments: of no use to whoever takes the model, and not safe to load.
    (part / "training_args.bin").unlink(missing_ok=True)
    rmtree(saved, ignore_errors=True)
    part.rename(saved)
    if not any(saved.glob("*.safetensors")):
        return FindingEvent("reload-unchecked", "warning", SHARDS)
    if trainer.is_fsdp_enabled or is_deepspeed_zero3_enabled():  # type: ignore[no-untyped-call]
        return FindingEvent("reload-unchecked", "info", "The saved model was not loaded back: its weights are sharded.")
    try:
        return _proof(trainer, saved, kind, rows)
    except (torch.OutOfMemoryError, MemoryError):
        return FindingEvent("reload-unchecked", "info", "The saved model was not loaded back: no memory for a second.")
    except Exception as error:
        # Whatever it is, training is over and its weights are on disk.
        LOG.exception("the saved model could not be loaded back")
        why = f"{type(error).__name__}: {first_line(error)}"
        return FindingEvent("reload-failed", "error", f"The model is saved, but could not be loaded back: {why}")


def _proof(trainer: RewardTrainer, saved: Path, kind: ModelKind, rows: Sequence[EncodedRow]) -> FindingEvent:
    """Compare the saved model with the trained one, bit for bit and by its scores."""
    model = trainer.accelerator.unwrap_model(trainer.model_wrapped, keep_fp32_wrapper=False)
    weights = compare_weights(model, saved)
    if weights.changed:
        said = f"{counted(len(weights.changed), 'weight')} changed on the way to disk ({weights.changed[0]} first)."
        return FindingEvent("reload-differs", "error", f"The saved model is not the trained one: {said}")
    tokenizer: Any = trainer.processing_class
    batch: Any = PadCollator(tokenizer.pad_token_id)([SlottedRow(row, False) for row in rows])
    batch = trainer._prepare_inputs(batch)
    apart, allowed = reload_difference(model, saved, batch, kind)
    held = FORMATS[weights_format(model)]
    if apart > allowed:
        said = f"The saved model, loaded back in {held}, gives scores that differ by up to {apart:.3g}."
        return FindingEvent("reload-differs", "error", said)
    compared = "The" if weights.compared == weights.written else f"{weights.compared} of the {weights.written}"
    said = f"{compared} saved weights are the trained ones, bit for bit; loaded back in {held}, scores are the same to"
    return FindingEvent("reload-equal", "info", f"{said} {apart:.1g}.")
