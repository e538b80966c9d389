"""Estimates against what is computed and kept: packs and padded batches, and autograd's own tensors."""

import random
from itertools import combinations

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from transformers import AutoConfig, AutoModelForSequenceClassification

from engine.batch.ahead import load_ahead
from engine.batch.divide import divide
from engine.batch.pack import PackCollator
from engine.batch.pad import PadCollator
from engine.batch.schedule import Share, SlottedRow, epoch_order, prompts_of, schedule_of
from engine.cost.counts import counts_of, expected_maximum
from engine.cost.estimate import estimate, expected_load
from engine.cost.plan import plan
from engine.cost.shape import read_shape
from engine.encode.encoding import EncodedRow, PairEncoding, StepsEncoding
from engine.encode.kept import kept_rows
from engine.model.adapter import add_adapter
from engine.model.packed_attention import install_packed_attention, install_pruning
from engine.model.read import install_reader
from engine.preset.schema import Preset
from engine.sample import SampleId

FAMILIES = {
    "llama": {},
    "qwen3": {},
    "gemma3_text": {"sliding_window": 4096},
    "phi3": {},
    "mixtral": {"num_local_experts": 4},
    "gpt2": {"resid_pdrop": 0, "embd_pdrop": 0, "attn_pdrop": 0},
}

PRUNED = set(FAMILIES) - {"gpt2"}


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
    return counts_of(kept_rows([slot.row for slot in slotted]))


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


def prepared(model, preset, packed):
    """The model as a run has it: in the preset's formats, with its adapter, packed or not, checkpointed or not."""
    if preset.adapter:
        model = add_adapter(model.to(torch.bfloat16) if preset.bf16 else model, preset)
        for weight in model.parameters():
            weight.data = weight.data.float() if weight.requires_grad else weight.data
    base = model.get_base_model() if preset.adapter else model
    if packed:
        install_packed_attention(base)
        if model.config.model_type in PRUNED:
            install_pruning(base)
    if preset.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
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
    ("family", "packed", "autocast", "values"),
    [
        ("llama", True, False, {}),
        ("llama", True, True, {}),
        ("llama", False, False, {}),
        ("qwen3", True, False, {}),
        ("gemma3_text", True, True, {}),
        ("mixtral", True, False, {}),
        ("gpt2", False, False, {}),
        ("llama", True, False, {"gradient_checkpointing": True}),
        ("gemma3_text", False, True, {"gradient_checkpointing": True}),
        ("llama", True, True, {"adapter": "lora", "lora_r": 16}),
        ("llama", False, False, {"adapter": "lora", "lora_target_modules": ["q_proj", "v_proj"]}),
        ("gemma3_text", True, False, {"adapter": "lora"}),
        ("phi3", True, True, {"adapter": "lora", "gradient_checkpointing": True}),
        ("gpt2", True, False, {"adapter": "lora"}),
    ],
)
def test_memory_is_estimated_to_15_percent(tmp_path, family, packed, autocast, values):
    model = model_of(family)
    model.save_pretrained(tmp_path)
    shape = read_shape(tmp_path)
    slotted = rows(4)
    preset = preset_of(micro_batch_size=4, bf16=autocast, **values)
    model = prepared(model, preset, packed)
    batch = (PackCollator(family in PRUNED) if packed else PadCollator(0))(slotted)
    counts = counted(slotted)
    load = expected_load(preset, counts, packed=packed)
    told = estimate(preset, counts.rows, load, shape, half=autocast, packed=packed)
    assert told.measured
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    assert told.memory.gradients == 4 * trained
    assert told.memory.optimizer == 8 * trained
    moving = told.memory.peak - told.memory.weights - told.memory.optimizer
    assert moving == pytest.approx(peak(model, batch, autocast), rel=0.15)
    assert load.largest == pytest.approx(batch["computed"], rel=0.02)


