"""Packs attended by the variable-length kernel. There is none without a GPU, so what its documentation says stands in
for it, spelled out naively: the plan is tested here, and the kernel by the probe of each run that uses it.
"""

import math

import pytest
import torch

from engine.batch.pack import PackCollator
from engine.model import varlen
from engine.model.packed_attention import install_packed_attention, install_pruning
from engine.model.read import install_reader
from tests.engine.model.test_packing import (
    assert_same,
    each_alone,
    pairs,
    scores_and_gradients,
    steps,
)


def varlen_attn(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, *, scale=None, window_size, enable_gqa=False):
    """torch.nn.attention.varlen.varlen_attn as documented: (tokens, heads, size), sequences lined up at their ends."""
    assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32
    assert (cu_seq_q[-1], cu_seq_k[-1]) == (len(query), len(key)) and len(key) == len(value)
    assert (max_q, max_k) == (cu_seq_q.diff().max(), cu_seq_k.diff().max())
    assert query.dtype == key.dtype == value.dtype
    assert enable_gqa or query.shape[1] == key.shape[1]
    scale = 1 / math.sqrt(query.shape[2]) if scale is None else scale
    key, value = (states.repeat_interleave(query.shape[1] // key.shape[1], dim=1) for states in (key, value))
    left, right = window_size
    out = []
    for sequence in range(len(cu_seq_q) - 1):
        (first, last), (begin, end) = cu_seq_q[sequence : sequence + 2], cu_seq_k[sequence : sequence + 2]
        own = range(begin, end)
        for offset in range(last - first):
            at = offset + (end - begin) - (last - first)
            seen = [j for i, j in enumerate(own) if (left < 0 or i >= at - left) and (right < 0 or i <= at + right)]
            weights = torch.einsum("hd,khd->hk", query[first + offset], key[seen]) * scale
            out.append(torch.einsum("hk,khd->hd", weights.softmax(dim=1), value[seen]))
    return torch.stack(out)


@pytest.fixture
def kernel(monkeypatch):
    """The stand-in, on this device and in any format; the calls that it gets."""
    calls = []

    def attend(query, *args, **options):
        calls.append(query)
        return varlen_attn(query, *args, **options)

    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", attend)
    monkeypatch.setattr(varlen, "DEVICES", {"cpu"})
    monkeypatch.setattr(varlen, "FORMATS", {torch.float64, torch.float32, torch.bfloat16})
    return calls


FAMILIES = {"llama": {}, "qwen2": {"num_key_value_heads": 1}, "mistral": {"sliding_window": 8}}


@pytest.mark.parametrize("prune", [False, True])
@pytest.mark.parametrize("kind", ["pair", "steps"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_sequence_is_as_it_would_be_alone(make_model, kernel, family, kind, prune):
    samples = pairs() if kind == "pair" else steps()
    model = make_model(family, kind, **FAMILIES[family]).double().train()
    expected = each_alone(model, samples)
    install_reader(model)
    install_packed_attention(model, varlen=True)
    install_pruning(model)
    assert_same(scores_and_gradients(model, PackCollator(prune)(samples)), expected, torch.float64)
    assert len(kernel) == 2
