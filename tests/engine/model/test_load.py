import json

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from engine.batch.pad import PadCollator
from engine.batch.schedule import SlottedRow
from engine.encode.encoding import EncodedRow, PairEncoding, StepsEncoding
from engine.model.error import ModelError
from engine.model.load import load_model
from engine.model.precision import Precision, choose_precision
from engine.model.verify import reload_difference
from engine.sample import SampleId

FP32 = Precision("cpu", torch.float32, "no")
BATCHES = {
    "pair": PadCollator(0)(
        [SlottedRow(EncodedRow(SampleId(0, 0), PairEncoding([5, 6, 7, 8], [5, 6, 9], 3, 2, 2), None), False)]
    ),
    "steps": PadCollator(0)(
        [SlottedRow(EncodedRow(SampleId(0, 0), StepsEncoding([5, 6, 7, 8], [-100, 1, -100, 0]), None), False)]
    ),
}


@pytest.mark.parametrize("kind", ["pair", "steps"])
def test_a_base_model_gets_a_new_head(tmp_path, make_model, make_preset, tokenizer, kind):
    base = AutoModelForCausalLM.from_config(make_model(kind=kind).config)
    base.save_pretrained(tmp_path)
    loaded = load_model(make_preset(kind), tmp_path, tokenizer, FP32)
    assert loaded.new_head
    assert loaded.model.score.out_features == {"pair": 1, "steps": 2}[kind]
    assert loaded.parameters == loaded.trained_parameters == sum(w.numel() for w in loaded.model.parameters())
    assert loaded.model.config.id2label == {"pair": {0: "LABEL_0"}, "steps": {0: "wrong", 1: "right"}}[kind]


def test_a_reward_model_keeps_its_head(tmp_path, make_model, make_preset, tokenizer):
    model = make_model()
    model.save_pretrained(tmp_path)
    loaded = load_model(make_preset(), tmp_path, tokenizer, FP32)
    assert not loaded.new_head
    assert torch.equal(loaded.model.score.weight, model.score.weight)


def test_a_trained_head_keeps_the_names_of_its_outputs(tmp_path, make_model, make_preset, tokenizer):
    make_model(kind="steps", id2label={0: "bad", 1: "good"}).save_pretrained(tmp_path)
    assert load_model(make_preset("steps"), tmp_path, tokenizer, FP32).model.config.id2label == {0: "bad", 1: "good"}


def test_the_tokenizers_padding_token_is_set(tmp_path, make_model, make_preset, tokenizer):
    model = make_model()
    model.config.pad_token_id = None
    model.save_pretrained(tmp_path)
    assert load_model(make_preset(), tmp_path, tokenizer, FP32).model.config.pad_token_id == 0


def test_bf16_weights_leave_the_head_in_fp32(tmp_path, make_model, make_preset, tokenizer):
    make_model().save_pretrained(tmp_path)
    preset = make_preset(bf16="full")
    model = load_model(preset, tmp_path, tokenizer, choose_precision(preset)).model
    assert (model.model.norm.weight.dtype, model.score.weight.dtype) == (torch.bfloat16, torch.float32)


@pytest.mark.parametrize("family", ["llama", "bert"])
@pytest.mark.parametrize("disabled", [True, False])
def test_a_model_trains_without_dropout_unless_it_is_asked_for(
    tmp_path, make_model, make_preset, tokenizer, family, disabled
):
    rates = {"llama": {"attention_dropout": 0.5}, "bert": {"hidden_dropout_prob": 0.5}}[family]
    make_model(family, "steps", **(rates | {"classifier_dropout": 0.0})).save_pretrained(tmp_path)
    preset = make_preset("steps", disable_dropout=disabled)
    model = load_model(preset, tmp_path, tokenizer, FP32).model.train()
    batch = BATCHES["steps"]
    given = {name: batch[name] for name in ("input_ids", "attention_mask", "read")}
    assert torch.equal(model(**given), model(**given)) == disabled


