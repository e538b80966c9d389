"""Packed training is exact: scores, losses and gradients of each sequence alone, unpadded, in the model's own class."""

import gc
import random
from functools import partial

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from engine.batch.pack import PackCollator
from engine.batch.pad import PadCollator, sequences_of
from engine.batch.schedule import SlottedRow
from engine.encode.encoding import EncodedRow, PairEncoding, StepsEncoding
from engine.encode.pooling import pooled, pooling_of
from engine.model import packed_attention
from engine.model.adapter import add_adapter
from engine.model.packed_attention import install_packed_attention, install_pruning
from engine.model.packing import choose_packing
from engine.model.read import install_reader
from engine.sample import SampleId

WINDOW = {"sliding_window": 8}
MOE = {"moe_intermediate_size": 16, "num_experts": 4, "num_experts_per_tok": 2, "decoder_sparse_step": 1}
MIXED = {"use_sliding_window": True, "max_window_layers": 1, "shared_expert_intermediate_size": 16}
MLA = {
    "q_lora_rank": None,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 12,
    "num_key_value_heads": 4,
    "first_k_dense_replace": 1,
    "n_routed_experts": 4,
    "n_group": 1,
    "topk_group": 1,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
}
FAMILIES = {
    "llama": {},
    "qwen2": {},
    "qwen3": {},
    "gemma": {},
    "gemma2": WINDOW,
    "gemma3_text": WINDOW,
    "mistral": WINDOW,
    "phi3": WINDOW,
    "phi": {},
    "olmo2": {},
    "smollm3": {},
    "starcoder2": {},
    "glm4": {},
    "exaone4": {},
    "gpt2": {"resid_pdrop": 0, "embd_pdrop": 0, "attn_pdrop": 0},
    "gpt_neox": {},
    "opt": {"dropout": 0.0, "word_embed_proj_dim": 32, "ffn_dim": 48},
    "mixtral": {"num_local_experts": 4},
    "qwen3_moe": MOE,
    # Layers tell attention of a window that their mask does not have.
    "qwen2_moe": MOE | WINDOW | MIXED,
    # Keys and values of different sizes.
    "deepseek_v3": MLA,
}
IN_FP32 = {"gemma2", "mixtral", "qwen3_moe", "qwen2_moe", "deepseek_v3"}
UNPRUNED = {"gpt2"}


def pairs(seed=0):
    """Short and long prompts, one-token answers, answers that begin alike or are equal, a prompt of several pairs."""
    rng = random.Random(seed)

    def draw(low, high):
        return [rng.randrange(2, 40) for _ in range(rng.randint(low, high))]

    prompt = draw(25, 25)
    sides = [(prompt + draw(1, 20), prompt + draw(1, 20)) for _ in range(2)]
    sides += [(draw(1, 3), draw(1, 9)), ([*prompt, 5], [*prompt, 5, 6]), ([*prompt, 7], [*prompt, 7])]
    stem = draw(12, 12)
    sides.append((stem + draw(9, 9), stem + draw(12, 12)))
    return rows([PairEncoding(c, r, len(c) - 1, len(r) - 1, 0) for c, r in sides])


def steps(seed=0, traces=4):
    rng = random.Random(seed)
    prompt = [rng.randrange(2, 40) for _ in range(15)]
    encodings = []
    for _ in range(traces):
        ids, labels = prompt.copy(), [-100] * len(prompt)
        for _ in range(rng.randint(1, 4)):
            length = rng.randint(1, 6)
            ids += [rng.randrange(2, 40) for _ in range(length)]
            labels += [-100] * (length - 1) + [rng.randint(0, 1)]
        unjudged = [rng.randrange(2, 40) for _ in range(rng.randint(0, 5))]
        encodings.append(StepsEncoding(ids + unjudged, labels + [-100] * len(unjudged)))
    return rows(encodings)


def rows(encodings):
    return [SlottedRow(EncodedRow(SampleId(0, i), encoding, None), False) for i, encoding in enumerate(encodings)]


