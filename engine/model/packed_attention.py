"""Attention that follows a pack's plan, and a last layer that computes only what is read.

Registered with transformers, it serves padded batches as `sdpa` would, so that a model may see both. It goes segment by
segment, or under the other of its names through the variable-length kernel.
"""

from collections.abc import Sequence
from contextvars import ContextVar
from functools import partial
from types import MethodType
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout as drop
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from engine.batch.pack import Pack
from engine.model.varlen import attend_varlen

NAME, VARLEN = "packed", "packed_varlen"
"""What the attention implementations are called in a model's config: segment by segment, and by the kernel."""

LARGEST_MASK = 2**22
"""Elements from which on a segment's mask costs more memory than it saves time."""

PACKING = ContextVar("PACKING", default=False)
"""Set while a model goes over a pack: a mask is asked for without telling what for."""


class KeysAndValues(BaseException):
    """Carries a layer's keys and values out of it, as soon as they are there: the rest would be computed for nothing.

    A BaseException, so that no `except Exception` on the way takes it for an error.
    """

    def __init__(self, key: Tensor, value: Tensor) -> None:
        self.key = key
        self.value = value


class Capture:
    """In place of a pack: hand out keys and values instead of attending."""


class Pruned:
    """In place of a pack: queries of the kept tokens alone, on keys and values of all tokens."""

    def __init__(self, pack: Pack, key: Tensor, value: Tensor) -> None:
        self.pack = pack
        self.key = key
        self.value = value


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | int | None,
    *,
    dropout: float = 0.0,
    scaling: float | None = None,
    softcap: float | None = None,
    pack: Pack | Capture | Pruned | None = None,
    varlen: bool = False,
    **others: Any,
) -> tuple[Tensor, None]:
    """Attention as transformers calls it: (batch, heads, tokens, size) in, (batch, tokens, heads, size) out.

    A pack's mask is the layer's window, see `packed_mask`. What layers say of a window beside the mask counts as little
    as it does to `sdpa`: some say it in layers that have none, or not in those that have one.

    Raises KeysAndValues for a Capture, and NotImplementedError where the model asks for something that a pack has no
    answer to (attention sinks, a position bias), or, with `varlen`, the kernel.
    """
    if isinstance(pack, Capture):
        raise KeysAndValues(key, value)
    spelled_out = attention_mask if isinstance(attention_mask, Tensor) else None
    if pack is None:
        if softcap is None:
            return sdpa_attention_forward(
                module, query, key, value, spelled_out, dropout=dropout, scaling=scaling, **others
            )
        attended = _attend(
            query, key, value, spelled_out, dropout=dropout, scaling=scaling, softcap=softcap, causal=False
        )
        return attended.transpose(1, 2).contiguous(), None
    for unknown in ("s_aux", "position_bias"):
        if others.get(unknown) is not None:
            raise NotImplementedError(f"a pack cannot be attended to with {unknown}")
    if spelled_out is not None:
        raise NotImplementedError("a pack cannot be attended to with a mask that the model makes by itself")
    sliding_window = cast("int | None", attention_mask)
    pruned = isinstance(pack, Pruned)
    if isinstance(pack, Pruned):
        plan, key, value = pack.pack, pack.key, pack.value
        parts: Sequence[int] = plan.kept_by_segment
    else:
        plan = pack
        parts = plan.lengths
    if varlen:
        attended = attend_varlen(
            query,
            key,
            value,
            plan,
            pruned=pruned,
            dropout=dropout,
            scaling=scaling,
            sliding_window=sliding_window,
            softcap=softcap,
        )
        return attended.transpose(1, 2).contiguous(), None
    queries, keys, values = (
        torch.split(states, list(sizes), dim=2)
        for states, sizes in ((query, parts), (key, plan.lengths), (value, plan.lengths))
    )
    outputs = []
    for index, segment in enumerate(plan.segments):
        asking = queries[index]
        if not asking.shape[2]:
            continue
        path = (*segment.ancestors, index)
        k = torch.cat([keys[i] for i in path], dim=2) if len(path) > 1 else keys[index]
        v = torch.cat([values[i] for i in path], dim=2) if len(path) > 1 else values[index]
        window = sliding_window if sliding_window and segment.depth + segment.length > sliding_window else None
        plain = not pruned and window is None and softcap is None
        again = segment.depth if plain and segment.length * k.shape[2] > LARGEST_MASK else 0
        if again:
            # The queries above are asked once more, since together with them the whole is plainly causal.
            asking = torch.cat([*(queries[i] for i in segment.ancestors), asking], dim=2)
        causal = plain and asking.shape[2] == k.shape[2]
        mask = None if causal else _mask(plan, index, window=window, pruned=pruned, like=query)
        attended = _attend(asking, k, v, mask, dropout=dropout, scaling=scaling, softcap=softcap, causal=causal)
        outputs.append(attended[:, :, again:])
    return torch.cat(outputs, dim=2).transpose(1, 2).contiguous(), None


def packed_mask(*args: Any, local_size: int | None = None, **options: Any) -> Tensor | int | None:
    """For a pack, whose plan says the rest, the window of the layers that get this mask, in positions (None: no
    window); else the mask of `sdpa`, spelled out for the sake of soft-capping.

    Raises NotImplementedError where the model lays a mask of its own over the usual one of a pack.
    """
    if PACKING.get():
        if options.get("use_vmap"):
            raise NotImplementedError("a pack cannot be attended to with a mask that the model makes by itself")
        return local_size
    options |= {"allow_is_causal_skip": False, "local_size": local_size}
    mask: Tensor | None = sdpa_mask(*args, **options)
    return mask