@pytest.mark.parametrize("kind", ["pair", "steps"])
@pytest.mark.parametrize("bf16", [False, "full"])
def test_lora_trains_and_saves_the_head(tmp_path, make_model, make_preset, tokenizer, kind, bf16):
    make_model(kind=kind).save_pretrained(tmp_path / "base")
    preset = make_preset(kind, adapter="lora", lora_r=4, bf16=bf16)
    loaded = load_model(preset, tmp_path / "base", tokenizer, choose_precision(preset))
    model = loaded.model
    assert isinstance(model, PeftModel)
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    assert all("lora_" in name or "score" in name for name in trained)
    assert any("score" in name for name in trained)
    assert {weight.dtype for weight in trained.values()} == {torch.float32}
    assert loaded.trained_parameters < loaded.parameters / 2
    batch = BATCHES[kind]
    optimizer = torch.optim.SGD(trained.values(), lr=1.0)
    before = model.get_base_model().score.weight.detach().clone()
    for _ in range(2):
        model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], read=batch["read"])[
            :, 0
        ].sum().backward()
        optimizer.step()
    assert not torch.equal(model.get_base_model().score.weight, before)
    model.save_pretrained(tmp_path / "saved")
    assert {path.suffix for path in (tmp_path / "saved").iterdir()} <= {".safetensors", ".json", ".md"}
    apart, allowed = reload_difference(model, tmp_path / "saved", batch, kind)
    assert apart <= allowed
    again = AutoModelForSequenceClassification if kind == "pair" else None
    if again and not bf16:
        plain = PeftModel.from_pretrained(again.from_pretrained(tmp_path / "base", num_labels=1), tmp_path / "saved")
        torch.testing.assert_close(plain.get_base_model().score.weight, model.get_base_model().score.weight)


@pytest.mark.parametrize("kind", ["pair", "steps"])
def test_a_saved_model_that_differs_is_noticed(tmp_path, make_model, make_preset, tokenizer, kind):
    make_model(kind=kind).save_pretrained(tmp_path)
    model = load_model(make_preset(kind), tmp_path, tokenizer, FP32).model
    assert reload_difference(model, tmp_path, BATCHES[kind], kind)[0] < 1e-6
    with torch.no_grad():
        model.score.weight += 0.1
    apart, allowed = reload_difference(model, tmp_path, BATCHES[kind], kind)
    assert apart > allowed


def test_a_tokenizer_with_more_tokens_is_refused(tmp_path, make_model, make_preset, larger_tokenizer):
    make_model().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"42 tokens, the model 40.*w40"):
        load_model(make_preset(), tmp_path, larger_tokenizer, FP32)


def test_tokens_that_the_preset_adds_get_embeddings(tmp_path, make_model, make_preset, larger_tokenizer):
    make_model().save_pretrained(tmp_path)
    model = load_model(make_preset(tokens=["w40", "w41"]), tmp_path, larger_tokenizer, FP32).model
    assert model.get_input_embeddings().num_embeddings == 42


def test_pickled_weights_are_not_read(tmp_path, make_model, make_preset, tokenizer):
    model = make_model()
    model.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(make_preset(), tmp_path, tokenizer, FP32)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "config.json").unlink(),
        lambda folder: (folder / "config.json").write_text("{"),
        lambda folder: (folder / "config.json").write_text(json.dumps({"model_type": "no-such-thing"})),
        lambda folder: (folder / "model.safetensors").write_bytes(b"12345678901234567890"),
        lambda folder: (folder / "model.safetensors").unlink(),
        lambda folder: (folder / "config.json").write_text(
            json.dumps(json.loads((folder / "config.json").read_text()) | {"hidden_size": 64})
        ),
        lambda folder: (folder / "config.json").write_text(
            json.dumps(json.loads((folder / "config.json").read_text()) | {"num_hidden_layers": 3})
        ),
    ],
    ids=["no config", "broken config", "unknown type", "broken weights", "no weights", "other shape", "missing layer"],
)
def test_a_folder_that_is_not_a_model_is_refused(tmp_path, make_model, make_preset, tokenizer, spoil):
    make_model().save_pretrained(tmp_path)
    spoil(tmp_path)
    with pytest.raises(ModelError) as caught:
        load_model(make_preset(), tmp_path, tokenizer, FP32)
    assert caught.value.advice
    assert caught.value.where == "tiny"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "cpu, fp32"),
        ({"bf16": True}, "cpu, bf16 on fp32 weights"),
        ({"bf16": "full"}, "cpu, bf16 on bf16 weights"),
        ({"bf16": True, "adapter": "lora"}, "cpu, bf16 on bf16 weights"),
        ({"adapter": "lora"}, "cpu, fp32"),
    ],
)
def test_precision_is_said(make_preset, values, expected):
    assert str(choose_precision(make_preset(**values))) == expected


def test_a_device_that_is_not_there_is_refused(make_preset):
    if torch.cuda.is_available():
        pytest.skip("CUDA is there")
    with pytest.raises(ModelError, match=r"cuda.*found: .*cpu"):
        choose_precision(make_preset(device="cuda"))


def test_fp16_needs_cuda(make_preset):
    with pytest.raises(ModelError, match="fp16"):
        choose_precision(make_preset(fp16=True))
