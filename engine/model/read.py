"""Reading scores: hidden states at the positions that matter, and the head in fp32 on those alone."""

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from engine.batch.pack import Pack
from engine.model.error import ModelError
from engine.model.packed_attention import PACKING

HEADS = ("score", "classifier")
"""What the model classes of transformers call their head."""


def head_name(model: nn.Module) -> str:
    """The attribute that holds the model's head. Raises ModelError where there is none."""
    for name in HEADS:
        if isinstance(getattr(model, name, None), nn.Module):
            return name
    raise ModelError(
        f"{type(model).__name__} has no head called {' or '.join(HEADS)}, which reads hidden states of tokens.",
        "base_model",
        "Use a causal model, or an encoder such as BERT: not an encoder-decoder.",
    )


def weights_format(model: Any) -> torch.dtype:
    """The format that a model's weights are held in, which the head's may not be: that of its embeddings."""
    held: torch.dtype = model.get_input_embeddings().weight.dtype
    return held


def before_head(model: PreTrainedModel) -> list[str]:
    """The names of the modules with weights between the base model and its head, which a base model's files may lack
    as they lack the head: a pooler (that some base models hold themselves), a projection.
    """
    beside = {name: child for name, child in model.named_children() if name != model.base_model_prefix}
    beside |= {name: child for name, child in model.base_model.named_children() if name == "pooler"}
    weighty = {name for name, child in beside.items() if next(child.parameters(), None) is not None}
    return sorted(weighty - {head_name(model)})


def reads_hidden_states(model: PreTrainedModel) -> bool:
    """Whether the class is nothing but base model, dropout and a linear head, so that the head can be read by itself.

    Encoders that pool or project before the head are not: they keep their class's own forward.
    """
    name = head_name(model)
    known = {model.base_model_prefix, "dropout", name}
    # Under an adapter the head is wrapped, to be trained and saved.
    head = getattr(model, name)
    head = getattr(head, "original_module", head)
    judges_sequences = "SequenceClassification" in type(model).__name__
    return (
        {child for child, _ in model.named_children()} <= known
        and type(head) is nn.Linear
        and not (judges_sequences and name != "score")
    )


def install_reader(model: PreTrainedModel) -> None:
    """Let `model(input_ids=..., attention_mask=..., read=...)` return the scores at the flat positions `read`.

    The scores have shape (positions, labels) and are computed in the head's own dtype (fp32 once loaded), autocast or
    not. Without `read` the model's forward is what it was. A class whose head cannot be read by itself goes through
    its own forward: its sequence scores come in the order of the sequences, its token scores are selected by `read`.

    The override sits on the instance, so that saving, adapters and checkpointing see the class they know.
    """
    direct = reads_hidden_states(model)
    head = head_name(model)
    if not direct:
        _keep_format(getattr(model, head))
    by_sequence = "SequenceClassification" in type(model).__name__
    original = model.forward

    def forward(self: PreTrainedModel, *args: Any, read: Tensor | None = None, **inputs: Any) -> Any:
        if read is None:
            return original(*args, **inputs)
        inputs = {name: value for name, value in inputs.items() if value is not None}
        if not direct:
            logits: Tensor = original(*args, **inputs).logits
            logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
            return logits if by_sequence else logits.flatten(0, 1)[read]
        pack: Pack | None = inputs.get("pack")
        packing = PACKING.set(pack is not None)
        try:
            hidden: Tensor = self.base_model(*args, **inputs).last_hidden_state
        finally:
            PACKING.reset(packing)
        # A pruned pack's hidden states are those of the read positions already.
        pruned = pack is not None and pack.prune
        selected = hidden[0, pack.rank.to(hidden.device)] if pruned and pack else hidden.flatten(0, 1)[read]
        if isinstance(dropout := getattr(self, "dropout", None), nn.Module):
            selected = dropout(selected)
        return score(getattr(self, head), selected)

    model.forward = MethodType(forward, model)


def _keep_format(head: nn.Module) -> None:
    """Let a head that its class calls compute in its own dtype, whatever it is given and whatever autocast says."""

    def forward(self: nn.Module, hidden: Tensor, *args: Any, **options: Any) -> Any:
        # Of the class, since an adapter copies the head with this override, and not what it would close over.
        with torch.autocast(hidden.device.type, enabled=False):
            return type(self).forward(self, hidden.to(next(self.parameters()).dtype), *args, **options)

    head.forward = MethodType(forward, head)


def score(head: nn.Module, hidden: Tensor) -> Tensor:
    """The head on hidden states, in the head's dtype whatever autocast would have it be: (n, size) to (n, labels)."""
    with torch.autocast(hidden.device.type, enabled=False):
        scores: Tensor = head(hidden.to(head.weight.dtype))  # type: ignore[arg-type]
    return scores