@pytest.mark.parametrize("checkpointed", [True, False])
def test_memory_of_answers_that_share_a_prompt_is_estimated_to_15_percent(tmp_path, checkpointed):
    model = model_of("llama")
    model.save_pretrained(tmp_path)
    preset = preset_of(micro_batch_size=12, gradient_checkpointing=checkpointed, shuffle_by="prompt")
    kept = ranked(2)
    model = prepared(model, preset, packed=True)
    load = load_ahead(preset, kept, plan(preset, 12, 1), packed=True, processes=1)
    told = estimate(preset, 12, load, read_shape(tmp_path), half=False, packed=True).memory
    batch = PackCollator()([SlottedRow(row, False) for row in kept])
    assert load.largest == batch["computed"]
    assert told.peak - told.weights - told.optimizer == pytest.approx(peak(model, batch, False), rel=0.15)


def test_an_adapter_s_weights_are_counted_as_they_are(tmp_path):
    model = model_of("llama")
    model.save_pretrained(tmp_path)
    counts = counted(rows(4))
    for values in ({}, {"lora_target_modules": ["q_proj", "v_proj"]}):
        preset = preset_of(adapter="lora", lora_r=4, **values)
        load = expected_load(preset, counts, packed=True)
        told = estimate(preset, 4, load, read_shape(tmp_path), half=False, packed=True)
        fresh = AutoModelForSequenceClassification.from_pretrained(tmp_path)
        trained = sum(w.numel() for w in add_adapter(fresh, preset).parameters() if w.requires_grad)
        assert told.memory.gradients == 4 * trained


def test_an_adapter_on_experts_is_told_roughly(tmp_path):
    model_of("mixtral").save_pretrained(tmp_path)
    preset = preset_of(adapter="lora")
    load = expected_load(preset, counted(rows(4)), packed=True)
    assert not estimate(preset, 4, load, read_shape(tmp_path), half=False, packed=True).measured


def test_padding_of_random_batches_is_foretold():
    slotted = rows(256)
    preset = preset_of(micro_batch_size=8, num_epochs=2)
    told = expected_load(preset, counted(slotted), packed=True)
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
    assert estimate(preset, 256, told, None, half=False, packed=True).steps == 64


def test_a_budget_bounds_the_largest_micro_batch():
    counts = counted(rows(64))
    free, bound = (
        expected_load(preset_of(micro_batch_size=32, **values), counts, packed=True)
        for values in ({}, {"micro_batch_tokens": 900})
    )
    assert free.largest > 3000
    assert bound.largest == 900


def ranked(prompts, seed=0):
    """Six pairs of four answers to each prompt; all begin alike."""
    rng = random.Random(seed)
    system, made = [2, 3, 4] * 5, []
    for number in range(1, prompts + 1):
        prompt = system + [rng.randrange(5, 90) for _ in range(rng.randint(30, 120))]
        answers = [prompt + [rng.randrange(5, 90) for _ in range(rng.randint(10, 40))] for _ in range(4)]
        for chosen, rejected in combinations(answers, 2):
            pair = PairEncoding(chosen, rejected, len(chosen) - 1, len(rejected) - 1, len(prompt))
            made.append(EncodedRow(SampleId(0, len(made)), pair, None, prompt=number))
    return kept_rows(made)


def traces(prompts):
    """Eight traces of each prompt; the last steps are not judged."""
    rng = random.Random(0)
    made = []
    for number in range(1, prompts + 1):
        prompt = [rng.randrange(5, 90) for _ in range(rng.randint(30, 120))]
        for _ in range(8):
            ids = prompt + [rng.randrange(5, 90) for _ in range(rng.randint(20, 60))]
            labels = [-100] * (len(ids) - 4) + [1, -100, -100, -100]
            made.append(EncodedRow(SampleId(0, len(made)), StepsEncoding(ids, labels), None, prompt=number))
    return kept_rows(made)


