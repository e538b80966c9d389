import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from transformers import AutoTokenizer

from engine.encode.tokenizer import TokenizerError, choose_pad, load_tokenizer
from engine.model.error import ModelError
from engine.model.locate import locate_model


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
        ("some-owner/some-model-that-is-not-there", "HF_HUB_OFFLINE is set"),
    ):
        with pytest.raises(TokenizerError, match=said) as caught:
            load_tokenizer(preset(name), tmp_path)
        assert "Traceback" not in str(caught.value)


@pytest.fixture
def closed_hub(monkeypatch, tmp_path):
    """A hub that cannot be reached, and an empty cache of downloads."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    cache = tmp_path / "hub"
    cache.mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    return cache


@pytest.mark.parametrize("offline", [False, True])
def test_an_unreachable_hub_is_said_at_once(closed_hub, tmp_path, monkeypatch, offline):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    began = time.monotonic()
    with pytest.raises(TokenizerError, match="nobody/nothing: not a local path, and the hub") as caught:
        load_tokenizer(preset("nobody/nothing"), tmp_path)
    with pytest.raises(ModelError, match="nobody/nothing: not a local path, and the hub"):
        locate_model("nobody/nothing", tmp_path)
    assert time.monotonic() - began < 10
    assert "HF_ENDPOINT" in caught.value.advice


@pytest.mark.parametrize("offline", [False, True])
def test_what_was_downloaded_before_works_without_the_hub(closed_hub, tmp_path, monkeypatch, byte_tokenizer, offline):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    kept = closed_hub / "models--somebody--something"
    shutil.copytree(byte_tokenizer, kept / "snapshots" / ("0" * 40))
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("0" * 40)
    began = time.monotonic()
    assert load_tokenizer(preset("somebody/something"), tmp_path).eos_token == "<|im_end|>"
    assert Path(locate_model("somebody/something", tmp_path)).parent == kept / "snapshots"
    assert time.monotonic() - began < 10
    with pytest.raises(TokenizerError, match="not a local path"):
        load_tokenizer(preset("somebody/something", revision_of_model="v2"), tmp_path)
