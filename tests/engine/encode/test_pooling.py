"""Where the reward is read, by the gradient of the score: what the table says is what the model does."""

import shutil

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from engine.encode.pooling import pooling_of
from engine.inspector.messages import preview_object
from engine.inspector.view import describe, view_rows
from engine.prepare.open import open_preset
from engine.preset.load import load_preset
from tests.engine.conftest import pair_rows

TINY = {
    "vocab_size": 99,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 37,
    "max_position_embeddings": 64,
    "embedding_size": 16,
    "dim": 32,
    "hidden_dim": 37,
    "n_heads": 4,
    "n_layers": 1,
    "pad_token_id": 0,
    "num_labels": 1,
}
READ = {"first": [0], "last": [7], "mean": list(range(8))}


@pytest.mark.parametrize(
    ("kind", "more", "pooling"),
    [
        ("bert", {}, "first"),
        ("roberta", {}, "first"),
        ("xlm-roberta", {}, "first"),
        ("distilbert", {}, "first"),
        ("electra", {}, "first"),
        ("albert", {}, "first"),
        ("mpnet", {}, "first"),
        ("gte", {}, "first"),
        ("jina_embeddings_v3", {}, "first"),
        ("deberta-v2", {}, "first"),
        ("modernbert", {"classifier_pooling": "cls"}, "first"),
        ("modernbert", {"classifier_pooling": "mean"}, "mean"),
        ("eurobert", {"classifier_pooling": "bos"}, "first"),
        ("eurobert", {"classifier_pooling": "late"}, "mean"),
        ("llama", {}, "last"),
        ("qwen2", {}, "last"),
        ("gpt2", {}, "last"),
    ],
)
def test_the_reward_is_read_where_the_table_says(kind, more, pooling):
    config = AutoConfig.for_model(kind, **TINY | more)
    model = AutoModelForSequenceClassification.from_config(config).eval()
    states = {}

    def keep(module, inputs, output):
        states["last"] = output[0]
        output[0].retain_grad()

    model.base_model.register_forward_hook(keep)
    model(input_ids=torch.arange(5, 13)[None]).logits.sum().backward()
    gradient = states["last"].grad[0].abs().sum(-1)
    assert pooling_of(config) == pooling
    assert gradient.nonzero().flatten().tolist() == READ[pooling]


@pytest.mark.parametrize(
    ("kind", "more", "places"),
    [("bert", {}, (0, 0)), ("modernbert", {"classifier_pooling": "mean"}, (None, None)), ("llama", {}, (34, 34))],
)
def test_the_preview_shows_it(write_preset, byte_tokenizer, tmp_path, kind, more, places):
    model = tmp_path / "model"
    shutil.copytree(byte_tokenizer, model)
    AutoConfig.for_model(kind, **TINY | more).save_pretrained(model)
    preset = write_preset(pair_rows(1))
    loaded = load_preset(str(preset), [f"base_model={model}", f"tokenizer_config={byte_tokenizer}"])
    opened = open_preset(loaded)
    shown = preview_object(*view_rows(opened, "train", 0, 1))
    assert (shown["chosen_pooled"], shown["rejected_pooled"]) == places
    assert any("reads the reward" in notice for notice in describe(opened).notices) == (kind != "llama")
