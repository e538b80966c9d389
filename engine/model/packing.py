"""Whether a model may be trained on packs: a gate for what is known, and a probe for what is not."""

import os
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from peft import PeftModel
from transformers import PreTrainedModel

from engine.batch.pack import PackCollator
from engine.batch.pad import Batch, PadCollator
from engine.batch.schedule import SlottedRow
from engine.encode.encoding import MASKED, EncodedRow, StepsEncoding
from engine.model.packed_attention import install_packed_attention, install_pruning
from engine.model.padding import prove_padding
from engine.model.read import reads_hidden_states, weights_format
from engine.model.varlen import DEVICES
from engine.preset.schema import Preset
from engine.sample import SampleId

EXACT = {torch.float64: 1e-6, torch.float32: 1e-4, torch.bfloat16: 5e-2, torch.float16: 2e-2}
"""How far packed scores and gradients may be from padded ones, relative to their norm, by the format of the weights.

With weights in half precision only gross errors show: there the gate is what keeps unknown models away from packs.
"""

NEAR = 3
"""How many times as far as padded scores and gradients, computed in half precision on fp32 weights, packed ones may be
from what fp32 gives: the criterion of flash attention's own tests (Dao et al., tests/test_flash_attn.py).
"""

LONGEST, LONGER = 41, 8
"""Tokens of the probe's longest sequence, and how many times as long it is for a kernel that works in tiles of 128."""

Autocast = Literal["bf16", "fp16", "no"]
FORMATS = {"bf16": torch.bfloat16, "fp16": torch.float16, "no": torch.float32}

KNOWN_LAYERS = {"full_attention", "sliding_attention"}


@dataclass(frozen=True, slots=True)
class Packing:
    """The decision: whether batches are packs, whether the last layer is pruned, and why, in words."""

    packed: bool
    pruned: bool
    reason: str


def choose_packing(model: Any, preset: Preset, device: str, pad_id: int, autocast: Autocast = "no") -> Packing:
    """Decide for a model that has its reader (and adapter); where it is packed, its attention is prepared for it.

    The probe takes a few random sequences through the model, padded and packed, and compares scores and gradients: on
    the device and under the autocast that training has. Where there is a variable-length kernel, it is tried first.

    Raises ModelError where the model cannot be trained padded either.
    """
    body: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    if why := refused(body, preset, device):
        rows = _probe_rows(body.config.get_text_config().vocab_size, pad_id)
        prove_padding(model, rows, pad_id, FORMATS[autocast] if autocast != "no" else None)
        return Packing(False, False, f"Batches are padded: {why}.")
    if next(model.parameters()).device.type != device:
        model.to(device)
    before: str = body.config._attn_implementation
    pruning = install_pruning(body)
    how, difference = "", ""
    for varlen in (True, False) if device in DEVICES else (False,):
        install_packed_attention(body, varlen)
        for prune in (True, False) if pruning else (False,):
            difference = probe(model, prune, pad_id, autocast, varlen)
            if not difference:
                kernel = "; attention goes through PyTorch's variable-length kernel" if varlen else how
                last = "; the last layer computes only what is read" if prune else ""
                return Packing(
                    True, prune, f"Samples are packed without padding, shared beginnings once{last}{kernel}."
                )
        how = f"; attention goes segment by segment: by PyTorch's variable-length kernel it {difference}"
    body.set_attn_implementation(before)
    return Packing(False, False, f"Batches are padded: packed, {type(body).__name__} {difference}.")


