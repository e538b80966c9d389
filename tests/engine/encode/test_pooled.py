"""The pooled token is the one that transformers' own classes read."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForSequenceClassification, GPT2Config, LlamaConfig, Qwen2Config

from engine.encode.pooling import pooled

VOCABULARY = 16
SMALL = {"vocab_size": VOCABULARY, "num_labels": 1}
CONFIGS = {
    "llama": LlamaConfig(
        hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, **SMALL
    ),
    "qwen2": Qwen2Config(
        hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, **SMALL
    ),
    "gpt2": GPT2Config(n_embd=8, n_layer=1, n_head=2, **SMALL),
}


@pytest.fixture(scope="module", params=CONFIGS)
def model(request):
    torch.manual_seed(0)
    return AutoModelForSequenceClassification.from_config(CONFIGS[request.param]).eval()


@settings(max_examples=25, deadline=None)
@given(
    ids=st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=12),
    pad=st.one_of(st.none(), st.integers(0, 3)),
    padding=st.integers(0, 3),
)
def test_the_reward_is_the_score_at_the_pooled_token(model, ids, pad, padding):
    model.config.pad_token_id = pad
    fed = ids + [pad] * padding if pad is not None else ids
    inputs = torch.tensor([fed])
    mask = torch.tensor([[1] * len(ids) + [0] * (len(fed) - len(ids))])
    with torch.no_grad():
        reward = model(inputs, attention_mask=mask).logits[0, 0]
        base = getattr(model, model.base_model_prefix)
        scores = model.score(base(inputs, attention_mask=mask).last_hidden_state)[0, :, 0]
    assert reward == scores[pooled(ids, pad)]
