"""Packs attended by the variable-length kernel. There is none without a GPU, so what its documentation says stands in
for it, spelled out naively: the plan is tested here, and the kernel by the probe of each run that uses it.
"""

import math
from itertools import pairwise, product

import pytest
import torch

from engine.batch.pack import PackCollator
from engine.encode.encoding import PairEncoding
from engine.model import varlen
from engine.model.packed_attention import NAME, VARLEN, install_packed_attention, install_pruning
from engine.model.packing import choose_packing
from engine.model.read import install_reader
from engine.model.varlen import attend_varlen, plan_varlen
from tests.engine.model.test_packing import (
    assert_same,
    each_alone,
    pairs,
    rows,
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
    for (first, last), (begin, end) in zip(ranges(cu_seq_q), ranges(cu_seq_k), strict=True):
        at = torch.arange(last - first)[:, None] + (end - begin) - (last - first)
        behind = at - torch.arange(end - begin)
        seen = (behind <= (left if left >= 0 else end)) & (-behind <= (right if right >= 0 else end))
        weights = torch.einsum("qhd,khd->hqk", query[first:last], key[begin:end]) * scale
        weights = weights.masked_fill(~seen, float("-inf")).softmax(dim=2)
        out.append(torch.einsum("hqk,khd->qhd", weights, value[begin:end]))
    return torch.cat(out)


def ranges(ends):
    return list(pairwise(ends.tolist()))


@pytest.fixture
def kernel(monkeypatch):
    """The stand-in, on this device and in any format; the calls that it gets."""
    calls = []

    def attend(query, *args, **options):
        calls.append(query)
        return varlen_attn(query, *args, **options)

    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", attend)
    monkeypatch.setattr(varlen, "FORMATS", {torch.float64, torch.float32, torch.bfloat16})
    varlen.DEVICES.add("cpu")
    yield calls
    varlen.DEVICES.remove("cpu")


def decide(model, make_preset, **options):
    model.eval()
    install_reader(model)
    return choose_packing(model, make_preset(), "cpu", 0, **options)


FAMILIES = {
    "llama": {},
    "qwen2": {"num_key_value_heads": 1},
    "mistral": {"sliding_window": 8},
}
SCALED = {"gemma3_text": {"sliding_window": 8, "query_pre_attn_scalar": 5}}


@pytest.mark.parametrize("prune", [False, True])
@pytest.mark.parametrize(("family", "kind"), [*product(SCALED, ["pair"]), *product(FAMILIES, ["pair", "steps"])])
def test_every_sequence_is_as_it_would_be_alone(make_model, kernel, family, kind, prune):
    samples = pairs() if kind == "pair" else steps()
    model = make_model(family, kind, **(FAMILIES | SCALED)[family]).double().train()
    expected = each_alone(model, samples)
    install_reader(model)
    install_packed_attention(model, varlen=True)
    install_pruning(model)
    assert_same(scores_and_gradients(model, PackCollator(prune)(samples)), expected, torch.float64)
    assert len(kernel) == 2


def test_segments_several_deep_are_as_they_would_be_alone(make_model, kernel):
    stem, middle = [*range(2, 14)], [*range(14, 24)]
    ends = [[*stem, 30], [*stem, *middle, 31, 32], [*stem, *middle, 33], [*stem, *middle, 34, 35, 36]]
    samples = rows([PairEncoding(c, r, len(c) - 1, len(r) - 1, 0) for c, r in (ends[:2], ends[2:])])
    assert max(len(segment.ancestors) for segment in PackCollator()(samples)["pack"].segments) == 2
    model = make_model("mistral", sliding_window=15).double().train()
    expected = each_alone(model, samples)
    install_reader(model)
    install_packed_attention(model, varlen=True)
    install_pruning(model)
    assert_same(scores_and_gradients(model, PackCollator()(samples)), expected, torch.float64)


def test_checkpointed_layers_are_as_they_would_be_alone(make_model, kernel):
    model = make_model(num_hidden_layers=3).double().train()
    expected = each_alone(model, pairs())
    install_reader(model)
    install_packed_attention(model, varlen=True)
    install_pruning(model)
    model.gradient_checkpointing_enable({"use_reentrant": False})
    assert_same(scores_and_gradients(model, PackCollator()(pairs())), expected, torch.float64)


def test_the_plan_of_a_pair():
    prompt = [9] * 10
    pack = PackCollator()(rows([PairEncoding([*prompt, 1, 2, 3], [*prompt, 4, 5], 12, 11, 10)]))["pack"]
    plan = plan_varlen(pack, False, torch.device("cpu"))
    assert plan.queries_to.tolist() == [0, 10, 13, 15]
    assert plan.keys_to.tolist() == [0, 10, 23, 35]
    assert (plan.queries, plan.longest_queries, plan.longest_keys) == (15, 10, 13)
    assert plan.keys.tolist() == [*range(10), *range(13), *range(10), 13, 14]
    assert plan.places is None
    read = plan_varlen(pack, True, torch.device("cpu"))
    assert read.queries_to.tolist() == [0, 1, 2]
    assert read.keys_to.tolist() == [0, 13, 25]
    assert read.keys.tolist() == [*range(13), *range(10), 13, 14]
    assert read.places is None


def test_tokens_read_apart_are_one_sequence_and_nothing_shared_is_not_gathered():
    pack = PackCollator()(steps(traces=1))["pack"]
    first, last = pack.kept[[0, -1]].tolist()
    assert len(pack.kept) < last - first + 1
    read = plan_varlen(pack, True, torch.device("cpu"))
    assert read.queries_to.tolist() == [0, last - first + 1]
    assert read.places.tolist() == (pack.kept - first).tolist()
    assert plan_varlen(pack, False, torch.device("cpu")).keys is None


def test_the_kernel_is_taken_where_there_is_one(make_model, make_preset, kernel):
    model = make_model(max_position_embeddings=1024)
    decided = decide(model, make_preset)
    assert decided.pruned
    assert decided.reason.endswith("; attention goes through PyTorch's variable-length kernel.")
    assert model.config._attn_implementation == VARLEN
    # Beyond the 128 tokens of flash attention's tiles, within which some errors would not show.
    assert max(len(query) for query in kernel) > 4 * 128


def test_a_kernel_that_fails_leaves_packs_to_segments(make_model, make_preset, kernel, monkeypatch):
    def fail(*args, **options):
        raise RuntimeError("no kernel image is available\nmore")

    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", fail)
    model = make_model()
    decided = decide(model, make_preset)
    assert decided.pruned
    assert "segment by segment" in decided.reason
    assert decided.reason.endswith("it fails (RuntimeError: no kernel image is available).")
    assert model.config._attn_implementation == NAME


@pytest.mark.parametrize("autocast", ["no", "bf16"])
def test_a_kernel_that_is_silently_wrong_leaves_packs_to_segments(
    make_model, make_preset, kernel, monkeypatch, autocast
):
    """Lined up at their beginnings instead of their ends, as flash attention did before 2.1."""

    def wrong(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, **options):
        starts = zip(ranges(cu_seq_q), ranges(cu_seq_k), strict=True)
        seen = torch.cat([torch.arange(begin, begin + last - first) for (first, last), (begin, _) in starts])
        return varlen_attn(query, key[seen], value[seen], cu_seq_q, cu_seq_q, max_q, max_q, **options)

    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", wrong)
    decided = decide(make_model(), make_preset, autocast=autocast)
    assert decided.packed
    assert "by PyTorch's variable-length kernel it gives other scores than padded" in decided.reason


def test_under_autocast_the_kernel_gets_what_autocast_computes_in(make_model, make_preset, kernel):
    decided = decide(make_model(), make_preset, autocast="bf16")
    assert "through PyTorch's variable-length kernel" in decided.reason
    assert {query.dtype for query in kernel} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("family", "values", "what"),
    [
        ("llama", {}, "float32"),
        ("llama", {"attention_dropout": 0.1}, "dropout"),
        ("gemma2", {}, "soft-capping"),
        ("llama", {"head_dim": 12}, "heads of 12"),
        ("llama", {"head_dim": 264}, "heads of 264"),
    ],
)
def test_what_the_kernel_lacks_is_left_to_segments(make_model, make_preset, kernel, monkeypatch, family, values, what):
    if what == "float32":
        monkeypatch.setattr(varlen, "FORMATS", {torch.bfloat16})
    decided = decide(make_model(family, **values), make_preset)
    assert decided.packed
    assert f"the variable-length kernel takes no {what})" in decided.reason
    assert not kernel