def scores_and_gradients(model, batch):
    layout = {name: batch[name] for name in ("attention_mask", "position_ids", "pack") if name in batch}
    return with_gradients(model, model(input_ids=batch["input_ids"], read=batch["read"], **layout))


def each_alone(model, samples):
    """The naive computation: every sequence by itself, without padding, by the class's own forward."""
    sequences, read = sequences_of(samples)
    logits = []
    for sequence, position in read:
        out = model(input_ids=torch.tensor([sequences[sequence]])).logits
        logits.append(out[0] if out.ndim == 2 else out[0, position])
    return with_gradients(model, torch.stack(logits))


def with_gradients(model, scores):
    weight = torch.linspace(-1, 1, scores.numel(), dtype=scores.dtype).view(scores.shape)
    model.zero_grad()
    (scores.sigmoid() * weight).sum().backward()
    return scores.detach(), {name: w.grad.clone() for name, w in model.named_parameters() if w.grad is not None}


def assert_same(found, expected, dtype):
    # fp64 models still normalise in fp32, which is what the looser of the two leaves room for.
    near = 1e-6 if dtype == torch.float64 else 2e-5
    torch.testing.assert_close(found[0], expected[0], rtol=near, atol=near)
    for name, gradient in expected[1].items():
        scale = gradient.abs().max().clamp(min=1e-6)
        other = found[1].get(name, torch.zeros_like(gradient))
        assert (other - gradient).abs().max() <= 10 * near * scale, name


@pytest.mark.parametrize("prune", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_pairs_are_exact(make_model, family, prune):
    if prune and family in UNPRUNED:
        pytest.skip("its model class wants all hidden states back: the probe leaves it unpruned")
    dtype = torch.float32 if family in IN_FP32 else torch.float64
    model = make_model(family, num_hidden_layers=3, **FAMILIES[family]).to(dtype).train()
    expected = each_alone(model, pairs())
    install_reader(model)
    install_packed_attention(model)
    assert install_pruning(model)
    batch = PackCollator(prune)(pairs())
    assert batch["computed"] < 0.7 * batch["tokens"]
    assert_same(scores_and_gradients(model, batch), expected, dtype)
    assert_same(scores_and_gradients(model, PadCollator(0)(pairs())), expected, dtype)


@pytest.mark.parametrize(
    ("family", "values"),
    [
        ("qwen2_moe", MOE | MIXED),
        ("mistral", {}),
        ("gemma3_text", {}),
        ("qwen2", {"use_sliding_window": True, "layer_types": ["full_attention", "sliding_attention"]}),
    ],
)
def test_a_window_longer_than_what_the_probe_sees_is_exact(make_model, make_preset, family, values):
    dtype = torch.float32 if family in IN_FP32 else torch.float64
    model = make_model(family, sliding_window=48, **values).to(dtype).train()
    rng = random.Random(1)
    prompt = [rng.randrange(2, 40) for _ in range(60)]
    sides = [prompt + [rng.randrange(2, 40) for _ in range(length)] for length in (3, 30)]
    samples = rows([PairEncoding(*sides, *(len(side) - 1 for side in sides), 0)])
    expected = each_alone(model, samples)
    install_reader(model)
    decided = choose_packing(model, make_preset(), "cpu", 0)
    assert decided.packed, decided.reason
    assert_same(scores_and_gradients(model, PackCollator(decided.pruned)(samples)), expected, dtype)


@pytest.mark.parametrize("family", ["llama", "gpt2", "bert", "roberta", "stablelm"])
def test_texts_that_hold_the_padding_token_are_exact(make_model, make_preset, family):
    """In the middle of a text, and at its end, as where padding is the end-of-text token."""
    off = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0)
    off |= dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob"), 0.0)
    model = make_model(family, **off).double().train()
    stem = [5, 6, 0, 7, 8, 9, 10, 11, 12]
    sides = [([*stem, 0, 20, 0], [*stem, 21, 0, 0]), ([*stem, 22, 23, 24, 25], [4, 0])]
    at = partial(pooled, pad=0, pooling=pooling_of(model.config))
    samples = rows([PairEncoding(c, r, at(c), at(r), 0) for c, r in sides])
    expected = each_alone(model, samples)
    install_reader(model)
    decided = choose_packing(model, make_preset(), "cpu", 0)
    assert decided.packed == (family in FAMILIES)
    for collate in [PadCollator(0), *([PackCollator(decided.pruned)] if decided.packed else [])]:
        assert_same(scores_and_gradients(model, collate(samples)), expected, torch.float64)


