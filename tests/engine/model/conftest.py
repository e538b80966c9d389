import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedTokenizerFast,
)

from engine.preset.schema import Preset

VOCABULARY = 40
SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "classifier_dropout": 0.0,
}


@pytest.fixture(scope="session")
def tokenizer():
    return make_tokenizer(VOCABULARY)


@pytest.fixture(scope="session")
def larger_tokenizer():
    return make_tokenizer(VOCABULARY + 2)


def make_tokenizer(size):
    words = {"<pad>": 0, "<eos>": 1, **{f"w{i}": i for i in range(2, size)}}
    wrapped = Tokenizer(models.WordLevel(words, unk_token="<eos>"))
    return PreTrainedTokenizerFast(tokenizer_object=wrapped, pad_token="<pad>", eos_token="<eos>")


@pytest.fixture
def make_model():
    """A tiny random classifier of a family."""

    def make(family="llama", kind="pair", **values):
        torch.manual_seed(1)
        config = AutoConfig.for_model(family, **(SMALL | {"num_labels": 1 if kind == "pair" else 2} | values))
        auto = AutoModelForSequenceClassification if kind == "pair" else AutoModelForTokenClassification
        return auto.from_config(config)

    return make


@pytest.fixture
def make_preset():
    def make(kind="pair", **values):
        kind_key = "reward_model" if kind == "pair" else "process_reward_model"
        base = {"base_model": "tiny", kind_key: True, "datasets": [{"path": "none"}], "device": "cpu"}
        return Preset.model_validate(base | values)

    return make
