"""What tests of the engine share: a tokenizer folder, and presets of rows on disk."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{% if not loop.last %}\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}\n<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="session")
def byte_tokenizer(tmp_path_factory) -> Path:
    """A folder with a tokenizer of single bytes and a ChatML-like template that ends at the end of the turn."""
    alphabet = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(alphabet, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|pad|>",
        additional_special_tokens=["<|im_start|>"],
    )
    fast.chat_template = CHATML
    folder = tmp_path_factory.mktemp("byte-tokenizer")
    fast.save_pretrained(folder)
    return folder


@pytest.fixture
def write_preset(tmp_path, byte_tokenizer):
    """Writes rows and a preset that reads them; returns the preset's path. Further lines go below the common ones."""

    def write(rows: list, lines: str = "", kind: str = "reward_model") -> Path:
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        preset = tmp_path / "preset.yaml"
        preset.write_text(
            f"base_model: {byte_tokenizer}\n{kind}: true\ndatasets:\n  - path: rows.jsonl\n{lines}", encoding="utf-8"
        )
        return preset

    return write


def pair_rows(count: int) -> list[dict]:
    """Distinct pairs in axolotl's columns."""
    return [{"input": f"What is {i} + 1?", "chosen": f"{i + 1}.", "rejected": f"{i + 2}."} for i in range(count)]


def steps_rows(count: int) -> list[dict]:
    """Distinct stepwise-supervised rows, the last step right in every other one."""
    return [
        {"prompt": f"Add 1 to {i}.", "completions": ["First.", f"It is {i + 1}."], "labels": [True, i % 2 == 0]}
        for i in range(count)
    ]