def test_segments_too_large_for_a_mask_are_exact(make_model, monkeypatch):
    monkeypatch.setattr(packed_attention, "LARGEST_MASK", 100)
    model = make_model(num_hidden_layers=3).double().train()
    expected = each_alone(model, pairs())
    install_reader(model)
    install_packed_attention(model)
    install_pruning(model)
    for prune in (False, True):
        assert_same(scores_and_gradients(model, PackCollator(prune)(pairs())), expected, torch.float64)


@pytest.mark.parametrize("traces", [1, 4])
@pytest.mark.parametrize("family", ["llama", "gemma2", "qwen3"])
def test_steps_are_exact(make_model, family, traces):
    dtype = torch.float32 if family in IN_FP32 else torch.float64
    model = make_model(family, "steps", **FAMILIES[family]).to(dtype).train()
    samples = steps(traces=traces)
    expected = each_alone(model, samples)
    install_reader(model)
    install_packed_attention(model)
    install_pruning(model)
    assert_same(scores_and_gradients(model, PackCollator()(samples)), expected, dtype)


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradient_checkpointing_is_exact(make_model, reentrant):
    model = make_model(num_hidden_layers=3).double().train()
    expected = each_alone(model, pairs())
    install_reader(model)
    install_packed_attention(model)
    install_pruning(model)
    model.gradient_checkpointing_enable({"use_reentrant": reentrant})
    model.enable_input_require_grads()
    assert_same(scores_and_gradients(model, PackCollator()(pairs())), expected, torch.float64)


def test_lora_is_exact(make_model, make_preset):
    model = make_model(num_hidden_layers=3).double()
    install_reader(model)
    adapted = add_adapter(model, make_preset(adapter="lora")).double().train()
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.05)
    expected = scores_and_gradients(adapted, PadCollator(0)(pairs()))
    assert choose_packing(adapted, make_preset(), "cpu", 0).pruned
    assert_same(scores_and_gradients(adapted, PackCollator()(pairs())), expected, torch.float64)


def test_bf16_autocast_is_as_close_as_padding_is(make_model):
    model = make_model(num_hidden_layers=3).train()
    exact = each_alone(model, pairs())[0]
    install_reader(model)
    install_packed_attention(model)
    install_pruning(model)
    with torch.autocast("cpu", torch.bfloat16):
        packed = scores_and_gradients(model, PackCollator()(pairs()))[0]
        padded = scores_and_gradients(model, PadCollator(0)(pairs()))[0]
    assert packed.dtype == torch.float32
    assert (packed - exact).abs().max() <= 2 * (padded - exact).abs().max() + 1e-3


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_probe_lets_exact_families_pass(make_model, make_preset, family):
    model = make_model(family, **FAMILIES[family])
    install_reader(model)
    decided = choose_packing(model, make_preset(), "cpu", 0)
    assert decided.packed, decided.reason
    assert decided.pruned == (family not in UNPRUNED)


def test_the_probe_catches_a_model_that_is_silently_wrong(make_model, make_preset, monkeypatch):
    """A model whose positions come from the row and not from the plan, as an unknown one might."""
    model = make_model()
    install_reader(model)
    rotary = type(model.model.rotary_emb).forward

    def by_place(self, x, position_ids, *args, **options):
        return rotary(self, x, torch.arange(x.shape[1])[None], *args, **options)

    monkeypatch.setattr(type(model.model.rotary_emb), "forward", by_place)
    decided = choose_packing(model, make_preset(), "cpu", 0)
    assert not decided.packed
    assert "other scores" in decided.reason
    assert model.config._attn_implementation == "sdpa"