def install_packed_attention(model: PreTrainedModel, varlen: bool = False) -> str:
    """Let the model attend along packs, `varlen` by the kernel; returns the name of the implementation that it had, to
    go back to.
    """
    name = VARLEN if varlen else NAME
    AttentionInterface.register(name, partial(packed_attention, varlen=varlen))
    AttentionMaskInterface.register(name, packed_mask)
    before: str = model.config._attn_implementation
    model.set_attn_implementation(name)
    return before


def install_pruning(model: PreTrainedModel) -> bool:
    """Let the last layer compute only what is read of a pack that says so; whether a last layer was found.

    A layer treats every token by itself but for the keys and values that others attend to. So it is run twice: on all
    tokens as far as the keys and values, and on the kept tokens to its end.
    """
    layers = [
        module
        for module in model.base_model.modules()
        if isinstance(module, nn.ModuleList) and len(module) == model.config.get_text_config().num_hidden_layers
    ]
    if len(layers) != 1:
        return False
    last: Any = layers[0][-1]
    whole = last.forward

    def forward(self: Any, hidden_states: Tensor, *args: Any, pack: Pack | None = None, **inputs: Any) -> Any:
        if pack is None or not pack.prune:
            return whole(hidden_states, *args, pack=pack, **inputs)
        # What little this layer keeps need not be computed again; and a checkpoint could not be left half-way.
        self.gradient_checkpointing = False
        tokens = hidden_states.shape[1]
        try:
            whole(hidden_states, *args, pack=Capture(), **inputs)
        except KeysAndValues as found:
            # Not kept beyond here: its traceback holds this frame, and with it the layer's tensors until the next
            # garbage collection.
            pruned = Pruned(pack, found.key, found.value)
        else:
            raise NotImplementedError("the last layer does not attend through transformers' attention interface")
        kept = pack.kept.to(hidden_states.device)
        few = {name: _select(value, kept, tokens) for name, value in inputs.items()}
        rest = (_select(value, kept, tokens) for value in args)
        return whole(_select(hidden_states, kept, tokens), *rest, pack=pruned, **few)

    last.forward = MethodType(forward, last)
    return True


def _select(value: Any, kept: Tensor, tokens: int) -> Any:
    """What a layer is given for all of a pack's `tokens` (dimension 1), for the kept ones alone; all else as it is."""
    if isinstance(value, Tensor) and value.ndim > 1 and value.shape[1] == tokens:
        return value.index_select(1, kept)
    if isinstance(value, tuple):
        return tuple(_select(item, kept, tokens) for item in value)
    return value


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    *,
    dropout: float,
    scaling: float | None,
    softcap: float | None,
    causal: bool,
) -> Tensor:
    """Attention of (batch, heads, queries, size) to fewer or as many key heads. `mask` is additive or boolean."""
    grouped = key.shape[1] != query.shape[1]
    # On CUDA no fused kernel takes both a mask and fewer key heads: it would be spelled out, with all its weights.
    if grouped and (softcap is not None or (mask is not None and query.is_cuda)):
        repeats = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(repeats, dim=1), value.repeat_interleave(repeats, dim=1)
        grouped = False
    if softcap is None:
        return scaled_dot_product_attention(query, key, value, mask, dropout, causal, scale=scaling, enable_gqa=grouped)
    weights = query @ key.transpose(2, 3) * (scaling if scaling is not None else query.shape[-1] ** -0.5)
    weights = torch.tanh(weights / softcap) * softcap
    if mask is not None:
        # A padding token may see nothing at all: the lowest number, unlike minus infinity, leaves it a number.
        nothing = torch.finfo(weights.dtype).min
        weights = weights.masked_fill(~mask, nothing) if mask.dtype == torch.bool else weights + mask
    # As in transformers' own soft-capped attention: the softmax in fp32.
    weights = weights.softmax(dim=-1, dtype=torch.promote_types(weights.dtype, torch.float32)).to(query.dtype)
    return drop(weights, dropout) @ value


def _mask(pack: Pack, index: int, *, window: int | None, pruned: bool, like: Tensor) -> Tensor:
    """What the segment's queries may attend to, additive, (queries, depth + length); made once a pack and shape.

    Keys lie by position, from the sequence's beginning. A query sees itself and what is before it, `window` positions
    at most.
    """
    segment = pack.segments[index]
    shape = (index,) if pruned else (segment.depth, segment.length)
    name = (*shape, window, pruned, like.dtype, like.device)
    if (made := pack.made.get(name)) is not None:
        mask: Tensor = made
        return mask
    keys = segment.depth + segment.length
    if pruned:
        first = sum(pack.lengths[:index])
        begin = sum(pack.kept_by_segment[:index])
        at = pack.kept[begin : begin + pack.kept_by_segment[index]] - first + segment.depth
        behind = at[:, None] - torch.arange(keys)
        unseen = behind < 0 if window is None else (behind < 0) | (behind >= window)
        mask = torch.zeros(unseen.shape, dtype=like.dtype).masked_fill_(unseen, float("-inf")).to(like.device)
    else:
        nothing = torch.full((segment.length, keys), float("-inf"), dtype=like.dtype, device=like.device)
        mask = nothing.triu(segment.depth + 1)
        if window is not None:
            mask += nothing.tril_(segment.depth - window)
    pack.made[name] = mask
    return mask
