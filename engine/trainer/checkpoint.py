"""What is kept with a run's checkpoints: where each comes from, what fitted into memory, and which of them stay."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from engine.batch.budget import TokenBudget
from engine.preset.schema import Preset
from engine.runs.checkpoint import unseal, whole_checkpoints
from engine.runs.error import RunError
from engine.trainer.error import first_line, is_cut_off

ORIGIN_FILE = "origin.json"
"""The file in a checkpoint that says which training it is from."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a training must share with a checkpoint to go on from it: the same weights are trained, by the same kind of
    optimizer, on the same rows in the same order. Whatever else a preset says may change between two launches.
    """

    model_kind: str
    base_model: str
    adapter: dict[str, Any] | None
    optimizer: str
    training_rows: str
    rows_a_step: int
    order_seed: int | None
    shuffle_by: str


def origin_of(preset: Preset, digest: str, processes: int) -> Origin:
    """The origin of this training's checkpoints; `digest` is that of its training rows."""
    adapter = preset.model_dump(mode="json", include={name for name in type(preset).model_fields if "lora_" in name})
    return Origin(
        model_kind=preset.model_kind,
        base_model=preset.base_model,
        adapter={"adapter": preset.adapter} | adapter if preset.adapter else None,
        optimizer=preset.optimizer,
        training_rows=digest,
        rows_a_step=preset.micro_batch_size * preset.gradient_accumulation_steps * processes,
        order_seed=preset.seed if preset.shuffle_merged_datasets else None,
        shuffle_by=preset.shuffle_by,
    )


def note_origin(checkpoint: Path, origin: Origin, budget: TokenBudget | None) -> None:
    """Write down which training the checkpoint is from, and what of its budget has fitted into memory."""
    fits = {"fits": {"asked": budget.asked, "tokens": budget.tokens}} if budget else {}
    (checkpoint / ORIGIN_FILE).write_text(json.dumps(asdict(origin) | fits), encoding="utf-8")


def tokens_that_fit(checkpoint: Path, asked: int) -> int:
    """The budget that was left of the `asked` one when the checkpoint was saved: less, where memory had run out."""
    try:
        fits = json.loads((checkpoint / ORIGIN_FILE).read_text(encoding="utf-8"))["fits"]
        return int(fits["tokens"]) if fits["asked"] == asked else asked
    except (OSError, ValueError, TypeError, KeyError):
        return asked


def refuse_other(checkpoint: Path, origin: Origin) -> None:
    """Raise RunError where a checkpoint is from another training, in words, or has nothing of the optimizer. One that
    does not say where it is from is only seen to have an adapter or none, as this training does.
    """
    if not any(any(checkpoint.glob(pattern)) for pattern in _OPTIMIZER):
        raise RunError(
            "This checkpoint has no state of the optimizer: training could not go on as it was.",
            str(checkpoint),
            f"Name another one, or start a new training from its weights: `base_model: {checkpoint}`.",
        )
    try:
        saved = json.loads((checkpoint / ORIGIN_FILE).read_text())
        apart = [name for name in _WORDS if name in saved and saved[name] != getattr(origin, name)]
    except (OSError, ValueError, TypeError):
        saved, apart = {}, []
        if (checkpoint / "adapter_config.json").exists() != (origin.adapter is not None):
            apart = ["adapter"]
    if apart:
        what = "; ".join(_WORDS[name].format(saved=saved.get(name), now=getattr(origin, name)) for name in apart)
        raise RunError(
            f"This checkpoint is from another training: {what}.",
            str(checkpoint),
            "Resume it with the preset and the data it was saved under, or start a new training from its weights:"
            f" `base_model: {checkpoint}`.",
        )


@contextmanager
def reading(checkpoint: Path | None, read: Callable[[], bool]) -> Iterator[None]:
    """A checkpoint that cannot be gone on from is told in words, until it has been `read`. Raises RunError."""
    try:
        yield
    except (RuntimeError, ValueError, KeyError, EOFError, OSError, UnpicklingError, SafetensorError) as error:
        if checkpoint is None or read() or isinstance(error, torch.OutOfMemoryError) or is_cut_off(error):
            raise
        raise RunError(
            f"This checkpoint does not fit the model, or is damaged: {first_line(error)}.",
            str(checkpoint),
            "Remove this folder, and resume: the run goes on from the checkpoint before it, or begins anew.",
        ) from error


class Checkpoints(TrainerCallback):
    """Removes the checkpoints beyond the `keep` latest and the best, the earliest first.

    By their steps: transformers goes by the time of their files, so that a clock that was set back would have it remove
    the newest.
    """

    def __init__(self, run_dir: Path, keep: int) -> None:
        self._run_dir = run_dir
        self._keep = keep

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """A checkpoint is complete."""
        if not state.is_world_process_zero:
            return
        checkpoints = whole_checkpoints(self._run_dir)
        best = Path(state.best_model_checkpoint).name if state.best_model_checkpoint else None
        spare = [path for path in checkpoints[:-1] if path.name != best]
        for path in spare[: max(0, len(checkpoints) - self._keep)]:
            # Its state goes first: what is left of a removal that is cut off must not pass for a checkpoint.
            unseal(path)
            shutil.rmtree(path, ignore_errors=True)


_OPTIMIZER = ("optimizer*", "global_step*")
"""What of the optimizer lies in a checkpoint: a file, or folders of FSDP's or DeepSpeed's."""

_WORDS = {
    "model_kind": "it trains {saved}, this run {now}",
    "base_model": "its `base_model` is {saved}, this run's {now}",
    "adapter": "its adapter is not this run's",
    "optimizer": "its `optimizer` is {saved}, this run's {now}",
    "training_rows": "its training rows are others (digest {saved:.8}, here {now:.8})",
    "rows_a_step": "its optimizer steps have {saved} rows, this run's {now}",
    "order_seed": "its rows are shuffled by another seed ({saved}, here {now})",
    "shuffle_by": "its epochs are shuffled by {saved}, this run's by {now}",
}
