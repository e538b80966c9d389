import pytest
import torch

from engine.batch.pad import PadCollator
from engine.batch.schedule import SlottedRow
from engine.encode.encoding import EncodedRow, PairEncoding
from engine.model.load import load_model
from engine.model.precision import choose_precision
from engine.model.verify import compare_weights, reload_difference
from engine.sample import SampleId

BATCH = PadCollator(0)(
    [SlottedRow(EncodedRow(SampleId(0, 0), PairEncoding([5, 6, 7, 8], [5, 6, 9], 3, 2, 2), None), False)]
)


@pytest.mark.parametrize("adapter", [None, "lora"])
def test_a_bit_that_scores_in_bf16_do_not_show_is_noticed(tmp_path, make_model, make_preset, tokenizer, adapter):
    make_model().save_pretrained(tmp_path / "base")
    preset = make_preset(bf16="full", adapter=adapter)
    model = load_model(preset, tmp_path / "base", tokenizer, choose_precision(preset)).model
    model.save_pretrained(tmp_path / "saved")
    weights = compare_weights(model, tmp_path / "saved")
    assert (weights.compared, weights.changed) == (weights.written, ())
    head = model.get_base_model().score.modules_to_save["default"] if adapter else model.score
    with torch.no_grad():
        head.weight *= 1.0001
    apart, allowed = reload_difference(model, tmp_path / "saved", BATCH, "pair")
    assert apart <= allowed
    assert [name.endswith("score.weight") for name in compare_weights(model, tmp_path / "saved").changed] == [True]


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("trained", [[], ["embed_tokens"]])
def test_added_tokens_are_saved_beside_an_adapter(
    tmp_path, make_model, make_preset, tokenizer, larger_tokenizer, trained, bf16
):
    make_model().save_pretrained(tmp_path / "base")
    preset = make_preset(adapter="lora", tokens=["w40", "w41"], lora_modules_to_save=trained, bf16=bf16)
    loaded = load_model(preset, tmp_path / "base", larger_tokenizer, choose_precision(preset))
    model = loaded.model
    # A token of the preset's among those read.
    batch = BATCH | {"input_ids": BATCH["input_ids"].clone()}
    batch["input_ids"][:, 1] = 41
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * weight.requires_grad * torch.randn_like(weight))
    model.save_pretrained(tmp_path / "saved")
    apart, allowed = reload_difference(model, tmp_path / "saved", batch, "pair")
    assert apart <= allowed
    weights = compare_weights(model, tmp_path / "saved")
    assert (weights.compared, weights.changed) == (weights.written, ())
    assert loaded.untrained_tokens == ("" if trained else "embed_tokens")
