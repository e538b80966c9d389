"""How long a sequence a model takes."""

import re
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from engine.model.error import ModelError

_POSITIONS = re.compile(r"(^|\.)(wpe|embed_positions|position_embeddings)$")


def learned_positions(model: nn.Module) -> int | None:
    """The positions that the model has learned embeddings for, None where it computes them (rotary, relative)."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding) and _POSITIONS.search(name):
            # OPT and RoBERTa leave the first rows of the table unused.
            unused = getattr(module, "offset", None) or (0 if module.padding_idx is None else module.padding_idx + 1)
            return module.num_embeddings - unused
    return None


def switching_length(model: PreTrainedModel) -> int | None:
    """The length beyond which one sequence changes the rotary positions of all that are computed with it; None where
    none does. So it is with transformers' `dynamic` and `longrope` (modeling_rope_utils.dynamic_rope_update).
    """
    config = model.config.get_text_config()
    rope: dict[str, Any] = getattr(config, "rope_parameters", None) or {}
    of_layer_types = [value for value in rope.values() if isinstance(value, dict)]
    lengths: list[int | None] = []
    for scheme in of_layer_types or [rope]:
        kind = scheme.get("rope_type", "default")
        if kind == "longrope":
            lengths.append(scheme.get("original_max_position_embeddings"))
        elif "dynamic" in kind:
            lengths.append(config.max_position_embeddings)
    return min((length for length in lengths if length), default=None)


def beyond_window(model: PreTrainedModel, longest: int) -> str | None:
    """What is to be said of sequences of up to `longest` tokens, where the model was made for shorter ones; else None.

    Raises ModelError where the model has no positions for them at all.
    """
    learned = learned_positions(model)
    if learned is not None and longest > learned:
        raise ModelError(
            f"The longest sequence has {longest:,} tokens, and the model has learned {learned:,} positions.",
            "sequence_len",
            f"Set `sequence_len: {learned}` or less: `excess_length_strategy` says what becomes of longer rows.",
        )
    known = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    switch = switching_length(model)
    if switch and longest > switch:
        return (
            f"The longest sequence has {longest:,} tokens. Beyond {switch:,} the model rescales positions, for all"
            " sequences that it is given at once: a shorter one's score then depends on whether a longer one is in its"
            f" micro-batch. `sequence_len: {switch}` keeps to one scale."
        )
    if learned is None and known and longest > known:
        return (
            f"The longest sequence has {longest:,} tokens, and the model was made for {known:,}: what it says of longer"
            f" ones is a guess. `sequence_len: {known}` keeps to what it knows."
        )
    return None
