import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoModelForTokenClassification

from engine.model.read import install_reader, reads_hidden_states

FAMILIES = ["llama", "qwen2", "qwen3", "gemma", "gemma2", "mistral", "phi3", "mixtral", "gpt2", "gpt_neox", "opt"]
IDS = torch.tensor([[5, 6, 7, 8], [9, 10, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])


@pytest.mark.parametrize("family", FAMILIES)
def test_pair_scores_are_the_class_s_own(make_model, family):
    model = make_model(family).eval()
    expected = model(input_ids=IDS, attention_mask=MASK).logits
    install_reader(model)
    assert reads_hidden_states(model)
    torch.testing.assert_close(model(input_ids=IDS, attention_mask=MASK, read=torch.tensor([3, 5])), expected)
    torch.testing.assert_close(model(input_ids=IDS, attention_mask=MASK).logits, expected)


@pytest.mark.parametrize("family", ["llama", "qwen2", "gemma2", "gpt2"])
def test_step_scores_are_the_class_s_own(make_model, family):
    model = make_model(family, "steps").eval()
    expected = model(input_ids=IDS, attention_mask=MASK).logits
    install_reader(model)
    found = model(input_ids=IDS, attention_mask=MASK, read=torch.tensor([1, 3, 5]))
    torch.testing.assert_close(found, expected[[0, 0, 1], [1, 3, 1]])


@pytest.mark.parametrize("kind", ["pair", "steps"])
@pytest.mark.parametrize("family", ["bert", "modernbert"])
def test_encoders_go_through_their_own_forward(family, kind):
    torch.manual_seed(0)
    small = {"vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "pad_token_id": 0}
    special = {"cls_token_id": 1, "sep_token_id": 1, "bos_token_id": 1, "eos_token_id": 1}
    config = AutoConfig.for_model(
        family, **small, num_attention_heads=4, num_labels=1 if kind == "pair" else 2, **special
    )
    auto = AutoModelForSequenceClassification if kind == "pair" else AutoModelForTokenClassification
    model = auto.from_config(config).eval()
    expected = model(input_ids=IDS, attention_mask=MASK).logits
    install_reader(model)
    found = model(input_ids=IDS, attention_mask=MASK, read=torch.tensor([3, 5]))
    torch.testing.assert_close(found, expected if kind == "pair" else expected[[0, 1], [3, 1]])


def test_dropout_of_the_head_is_kept(make_model):
    model = make_model(kind="steps", classifier_dropout=0.9).train()
    install_reader(model)
    one, other = (model(input_ids=IDS, attention_mask=MASK, read=torch.tensor([3])) for _ in range(2))
    assert not torch.equal(one, other)
