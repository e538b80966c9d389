"""Estimates against what is computed and kept: packs and padded batches, and autograd's own tensors."""

import random

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from transformers import AutoConfig, AutoModelForSequenceClassification

from engine.batch.pack import PackCollator
from engine.batch.pad import PadCollator
from engine.batch.schedule import SlottedRow
from engine.cost.counts import TokenCounter, counts_of, expected_maximum
from engine.cost.estimate import estimate
from engine.cost.shape import read_shape
from engine.encode.encoding import EncodedRow, PairEncoding, StepsEncoding
from engine.encode.kept import KeptRows
from engine.model.adapter import add_adapter
from engine.model.packed_attention import install_packed_attention, install_pruning
from engine.model.read import install_reader
from engine.preset.schema import Preset
from engine.sample import SampleId

FAMILIES = {
    "llama": {},
    "qwen3": {},
    "gemma3_text": {"sliding_window": 4096},
    "mixtral": {"num_local_experts": 4},
    "gpt2": {"resid_pdrop": 0, "embd_pdrop": 0, "attn_pdrop": 0},
}


def rows(count, seed=0, longest=300):
    rng = random.Random(seed)

    def draw(low, high):
        return [rng.randrange(2, 90) for _ in range(round(low * (high / low) ** rng.random()))]

    made = []
    for i in range(count):
        prompt = draw(30, longest)
        chosen, rejected = prompt + draw(10, 120), prompt + draw(10, 120)
        pair = PairEncoding(chosen, rejected, len(chosen) - 1, len(rejected) - 1, len(prompt))
        made.append(SlottedRow(EncodedRow(SampleId(0, i), pair, None), False))
    return made


def counted(slotted):
    counter = TokenCounter()
    for row in slotted:
        counter.add(row.row.encoding)
    return counter.counts()


def preset_of(**values):
    base = {"base_model": "tiny", "reward_model": True, "datasets": [{"path": "none"}], "device": "cpu"}
    return Preset.model_validate(base | values)


def model_of(family, **values):
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        family,
        **{
            "vocab_size": 96,
            "hidden_size": 128,
            "intermediate_size": 320,
            "num_hidden_layers": 5,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 32,
            "max_position_embeddings": 1024,
            "pad_token_id": 0,
            "num_labels": 1,
        },
        **FAMILIES[family],
        **values,
    )
    model = AutoModelForSequenceClassification.from_config(config).train()
    install_reader(model)
    return model


def peak(model, batch, autocast):
    """The most bytes that a step takes beyond what is there between steps."""
    layout = {name: batch[name] for name in ("attention_mask", "position_ids", "pack") if name in batch}

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            scores = model(input_ids=batch["input_ids"], read=batch["read"], **layout)
        scores.sum().backward()
        model.zero_grad()

    step()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        step()
    events = profiled.profiler.kineto_results.events()
    now = most = 0
    for _, size in sorted((event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]"):
        now += size
        most = max(most, now)
    return most


@pytest.mark.parametrize(
    ("family", "packed", "autocast"),
    [
        ("llama", True, False),
        ("llama", True, True),
        ("llama", False, False),
        ("qwen3", True, False),
        ("gemma3_text", True, True),
        ("mixtral", True, False),
        ("gpt2", False, False),
    ],
)
def test_memory_is_estimated_to_15_percent(tmp_path, family, packed, autocast):
    model = model_of(family)
    model.save_pretrained(tmp_path)
    slotted = rows(4)
    if packed:
        install_packed_attention(model)
        install_pruning(model)
    batch = (PackCollator() if packed else PadCollator(0))(slotted)
    shape = read_shape(tmp_path)
    told = estimate(preset_of(micro_batch_size=4, bf16=autocast), counted(slotted), shape, half=autocast, packed=packed)
    assert told.measured
    weights = sum(weight.numel() for weight in model.parameters())
    assert told.memory.weights == 4 * shape.parameters
    assert told.memory.gradients == 4 * weights
    assert told.memory.optimizer == 8 * weights
    moving = max(told.memory.activations, told.memory.gradients)
    assert moving == pytest.approx(peak(model, batch, autocast), rel=0.15)
    assert told.largest == pytest.approx(batch["computed"], rel=0.02)


def test_an_adapter_s_weights_are_counted_as_they_are(tmp_path):
    model = model_of("llama")
    model.save_pretrained(tmp_path)
    for values in ({}, {"lora_target_modules": ["q_proj", "v_proj"]}):
        preset = preset_of(adapter="lora", lora_r=4, **values)
        told = estimate(preset, counted(rows(4)), read_shape(tmp_path), half=False, packed=True)
        fresh = AutoModelForSequenceClassification.from_pretrained(tmp_path)
        trained = sum(w.numel() for w in add_adapter(fresh, preset).parameters() if w.requires_grad)
        assert told.memory.gradients == 4 * trained


def test_padding_of_random_batches_is_foretold():
    slotted = rows(256)
    told = estimate(preset_of(micro_batch_size=8, num_epochs=2), counted(slotted), None, half=False, packed=True)
    rng = random.Random(1)
    measured = []
    for _ in range(4):
        shuffled = rng.sample(slotted, len(slotted))
        batches = [shuffled[i : i + 8] for i in range(0, len(shuffled), 8)]
        measured.append(sum(PadCollator(0)(batch)["computed"] for batch in batches))
    assert told.padded == pytest.approx(2 * sum(measured) / 4, rel=0.03)
    packs = [PackCollator()(slotted[i : i + 8])["computed"] for i in range(0, 256, 8)]
    assert told.computed == pytest.approx(2 * sum(packs), rel=0.01)
    assert told.tokens == 2 * sum(PadCollator(0)([row])["tokens"] for row in slotted)
    assert told.largest == pytest.approx(max(packs), rel=0.2)
    assert told.steps == 64


def test_a_budget_bounds_the_largest_micro_batch():
    counts = counted(rows(64))
    free = estimate(preset_of(micro_batch_size=32), counts, None, half=False, packed=True)
    bound = estimate(preset_of(micro_batch_size=32, micro_batch_tokens=900), counts, None, half=False, packed=True)
    assert free.largest > 3000
    assert bound.largest == 900
    assert bound.steps == free.steps


def test_kept_rows_are_counted_alike():
    slotted, kept = rows(20), KeptRows()
    for row in slotted:
        kept.append(row.row)
    assert counts_of(*kept.side_lengths()) == counted(slotted)
    steps = KeptRows()
    steps.append(EncodedRow(SampleId(0, 0), StepsEncoding([1, 2, 3], [-100, -100, 1]), None))
    assert counts_of(*steps.side_lengths()).tokens == 3


def test_steps_are_one_sequence_a_row():
    counter = TokenCounter()
    for length in (3, 5):
        counter.add(StepsEncoding([7] * length, [-100] * (length - 1) + [1]))
    counts = counter.counts()
    assert (counts.rows, counts.sequences, counts.tokens, counts.packed) == (2, 2, 8, 8)
    assert counts.padded(1) == 8


def test_the_largest_of_many_draws_nears_the_largest():
    assert expected_maximum(range(101), 1) == pytest.approx(50)
    assert expected_maximum(range(101), 9) == pytest.approx(90, abs=0.2)


def test_a_folder_that_tells_nothing_has_no_shape(tmp_path):
    assert read_shape(tmp_path) is None
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 20)
    assert read_shape(tmp_path) is None
