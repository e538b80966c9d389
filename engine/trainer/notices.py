"""What a run tells before its first step: what its preset means here, and what it will go through and take."""

from pathlib import Path

import torch

from engine.batch.ahead import load_ahead
from engine.cost.estimate import estimate, memory_in_words, tokens_in_words
from engine.cost.plan import plan
from engine.cost.shape import read_shape
from engine.encode.kept import EncodedSet
from engine.events.schema import FindingEvent
from engine.model.load import LoadedModel
from engine.model.packing import Packing
from engine.model.precision import Precision, choose_precision, emulates_bf16
from engine.preset.load import LoadedPreset
from engine.preset.schema import Preset
from engine.runs.checkpoint import damage, sealed_checkpoints
from engine.runs.rank import process_count
from engine.trainer.arguments import trackers
from engine.words import counted


def cost_notice(
    preset: Preset, train: EncodedSet, model_folder: str, *, packing: Packing, precision: Precision, processes: int
) -> FindingEvent:
    """What the run will go through and take, told before its first step."""
    planned = plan(preset, len(train.rows), processes)
    told = estimate(
        preset,
        len(train.rows),
        load_ahead(preset, train.rows, planned, packed=packing.packed, processes=processes),
        read_shape(Path(model_folder)),
        half=precision.autocast != "no",
        packed=packing.packed,
        processes=processes,
    )
    memory = memory_in_words(told)
    said = f"{counted(told.steps, 'step')}, {tokens_in_words(told)}."
    return FindingEvent("cost", "info", f"{said} Memory of a process: {memory}." if memory else said)


def notices_of(loaded: LoadedPreset, model: LoadedModel) -> list[FindingEvent]:
    """What of the preset, of this machine and of the model a person should know before the first step."""
    notices = [FindingEvent("no-effect", "info", notice.message) for notice in loaded.notices]
    notices += [FindingEvent("tracker-missing", "warning", text) for text in trackers(loaded.preset)[1]]
    gpus, used = torch.cuda.device_count(), process_count()
    if gpus > used and loaded.preset.device in ("auto", "cuda"):
        text = f"{used} of {gpus} GPUs are used: `num_processes: {gpus}` uses all."
        notices.append(FindingEvent("idle-gpus", "info", text))
    if emulates_bf16(choose_precision(loaded.preset)):
        text = "This CPU has no bf16 instructions: bf16 takes 2 to 12 times as long as fp32 (measured). Remove `bf16`."
        notices.append(FindingEvent("slow-bf16", "warning", text))
    if model.new_head:
        notices.append(FindingEvent("new-head", "info", "The head starts from random weights: the model has none."))
    if model.untrained_tokens:
        text = (
            "The adapter leaves the embeddings of the tokens that the preset adds as they were drawn. To train and save"
            f" the model's embeddings beside it, set `lora_modules_to_save: [{model.untrained_tokens}]`."
        )
        notices.append(FindingEvent("untrained-tokens", "warning", text))
    return notices


def damaged_checkpoints(run_dir: Path) -> list[FindingEvent]:
    """The run's checkpoints that it will not go on from, though they were written to their end."""
    damaged = [(path.name, damage(path)) for path in sealed_checkpoints(run_dir)]
    return [
        FindingEvent("checkpoint-damaged", "warning", f"{name} is passed over, it is damaged: {what}.")
        for name, what in damaged
        if what
    ]
