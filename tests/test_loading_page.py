"""The page that shows how to load a trained model: its code runs, and gives the scores that the engine reads."""

import re
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModel, LlamaConfig, PreTrainedTokenizerFast

from engine.model.load import load_model
from engine.model.precision import choose_precision
from engine.preset.schema import Preset

PAGE = Path(__file__).parents[1] / "docs" / "loading.md"
PAIRS, STEPS, ADAPTER = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
TEMPLATE = "{% for m in messages %}{{ m['role'] }} {{ m['content'] }} <eos>{% endfor %}"


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Saves a model of a kind as a run would, on a base without a head or a padding token; returns it."""
    monkeypatch.chdir(tmp_path)
    words = ["What", "is", "six", "times", "seven?", "seven", "It", "42.", "about", "40.", "Six", "So", "it", "user"]
    ids = {word: index for index, word in enumerate(["<pad>", "<eos>", "\n", *dict.fromkeys(words)])}
    wrapped = Tokenizer(models.WordLevel(ids, unk_token="<eos>"))
    spaces, newlines = pre_tokenizers.Split(" ", "removed"), pre_tokenizers.Split("\n", "isolated")
    wrapped.pre_tokenizer = pre_tokenizers.Sequence([spaces, newlines])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=wrapped, pad_token="<pad>", eos_token="<eos>", chat_template=TEMPLATE
    )
    torch.manual_seed(0)
    small = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    AutoModel.from_config(LlamaConfig(vocab_size=len(ids), **small)).save_pretrained("base")

    def save(kind, name, **values):
        key = "reward_model" if kind == "pair" else "process_reward_model"
        preset = Preset.model_validate(
            values | {"device": "cpu", "base_model": "base", key: True, "datasets": [{"path": "none"}]}
        )
        model = load_model(preset, "base", tokenizer, choose_precision(preset)).model.eval()
        with torch.no_grad():
            for weight in filter(lambda weight: weight.requires_grad, model.parameters()):
                weight.add_(0.1 * torch.randn_like(weight))
        for saved in (model, tokenizer):
            saved.save_pretrained(Path("runs") / name / "model")
        return model

    return save


def run(code, **given):
    exec(code, given)
    return given


def read(model, ids, mask, positions):
    """The scores as the engine reads them: at these flat positions."""
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=mask, read=torch.tensor(positions))


def read_last(model, ids, mask):
    """The rewards as the engine reads them: at the last token that is not padding."""
    last = [row * ids.shape[1] + length - 1 for row, length in enumerate(mask.sum(1).tolist())]
    return read(model, ids, mask, last)[:, 0]


def test_pairs_are_scored_as_the_page_shows(trained):
    model = trained("pair", "my-pairs")
    shown = run(PAIRS)
    ids, mask = shown["batch"]["input_ids"], shown["batch"]["attention_mask"]
    assert mask.min() == 0, "one of them is padded"
    torch.testing.assert_close(shown["rewards"], read_last(model, ids, mask))


def test_steps_are_scored_as_the_page_shows(trained):
    model = trained("steps", "my-steps")
    shown = run(STEPS)
    assert shown["model"].config.id2label == {0: "wrong", 1: "right"}
    ids = torch.tensor([shown["ids"]])
    assert [shown["tokenizer"].decode(shown["ids"][end]) for end in shown["ends"]] == ["\n", "\n"]
    scores = read(model, ids, torch.ones_like(ids), shown["ends"])
    torch.testing.assert_close(shown["right"], scores.softmax(-1)[:, 1])


def test_an_adapter_is_loaded_and_merged_as_the_page_shows(trained):
    model = trained("pair", "my-adapter", adapter="lora")
    with pytest.raises(RuntimeError, match="size mismatch"):
        run(ADAPTER.replace(", num_labels=1", ""))
    run(ADAPTER)
    shown = run(PAIRS.replace("my-pairs/model", "my-adapter/merged"))
    expected = read_last(model, shown["batch"]["input_ids"], shown["batch"]["attention_mask"])
    torch.testing.assert_close(shown["rewards"], expected)


def test_steps_of_an_adapter_are_loaded_as_the_page_says(trained):
    trained("steps", "my-adapter", adapter="lora")
    code = ADAPTER.replace("SequenceClassification", "TokenClassification").replace("num_labels=1", "num_labels=2")
    assert "AutoPeftModelForTokenClassification" in PAGE.read_text(encoding="utf-8")
    assert run(code)["merged"].score.out_features == 2