@pytest.mark.parametrize("pruned", [False, True])
def test_pytorchs_own_kernel_takes_the_call(monkeypatch, pruned):
    """On tensors without contents PyTorch checks the call, forward and backward, and gives shapes alone."""
    monkeypatch.setattr(varlen, "DEVICES", {"meta"})
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: False)
    pack = PackCollator()(steps())["pack"]
    tokens = sum(pack.lengths)
    shapes = [(1, 4, len(pack.kept) if pruned else tokens, 8), (1, 2, tokens, 8), (1, 2, tokens, 8)]
    states = [torch.empty(shape, device="meta", dtype=torch.bfloat16, requires_grad=True) for shape in shapes]
    options = {"dropout": 0.0, "scaling": 0.3, "sliding_window": 5, "softcap": None}
    attended = attend_varlen(*states, pack, pruned=pruned, **options)
    assert (attended.shape, attended.dtype) == (shapes[0], torch.bfloat16)
    gradients = torch.autograd.grad(attended.sum(), states)
    assert [gradient.shape for gradient in gradients] == shapes


@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch's variable-length kernel runs on GPUs alone")
@pytest.mark.parametrize("family", FAMILIES)
def test_the_kernel_itself(make_model, make_preset, family):
    model = make_model(family, max_position_embeddings=1024, **FAMILIES[family]).eval()
    install_reader(model)
    decided = choose_packing(model, make_preset(sample_packing=True), "cuda", 0, "bf16")
    assert decided.pruned
    assert "through PyTorch's variable-length kernel" in decided.reason
