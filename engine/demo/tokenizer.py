"""The demo's tokenizer: byte-level BPE trained on the demo's own text, with its own chat template and pad token."""

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

VOCABULARY = 768
PAD, START, END = "<|pad|>", "<|start|>", "<|end|>"
SPECIAL = (PAD, START, END)
"""The special tokens; their ids are their places here."""

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{ '' if loop.first else '\\n' }}{{ '<|start|>' + message['role'] + '\\n' + message['content'] + '<|end|>' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '\\n<|start|>assistant\\n' }}{%- endif -%}"
)
"""Ends at the end-of-turn token, where the reward is read."""


def write_tokenizer(folder: Path, texts: Iterable[str]) -> None:
    """Train on `texts` and write the files that `AutoTokenizer` reads."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        min_frequency=2,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "chat_template": CHAT_TEMPLATE,
        "pad_token": PAD,
        "eos_token": END,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 512,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1, sort_keys=True), encoding="utf-8")