def test_the_probe_catches_gradients_that_are_silently_wrong(make_model, make_preset, monkeypatch):
    """A kernel whose forward pass is right and whose backward pass is not, as one for another device might be."""
    model = make_model()
    install_reader(model)
    attend = packed_attention._attend

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(context, attended):
            return attended.clone()

        @staticmethod
        def backward(context, gradient):
            return gradient * 1.01

    def wrong(*args, **options):
        return Wrong.apply(attend(*args, **options))

    monkeypatch.setattr(packed_attention, "_attend", wrong)
    decided = choose_packing(model, make_preset(), "cpu", 0)
    assert not decided.packed
    assert "other gradients" in decided.reason


@pytest.mark.parametrize(
    ("family", "why"),
    [
        ("bert", ""),
        ("modernbert", ""),
        ("qwen3_next", ""),
        ("qwen3_5_text", ""),
        ("jamba", ""),
        ("stablelm", "an attention of its own"),
        ("falcon", "an attention of its own"),
        ("gpt_oss", "s_aux"),
    ],
)
def test_families_that_cannot_be_packed_are_padded(make_preset, family, why):
    small = {"vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "pad_token_id": 0}
    small |= {"num_attention_heads": 4, "num_labels": 1}
    if family not in ("bert", "modernbert", "falcon"):
        small |= {"num_key_value_heads": 2, "num_experts": 2, "head_dim": 8}
    if family == "gpt_oss":
        small |= {"num_local_experts": 4, "num_experts_per_tok": 2}
    model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(family, **small))
    install_reader(model)
    decided = choose_packing(model, make_preset(), "cpu", 0)
    assert not decided.packed
    assert decided.reason.startswith("Batches are padded: ")
    assert why in decided.reason


def test_the_preset_can_say_no(make_model, make_preset):
    model = make_model()
    install_reader(model)
    assert "attn_implementation" in choose_packing(model, make_preset(attn_implementation="eager"), "cpu", 0).reason
    for device in ("mps", "cuda"):
        assert f"not proven on {device}" in choose_packing(model, make_preset(), device, 0).reason
    assert "sample_packing is false" in choose_packing(model, make_preset(sample_packing=False), "cpu", 0).reason


def test_saving_does_not_name_our_attention(make_model, make_preset, tmp_path):
    model = make_model()
    install_reader(model)
    assert choose_packing(model, make_preset(), "cpu", 0).packed
    model.save_pretrained(tmp_path)
    assert "packed" not in (tmp_path / "config.json").read_text()


@pytest.mark.parametrize("family", ["bert", "modernbert", "roberta", "deberta-v2"])
def test_encoders_train_exactly_padded(family):
    """They pool by themselves, at a token of their own choice: padded or alone, scores and gradients are the same."""
    torch.manual_seed(0)
    small = {"vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "pad_token_id": 0}
    special = {"cls_token_id": 1, "sep_token_id": 1, "bos_token_id": 1, "eos_token_id": 1}
    config = AutoConfig.for_model(family, **small, **special, num_attention_heads=4, num_labels=1)
    model = AutoModelForSequenceClassification.from_config(config).double().eval()
    expected = each_alone(model, pairs())
    install_reader(model)
    assert_same(scores_and_gradients(model, PadCollator(0)(pairs())), expected, torch.float64)


def test_a_step_leaves_no_tensors_behind(make_model):
    """What only the garbage collector could free would pile up between its rare rounds: activations of whole steps."""
    model = make_model(num_hidden_layers=2)
    install_reader(model)
    install_packed_attention(model)
    install_pruning(model)

    def tensors_after_a_step():
        scores_and_gradients(model, PackCollator()(pairs()))
        return sum(isinstance(thing, torch.Tensor) for thing in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        first = tensors_after_a_step()
        assert [tensors_after_a_step() for _ in range(3)] == [first] * 3
    finally:
        gc.enable()
