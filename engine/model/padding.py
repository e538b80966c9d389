"""Whether a model keeps padding out of its scores."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from engine.batch.pad import PadCollator
from engine.batch.schedule import SlottedRow
from engine.model.error import ModelError
from engine.model.read import weights_format

LARGEST = {torch.float64: 1e-5, torch.float32: 1e-3}
"""How far scores may be from those of each sequence alone, relative to their norm; half precision shows only what is
gross (0.5).
"""


def prove_padding(model: Any, rows: Sequence[SlottedRow], pad_id: int, autocast: torch.dtype | None = None) -> None:
    """Score the rows padded, and each alone. Raises ModelError where the scores differ, or cannot be had at all, in
    the weights' own format or under the autocast that training has.

    A causal model reads nothing of what is to its right. An encoder must mask it, and some cannot: those that mix
    tokens by convolutions, a Fourier transform or landmarks (ConvBERT, FNet, Nyströmformer).
    """
    kind = model.config.model_type
    if kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        return
    name = f"A model of the type {kind}"
    was_training = model.training
    model.eval()
    alone: torch.Tensor | None = None
    try:
        with torch.no_grad():
            padded = _scores(model, rows, pad_id)
            alone = torch.cat([_scores(model, [row], pad_id) for row in rows])
            if autocast:
                with torch.autocast(next(model.parameters()).device.type, autocast):
                    _scores(model, rows, pad_id)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        under = f" in {str(autocast).removeprefix('torch.')}" if alone is not None else ""
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelError(
            f"{name} cannot score token ids alone{under}: {said}",
            "base_model",
            "Use `bf16: false`." if under else "Use a model that reads text and nothing else.",
        ) from error
    finally:
        model.train(was_training)
    apart = ((padded - alone).norm() / alone.norm().clamp(min=1e-12)).item()
    if not apart <= LARGEST.get(weights_format(model), 0.5):
        raise ModelError(
            f"{name} lets padding into its scores: in a batch they differ by {apart:.1%} from each text alone.",
            "base_model",
            "Its rewards would depend on which rows come together. Use a model that masks padding, or a causal one.",
        )


def _scores(model: Any, rows: Sequence[SlottedRow], pad_id: int) -> torch.Tensor:
    device = next(model.parameters()).device
    batch = PadCollator(pad_id)(rows)
    ids, mask, read = (batch[name].to(device) for name in ("input_ids", "attention_mask", "read"))
    scores: torch.Tensor = model(input_ids=ids, attention_mask=mask, read=read)
    return scores.float()