def refused(model: PreTrainedModel, preset: Preset, device: str) -> str:
    """Why the model is not packed without further ado; empty if there is nothing to be said against it."""
    config = model.config.get_text_config()
    unknown = {*(getattr(config, "layer_types", None) or ())} - KNOWN_LAYERS
    sharded = preset.fsdp or preset.deepspeed or "ACCELERATE_USE_FSDP" in os.environ
    # The attention has run on CPUs only.
    asked_for = bool(preset.sample_packing)
    reasons = {
        "sample_packing is false": preset.sample_packing is False,
        f"packs are not proven on {device}, `sample_packing: true` uses them": device != "cpu" and not asked_for,
        f"attn_implementation is {preset.attn_implementation}": preset.attn_implementation not in (None, "sdpa"),
        f"{type(model).__name__} pools before its head": not reads_hidden_states(model),
        f"{type(model).__name__} has an attention of its own": not getattr(model, "_supports_attention_backend", False),
        f"{type(model).__name__} carries a state from token to token": getattr(model, "_is_stateful", False),
        f"{type(model).__name__} has layers of {', '.join(sorted(unknown))}": bool(unknown),
        f"{type(model).__name__} attends in both directions": any(
            getattr(module, "is_causal", True) is False for module in model.modules()
        ),
        "the weights are sharded": bool(sharded or "ACCELERATE_USE_DEEPSPEED" in os.environ),
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


def probe(model: Any, prune: bool, pad_id: int, autocast: Autocast = "no", varlen: bool = False) -> str:
    """How packed scores, or their gradients, differ from padded ones, in words; empty if they do not.

    `varlen` says that the kernel attends: sequences are then longer than the tiles that it works in, as far as the
    model's positions go, and the pack is gone over once more with the dropout that training has.
    """
    config = model.config.get_text_config()
    limit = getattr(config, "max_position_embeddings", None) or LONGEST
    rows = _probe_rows(config.vocab_size, pad_id, max(1, min(LONGER, limit // LONGEST)) if varlen else 1)
    padded, packed = PadCollator(pad_id)(rows), PackCollator(prune)(rows)
    held = weights_format(model)
    compute = partial(_scores_and_gradient, model, pad_id=pad_id)
    was_training = model.training
    try:
        if varlen:
            model.train()
            compute(packed, autocast=autocast)
        model.eval()
        found = compute(packed, autocast=autocast)
        usual = compute(padded, autocast=autocast)
        # Rounding can be told from error where the weights are there in a better format than what computes.
        expected = compute(padded, autocast="no") if autocast != "no" and held == torch.float32 else usual
    except Exception as error:  # whatever a kernel or an unknown model meets: there is another way to train
        return f"fails ({type(error).__name__}: {next(iter(str(error).splitlines()), '')})"
    finally:
        model.train(was_training)
    for what, one, other, true in zip(("scores", "gradients"), found, usual, expected, strict=True):
        size = true.norm().clamp(min=1e-12)
        apart, rounding = ((one - true).norm() / size).item(), ((other - true).norm() / size).item()
        if not apart <= EXACT.get(held, EXACT[torch.bfloat16]) + NEAR * rounding:
            return f"gives other {what} than padded (by {apart:.1%})"
    return ""


def _scores_and_gradient(
    model: Any, batch: Batch, *, pad_id: int, autocast: Autocast
) -> tuple[torch.Tensor, torch.Tensor]:
    """The scores, and the gradient of a weighted sum of them by the embedding of each token of the vocabulary that
    occurs, (tokens, size): the same in every layout, and there whatever an adapter has frozen.
    """
    device = next(model.parameters()).device
    inputs = ("input_ids", "attention_mask", "position_ids", "pack", "read")
    layout = {name: value for name, value in batch.items() if name in inputs}
    layout = {name: value.to(device) if isinstance(value, torch.Tensor) else value for name, value in layout.items()}
    embedded: list[torch.Tensor] = []

    def keep(module: Any, arguments: Any, output: torch.Tensor) -> torch.Tensor:
        embedded.append(output.detach().requires_grad_())
        return embedded[0]

    hook = model.get_input_embeddings().register_forward_hook(keep)
    try:
        with torch.enable_grad():
            with torch.autocast(device.type, FORMATS[autocast], enabled=autocast != "no"):
                scores: torch.Tensor = model(**layout).float()
            weights = torch.linspace(-1, 1, scores.numel(), device=device).view(scores.shape)
            (gradient,) = torch.autograd.grad((scores * weights).sum(), embedded)
    finally:
        hook.remove()
    ids, of_id = torch.unique(batch["input_ids"], return_inverse=True)
    by_id = torch.zeros(len(ids), gradient.shape[-1], device=device)
    by_id.index_add_(0, of_id.flatten().to(device), gradient.flatten(0, -2).float())
    # What padding holds is read by nothing; a pack has none of it.
    return scores.detach(), by_id[(ids != pad_id).to(device)]


def _probe_rows(vocabulary: int, pad_id: int, times: int = 1) -> list[SlottedRow]:
    """Two prompts with two traces each, of tokens drawn by a fixed seed, LONGEST tokens at most, so many `times`; every
    third token is read, and the last.
    """
    generator = torch.Generator().manual_seed(0)

    def draw(count: int) -> list[int]:
        ids: list[int] = torch.randint(vocabulary - 1, (count,), generator=generator).tolist()
        return [token + (token >= pad_id) for token in ids]

    rows: list[SlottedRow] = []
    for prompt_length, *lengths in [(24, 9, 17), (11, 21, 5)]:
        prompt = draw(prompt_length * times)
        for length in lengths:
            ids = prompt + draw(length * times)
            labels: list[int | float] = [1 if at % 3 == 0 or at == len(ids) - 1 else MASKED for at in range(len(ids))]
            rows.append(SlottedRow(EncodedRow(SampleId(0, len(rows)), StepsEncoding(ids, labels), None), False))
    return rows
