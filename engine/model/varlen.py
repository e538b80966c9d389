"""A pack's attention in one launch: PyTorch's variable-length kernel, told of the segments as sequences.

The kernel (`torch.nn.attention.varlen.varlen_attn`, flash attention's) takes sequences whose queries are fewer than
their keys, and lines them up at their ends: the last query sees all keys, the one before it one key less. That is what
a segment needs: its queries are its own tokens, its keys those of the segments above it and its own.
"""

from dataclasses import dataclass
from itertools import accumulate
from typing import cast

import torch
from torch import Tensor

from engine.batch.pack import Pack

DEVICES = {"cuda"}
FORMATS = {torch.float16, torch.bfloat16}
LARGEST_HEAD = 256
HEAD_STEP = 8
"""What the kernel takes: flash attention's own limits on a head's size."""


@dataclass(frozen=True, slots=True)
class VarlenPlan:
    """What the kernel is told of a pack; every segment that asks for something is a sequence to it.

    `queries_to` and `keys_to` say where each sequence ends, from a leading 0 on, int32, (sequences + 1,); the longest
    of each and all `queries` are numbers of tokens. `keys` gathers the pack's tokens into the sequences' keys; None
    where these are the tokens as they lie. `places` says where among the sequences' queries the given ones go; None
    where they are all there is.
    """

    queries_to: Tensor
    keys_to: Tensor
    queries: int
    longest_queries: int
    longest_keys: int
    keys: Tensor | None
    places: Tensor | None


def plan_varlen(pack: Pack, pruned: bool, device: torch.device) -> VarlenPlan:
    """The kernel's plan of a pack, for queries of all of its tokens or, `pruned`, of those that are read.

    What is read of a segment lies apart, and a sequence has no gaps: its queries go from the first token that is read
    to the last, and those between ask for nothing. Were each a sequence of its own, each would need a copy of its keys.
    """
    everything = torch.arange(sum(pack.lengths))
    tokens = torch.split(everything, pack.lengths)
    asking = torch.split(pack.kept, list(pack.kept_by_segment)) if pruned else tokens
    queries: list[int] = []
    keys: list[int] = []
    gathered: list[Tensor] = []
    places: list[Tensor] = []
    for segment, its, own in zip(pack.segments, tokens, asking, strict=True):
        if not len(own):
            continue
        first, last = own[[0, -1]].tolist()
        seen = its[its <= last]
        places.append(own - first + sum(queries))
        queries.append(last - first + 1)
        gathered += [*(tokens[above] for above in segment.ancestors), seen]
        keys.append(segment.depth + len(seen))
    index, where = torch.cat(gathered), torch.cat(places)
    return VarlenPlan(
        queries_to=torch.tensor([0, *accumulate(queries)], dtype=torch.int32, device=device),
        keys_to=torch.tensor([0, *accumulate(keys)], dtype=torch.int32, device=device),
        queries=sum(queries),
        longest_queries=max(queries),
        longest_keys=max(keys),
        keys=None if torch.equal(index, everything) else index.to(device),
        places=None if len(where) == sum(queries) else where.to(device),
    )


def attend_varlen(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    pack: Pack,
    *,
    pruned: bool,
    dropout: float,
    scaling: float | None,
    sliding_window: int | None,
    softcap: float | None,
) -> Tensor:
    """Attention of a pack's states, (1, heads, tokens, size), by the kernel; (1, heads, queries, size).

    It computes in autocast's format where that is on. `sliding_window` counts positions, the query's own among them.
    Raises NotImplementedError for what the kernel lacks, saying what, and ImportError where PyTorch has no kernel.
    """
    from torch.nn.attention.varlen import varlen_attn

    device = query.device
    # Autocast leaves rotated queries and keys in fp32, and does not know this kernel as one to cast for.
    format = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else query.dtype
    sizes = {states.shape[-1] for states in (query, key, value)}
    lacking = {
        f"{device.type} tensors": device.type not in DEVICES,
        str(format).removeprefix("torch."): format not in FORMATS,
        "dropout": dropout > 0,
        "soft-capping": softcap is not None,
        f"heads of {' and '.join(map(str, sorted(sizes)))}": len(sizes) > 1
        or max(sizes) > LARGEST_HEAD
        or max(sizes) % HEAD_STEP > 0,
    }
    if missing := [what for what, applies in lacking.items() if applies]:
        raise NotImplementedError(f"the variable-length kernel takes no {', '.join(missing)}")
    name = ("varlen", pruned, device)
    plan: VarlenPlan = pack.made.get(name) or plan_varlen(pack, pruned, device)
    pack.made[name] = plan
    asking, keys, values = (states[0].transpose(0, 1).to(format) for states in (query, key, value))
    if plan.keys is not None:
        keys, values = keys.index_select(0, plan.keys), values.index_select(0, plan.keys)
    if plan.places is not None:
        room = asking.new_zeros(plan.queries, *asking.shape[1:])
        asking = room.index_copy(0, plan.places, asking)
    outcome = varlen_attn(
        asking,
        keys,
        values,
        plan.queries_to,
        plan.keys_to,
        plan.longest_queries,
        plan.longest_keys,
        scale=scaling,
        # Causal, which the kernel knows by no window to the left; its own window leaves the query itself out.
        window_size=(sliding_window - 1 if sliding_window else -1, 0),
        enable_gqa=key.shape[1] != query.shape[1],
    )
    attended = cast("Tensor", outcome)
    if plan.places is not None:
        attended = attended.index_select(0, plan.places)
    return attended.transpose(0, 1)[None]
