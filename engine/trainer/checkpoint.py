"""What is kept with a run's checkpoints: where each comes from, and which of them stay."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from engine.preset.schema import Preset
from engine.runs.checkpoint import STATE, whole_checkpoints
from engine.runs.error import RunError

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


def refuse_other(checkpoint: Path, origin: Origin) -> None:
    """Raise RunError where a checkpoint is from another training, in words. One that does not say is only seen to have
    an adapter or none, as this training does.
    """
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


class Checkpoints(TrainerCallback):
    """Notes each checkpoint's origin, and removes those beyond the `keep` latest and the best, the earliest first.

    By their steps: transformers goes by the time of their files, so that a clock that was set back would have it remove
    the newest.
    """

    def __init__(self, run_dir: Path, origin: Origin, keep: int) -> None:
        self._run_dir = run_dir
        self._origin = origin
        self._keep = keep

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """A checkpoint is complete."""
        if not state.is_world_process_zero:
            return
        noted = self._run_dir / f"checkpoint-{state.global_step}" / ORIGIN_FILE
        noted.with_suffix(".part").write_text(json.dumps(asdict(self._origin)))
        noted.with_suffix(".part").replace(noted)
        checkpoints = whole_checkpoints(self._run_dir)
        best = Path(state.best_model_checkpoint).name if state.best_model_checkpoint else None
        spare = [path for path in checkpoints[:-1] if path.name != best]
        for path in spare[: max(0, len(checkpoints) - self._keep)]:
            # Its state goes first: what is left of a removal that is cut off must not pass for a checkpoint.
            (path / STATE).unlink(missing_ok=True)
            shutil.rmtree(path, ignore_errors=True)


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
