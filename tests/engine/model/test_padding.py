"""Padding stays out of scores, or the model is refused."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoModelForTokenClassification

from engine.model.error import ModelError
from engine.model.packing import choose_packing
from engine.model.read import install_reader

SMALL = {
    "vocab_size": 40,
    "hidden_size": 32,
    "embedding_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "pad_token_id": 0,
    "initializer_range": 0.2,
}


def encoder(family, kind="pair", **values):
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **SMALL | {"num_labels": 1 if kind == "pair" else 2} | values)
    auto = AutoModelForSequenceClassification if kind == "pair" else AutoModelForTokenClassification
    model = auto.from_config(config)
    install_reader(model)
    return model


@pytest.mark.parametrize("kind", ["pair", "steps"])
@pytest.mark.parametrize("family", ["convbert", "fnet", "nystromformer"])
def test_an_encoder_that_mixes_padding_in_is_refused(make_preset, family, kind):
    with pytest.raises(ModelError, match=f"type {family} lets padding into its scores: .* differ by"):
        choose_packing(encoder(family, kind), make_preset(kind), "cpu", 0)


def test_it_is_refused_whatever_the_preset_says_of_packs(make_preset):
    with pytest.raises(ModelError, match="padding"):
        choose_packing(encoder("fnet"), make_preset(sample_packing=False), "cpu", 0)


@pytest.mark.parametrize("kind", ["pair", "steps"])
@pytest.mark.parametrize("family", ["bert", "roberta", "deberta-v2", "electra", "mpnet"])
def test_encoders_that_mask_padding_go_through(make_preset, family, kind):
    assert not choose_packing(encoder(family, kind), make_preset(kind), "cpu", 0).packed


def test_a_model_that_wants_more_than_token_ids_is_refused(make_preset):
    with pytest.raises(ModelError, match=r"cannot score token ids alone: .*bbox"):
        choose_packing(encoder("bros", "steps"), make_preset("steps"), "cpu", 0)


def test_a_model_that_cannot_compute_in_half_precision_is_refused_with_what_to_do(make_preset):
    model = encoder("deberta")
    choose_packing(model, make_preset(), "cpu", 0)
    with pytest.raises(ModelError, match="in bfloat16: ") as caught:
        choose_packing(model, make_preset(), "cpu", 0, "bf16")
    assert "bf16: false" in caught.value.advice
