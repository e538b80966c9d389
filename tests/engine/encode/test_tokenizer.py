from types import SimpleNamespace

import pytest
from transformers import AutoTokenizer

from engine.encode.tokenizer import TokenizerError, choose_pad, load_tokenizer


def preset(base_model, **others):
    return SimpleNamespace(base_model=str(base_model), **others)


def test_a_folder_is_looked_up_here_and_beside_the_preset(byte_tokenizer, tmp_path):
    assert load_tokenizer(preset(byte_tokenizer), tmp_path).eos_token == "<|im_end|>"
    assert load_tokenizer(preset(byte_tokenizer.name), byte_tokenizer.parent).eos_token == "<|im_end|>"


def test_tokens_of_the_preset_are_added(byte_tokenizer, tmp_path):
    given = preset(byte_tokenizer, special_tokens={"pad_token": "<|fill|>", "bos_token": None}, tokens=("<extra_0>",))
    tokenizer = load_tokenizer(given, tmp_path)
    assert tokenizer.pad_token == "<|fill|>"
    assert len(tokenizer.encode("a<extra_0>b", add_special_tokens=False)) == 3


def without_pad(specials, unk=None):
    """As much of a tokenizer as the choice looks at, with these special tokens beside BOS and EOS."""
    names = ["<s>", "</s>", *specials]
    added = {i: SimpleNamespace(content=name, special=True) for i, name in enumerate(names)}
    return SimpleNamespace(pad_token=None, eos_token="</s>", bos_token="<s>", unk_token=unk, added_tokens_decoder=added)


@pytest.mark.parametrize(
    ("specials", "unk", "pad"),
    [
        (["<|reserved_0|>", "<|right_pad|>"], "<unk>", "<|right_pad|>"),
        (["<|reserved_0|>", "<|endoftext|>"], "<unk>", "<|endoftext|>"),
        (["<|reserved_0|>"], "<unk>", "<unk>"),
        (["<|reserved_0|>", "<|reserved_1|>"], None, "<|reserved_0|>"),
        (["<|start|>"], "</s>", "</s>"),
    ],
)
def test_a_missing_padding_token_is_not_eos_where_another_will_do(specials, unk, pad):
    tokenizer = without_pad(specials, unk)
    assert choose_pad(tokenizer) == tokenizer.pad_token == pad


def test_a_padding_token_there_is_stays(byte_tokenizer):
    assert choose_pad(AutoTokenizer.from_pretrained(byte_tokenizer)) == "<|pad|>"


def test_no_token_at_all_to_pad_with_is_said():
    bare = SimpleNamespace(pad_token=None, eos_token=None, bos_token=None, unk_token=None, added_tokens_decoder={})
    with pytest.raises(TokenizerError, match="no padding token"):
        choose_pad(bare)


def test_what_is_no_model_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "tokenizer.json").write_text("{")
    for name, said in (
        ("empty", "holds no tokenizer"),
        ("file", "is a file"),
        ("broken", "cannot be loaded"),
        ("./nowhere", "There is no folder"),
        ("some-owner/some-model-that-is-not-there", "cannot be had from the hub"),
    ):
        with pytest.raises(TokenizerError, match=said) as caught:
            load_tokenizer(preset(name), tmp_path)
        assert "Traceback" not in str(caught.value)
