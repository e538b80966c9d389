"""The demo's model: a small Llama with seeded weights. The only module here that imports torch."""

from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaModel

from engine.demo.tokenizer import END, PAD, SPECIAL, VOCABULARY


def write_model(folder: Path, seed: int) -> None:
    """Write configuration and weights (safetensors); the head is added by whoever loads it."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
        pad_token_id=SPECIAL.index(PAD),
        eos_token_id=SPECIAL.index(END),
        bos_token_id=None,
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        LlamaModel(config).save_pretrained(folder)
