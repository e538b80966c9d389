"""Which kinds of models can be loaded for training, and with which weights new."""

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
)

from engine.batch.pad import PadCollator
from engine.batch.schedule import SlottedRow
from engine.encode.encoding import EncodedRow, PairEncoding
from engine.model.error import ModelError
from engine.model.load import load_model
from engine.model.precision import Precision, choose_precision
from engine.model.verify import reload_difference
from engine.sample import SampleId

FP32 = Precision("cpu", torch.float32, "no")
PAIR = PairEncoding([5, 6, 7, 8], [5, 6, 9], 3, 2, 2)
BATCH = PadCollator(0)([SlottedRow(EncodedRow(SampleId(0, 0), PAIR, None), False)])
HEADS_AND_FFN = [("attention_heads", 4), ("ffn_dim", 32)]


@pytest.mark.parametrize("adapter", [None, "lora"])
@pytest.mark.parametrize("bf16", [False, "full"])
@pytest.mark.parametrize("family", ["bert", "deberta-v2", "distilbert", "xlm-roberta"])
def test_an_encoder_s_pooler_is_part_of_its_new_head(tmp_path, make_preset, tokenizer, family, bf16, adapter):
    torch.manual_seed(0)
    small = {"hidden_size": 32, "dim": 32, "hidden_dim": 48, "intermediate_size": 48, "max_position_embeddings": 64}
    small |= {"num_hidden_layers": 1, "num_attention_heads": 4, "vocab_size": 40, "pad_token_id": 0}
    AutoModelForMaskedLM.from_config(AutoConfig.for_model(family, **small)).save_pretrained(tmp_path / "base")
    preset = make_preset(adapter=adapter, bf16=bf16)
    loaded = load_model(preset, tmp_path / "base", tokenizer, choose_precision(preset))
    assert loaded.new_head
    model = loaded.model
    new = [name for name, _ in model.named_parameters() if "pooler" in name or "classifier" in name]
    assert new
    batch = BATCH
    scores = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], read=batch["read"])
    assert scores.dtype == torch.float32
    scores.diff(dim=0).sum().backward()
    trained = {name for name, weight in model.named_parameters() if weight.grad is not None and weight.grad.any()}
    # An adapter keeps what it replaces as `original_module`; a bias of the last layer cancels between two sides.
    assert {name for name in new if "original_module" not in name and "weight" in name} <= trained
    model.save_pretrained(tmp_path / "saved")
    apart, allowed = reload_difference(model, tmp_path / "saved", batch, "pair")
    assert apart <= allowed


@pytest.mark.parametrize(
    ("family", "kind", "said"),
    [
        ("bart", "pair", "has no head called score or classifier"),
        ("canine", "pair", "has no embeddings of tokens"),
        ("olmo2", "steps", "no model of the type olmo2 that scores steps"),
        ("apertus", "pair", "no model of the type apertus that scores a text"),
    ],
)
def test_a_kind_of_model_that_cannot_be_trained_is_refused(tmp_path, make_preset, tokenizer, family, kind, said):
    small = {"vocab_size": 40, "hidden_size": 32, "d_model": 32, "num_hidden_layers": 1, "num_hash_buckets": 8}
    small |= {"encoder_layers": 1, "decoder_layers": 1, "num_attention_heads": 4, "intermediate_size": 32}
    small |= {f"{side}_{name}": size for side in ("encoder", "decoder") for name, size in HEADS_AND_FFN}
    AutoModel.from_config(AutoConfig.for_model(family, **small)).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=said) as caught:
        load_model(make_preset(kind), tmp_path, tokenizer, FP32)
    assert caught.value.advice


def test_a_model_without_gradient_checkpointing_says_so(tmp_path, make_preset, tokenizer):
    small = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "intermediate_size": 32,
        "num_labels": 1,
    }
    config = AutoConfig.for_model("mpnet", vocab_size=40, pad_token_id=0, **small)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path)
    load_model(make_preset(), tmp_path, tokenizer, FP32)
    with pytest.raises(ModelError, match="no gradient checkpointing"):
        load_model(make_preset(gradient_checkpointing=True), tmp_path, tokenizer, FP32)


def test_a_head_with_another_number_of_outputs_is_refused(tmp_path, make_model, make_preset, tokenizer):
    make_model(num_labels=3).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="a head with another number of outputs"):
        load_model(make_preset(), tmp_path, tokenizer, FP32)
