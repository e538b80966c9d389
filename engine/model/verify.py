"""Proof that a saved model is the trained one: its files hold the trained weights, and loaded back it scores alike."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors import safe_open
from torch import Tensor
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

from engine.batch.pad import Batch
from engine.model.read import weights_format
from engine.preset.schema import ModelKind

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.bfloat16: 5e-2, torch.float16: 1e-2}
"""How far scores may be apart, relative to the largest, by the format the model is held in."""


def reload_difference(model: Any, saved: Path, batch: Batch, kind: ModelKind) -> tuple[float, float]:
    """How far the scores of the model in `saved` are from those of `model`, and how far they may be; in reward units
    (or logits). The saved one is loaded as anybody would, by transformers (and peft) alone, and pools by itself.

    `batch` is a padded batch on the model's device. Raises whatever loading raises.
    """
    was_training = model.training
    model.eval()
    with torch.no_grad():
        expected = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], read=batch["read"])
        found = _plain_scores(_reloaded(model, saved, kind), batch, kind)
    model.train(was_training)
    return (expected - found).abs().max().item(), TOLERANCE[weights_format(model)] * max(
        1.0, expected.abs().max().item()
    )


@dataclass(frozen=True, slots=True)
class SavedWeights:
    """Of the `written` weights of a saved model, `compared` have the names that the trained model knows them by; those
    that are `changed` are not the trained ones to the last bit.
    """

    written: int
    compared: int
    changed: tuple[str, ...]


def compare_weights(model: Any, saved: Path) -> SavedWeights:
    """The weights in the files in `saved` beside those of `model`; of an adapter its own, and those saved beside it.

    What transformers writes under other names than it computes with (experts, for one) is not compared.
    """
    trained = get_peft_model_state_dict(model) if isinstance(model, PeftModel) else model.state_dict()
    written, compared, changed = 0, 0, []
    for path in sorted(saved.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            known = sorted({*file.keys()} & {*trained})
            written, compared = written + len(file.keys()), compared + len(known)
            for name in known:
                kept, weight = file.get_tensor(name), trained[name].cpu()
                if kept.dtype != weight.dtype or not torch.equal(kept, weight):
                    changed.append(name)
    return SavedWeights(written, compared, tuple(changed))


def _reloaded(model: Any, saved: Path, kind: ModelKind) -> Any:
    auto = AutoModelForSequenceClassification if kind == "pair" else AutoModelForTokenClassification
    body: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    options = {"dtype": weights_format(model), "use_safetensors": True}
    if isinstance(model, PeftModel):
        labels = body.config.num_labels
        base = auto.from_pretrained(body.name_or_path, num_labels=labels, **options)
        if body.config.get_text_config().vocab_size != base.config.get_text_config().vocab_size:
            base.resize_token_embeddings(body.config.get_text_config().vocab_size)
        base.config.get_text_config().pad_token_id = body.config.get_text_config().pad_token_id
        loaded = PeftModel.from_pretrained(base, saved)
    else:
        loaded = auto.from_pretrained(saved, **options)
    return loaded.to(next(model.parameters()).device).eval()


def _plain_scores(model: Any, batch: Batch, kind: ModelKind) -> Tensor:
    logits: Tensor = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.float()
    return logits if kind == "pair" else logits.flatten(0, 1)[batch["read"]]