LAYOUTS = [
    {"shuffle_by": "row", "micro_batch_size": 8},
    {"shuffle_by": "prompt", "micro_batch_size": 8},
    {"shuffle_by": "prompt", "micro_batch_size": 24},
    {"shuffle_by": "row", "micro_batch_size": 6, "gradient_accumulation_steps": 8},
    {"shuffle_by": "prompt", "micro_batch_size": 6, "gradient_accumulation_steps": 4},
    {"shuffle_by": "prompt", "micro_batch_size": 16, "micro_batch_tokens": 900},
]


def real_load(preset, kept, packed):
    """What the trainer's own schedule and collators make of the first epoch, micro-batch by micro-batch."""
    share = Share(preset.micro_batch_size, preset.gradient_accumulation_steps)
    batches = list(schedule_of(kept, share, preset.seed, shuffle_by=preset.shuffle_by, packed=packed))
    batches = [[SlottedRow(kept[slot.index], False) for slot in batch] for batch in batches]
    if preset.micro_batch_tokens:
        batches = [part for batch in batches for part in divide(batch, preset.micro_batch_tokens, packed=packed)[0]]
    collate = PackCollator() if packed else PadCollator(0)
    return [collate(batch)["computed"] for batch in batches]


@pytest.mark.parametrize("values", LAYOUTS)
@pytest.mark.parametrize("make", [ranked, traces])
def test_what_a_run_will_compute_is_known_from_its_order(make, values):
    kept = make(20)
    for packed in (True, False):
        preset = preset_of(**values)
        real = real_load(preset, kept, packed)
        ahead = load_ahead(preset, kept, plan(preset, len(kept), 1), packed=packed, processes=1)
        assert ahead.exact
        assert (ahead.computed, ahead.largest) == (sum(real), max(real))
        assert ahead.tokens == int(kept.lengths().sum())
    order = epoch_order(len(kept), 42, 0, prompts_of(kept) if preset.shuffle_by == "prompt" else None)
    micro = preset.micro_batch_size
    batches = [[SlottedRow(kept[row], False) for row in order[i : i + micro]] for i in range(0, len(kept), micro)]
    assert ahead.padded == sum(PadCollator(0)(batch)["computed"] for batch in batches)


def test_a_long_epoch_is_told_from_some_of_its_steps(monkeypatch):
    monkeypatch.setattr("engine.batch.ahead.EXAMINED", 60)
    kept, preset = ranked(40), preset_of(micro_batch_size=8)
    ahead = load_ahead(preset, kept, plan(preset, len(kept), 1), packed=True, processes=1)
    assert not ahead.exact
    assert ahead.tokens == int(kept.lengths().sum())
    assert ahead.computed == pytest.approx(sum(real_load(preset, kept, True)), rel=0.15)


@pytest.mark.parametrize("values", LAYOUTS)
@pytest.mark.parametrize("make", [ranked, traces])
def test_what_rows_of_a_prompt_share_is_foretold(make, values):
    kept = make(60)
    preset = preset_of(**values)
    told = expected_load(preset, counts_of(kept), packed=True)
    assert told.computed == pytest.approx(sum(real_load(preset, kept, True)), rel=0.12)


def test_part_of_an_epoch_and_several_are_told_from_the_first():
    kept = ranked(20)
    for epochs, exact in (({"max_steps": 4}, True), ({"num_epochs": 3}, False)):
        preset = preset_of(micro_batch_size=8, **epochs)
        ahead = load_ahead(preset, kept, plan(preset, len(kept), 1), packed=True, processes=1)
        real = real_load(preset, kept, True)
        assert ahead.exact == exact
        assert ahead.computed == (sum(real[:4]) if exact else 3 * sum(real))


def test_steps_are_one_sequence_a_row():
    made = [
        EncodedRow(SampleId(0, i), StepsEncoding([7] * n, [-100] * (n - 1) + [1]), None) for i, n in ((0, 3), (1, 5))
    ]
    counts = counts_of(kept_rows(made))
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
