"""The demo's model: a small Qwen2 with seeded weights. The only module here that imports torch.

It stands in for a pretrained model, which knows much that the demo's few thousand rows could not teach: what a number
is, and to look nearby and for what is alike. So the numerals' embeddings start as points on a line, queries start like
keys and outputs like transposed values (mimetic initialisation, arXiv:2305.09828), and the first layer looks back no
further than an answer is long.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import Qwen2Config, Qwen2Model

from engine.demo.story import LARGEST
from engine.demo.tokenizer import END, PAD, SPECIAL, VOCABULARY

HIDDEN, HEADS, LAYERS = 64, 4, 2
WINDOW = 12


def write_model(folder: Path, seed: int) -> None:
    """Write configuration and weights (safetensors) beside the tokenizer; the head is added by whoever loads it."""
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=HIDDEN,
        intermediate_size=3 * HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=512,
        use_sliding_window=True,
        sliding_window=WINDOW,
        layer_types=["sliding_attention"] + ["full_attention"] * (LAYERS - 1),
        pad_token_id=SPECIAL.index(PAD),
        eos_token_id=SPECIAL.index(END),
        bos_token_id=None,
        tie_word_embeddings=False,
        architectures=["Qwen2Model"],
    )
    numerals = _numerals(Tokenizer.from_file(str(folder / "tokenizer.json")))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = Qwen2Model(config)
        for number, token in numerals.items():
            model.embed_tokens.weight[token, : HIDDEN // 2] = _on_a_line(number)
        for layer in model.layers:
            _look_for_what_is_alike(layer.self_attn)
    config.save_pretrained(folder)
    save_file(model.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})


def _numerals(tokenizer: Tokenizer) -> dict[int, int]:
    """The token of each number the demo knows, as it stands after a space."""
    tokens = {number: tokenizer.token_to_id(f"Ġ{number}") for number in range(LARGEST + 1)}
    return {number: token for number, token in tokens.items() if token is not None}


def _on_a_line(number: int) -> torch.Tensor:
    """HIDDEN / 2 values that are near for near numbers: the number itself, and sines and cosines of it."""
    plain = torch.full((HIDDEN // 8,), 2 * number / LARGEST - 1)
    angles = number / (2.0 * 1.35 ** torch.arange(3 * HIDDEN // 16))
    return 0.06 * torch.cat((plain, angles.sin(), angles.cos()))


def _look_for_what_is_alike(attention: Any) -> None:
    size = HIDDEN // HEADS
    for head in range(HEADS):
        rows = slice(head * size, (head + 1) * size)
        shared = 0.5 * torch.randn(size, HIDDEN) * HIDDEN**-0.5
        for projection in (attention.q_proj, attention.k_proj):
            projection.weight[rows] = shared + 0.02 * torch.randn(size, HIDDEN)
    rotation = 0.5**0.5 * torch.linalg.qr(torch.randn(HIDDEN, HIDDEN)).Q
    attention.v_proj.weight[:] = rotation
    attention.o_proj.weight[:] = rotation.T
