"""Tiny models, rows and trainers: small enough to train in a second, real enough to learn."""

import random

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    LlamaConfig,
    LlamaForSequenceClassification,
    LlamaForTokenClassification,
    PreTrainedTokenizerFast,
)

from engine.encode.encoding import EncodedRow, PairEncoding, StepsEncoding
from engine.preset.schema import Preset
from engine.sample import SampleId

VOCABULARY = 48
GOOD = 7


@pytest.fixture(scope="session")
def tokenizer():
    words = {"<pad>": 0, "<eos>": 1, "\n": 2, **{f"w{i}": i for i in range(3, VOCABULARY)}}
    wrapped = Tokenizer(models.WordLevel(words, unk_token="<eos>"))
    spaces, newlines = pre_tokenizers.Split(" ", "removed"), pre_tokenizers.Split("\n", "isolated")
    wrapped.pre_tokenizer = pre_tokenizers.Sequence([spaces, newlines])
    return PreTrainedTokenizerFast(tokenizer_object=wrapped, pad_token="<pad>", eos_token="<eos>")


@pytest.fixture
def model_folder(tmp_path, tokenizer):
    """Saves a tiny random Llama of a kind; returns its folder."""

    def save(kind="pair"):
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=128,
            pad_token_id=0,
            num_labels=1 if kind == "pair" else 2,
            classifier_dropout=0.0,
        )
        model = (LlamaForSequenceClassification if kind == "pair" else LlamaForTokenClassification)(config)
        folder = tmp_path / f"llama-{kind}"
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return save


def pairs(count, seed=0):
    """Pairs of one prompt; the chosen answer holds the good word."""
    rng = random.Random(seed)
    rows = []
    for i in range(count):
        prompt = [rng.randrange(8, VOCABULARY) for _ in range(rng.randint(2, 6))]
        answers = [[rng.randrange(8, VOCABULARY) for _ in range(rng.randint(1, 6))] for _ in range(2)]
        answers[0][rng.randrange(len(answers[0]))] = GOOD
        chosen, rejected = (prompt + answer + [1] for answer in answers)
        pair = PairEncoding(chosen, rejected, len(chosen) - 1, len(rejected) - 1, len(prompt))
        rows.append(EncodedRow(SampleId(0, i), pair, None))
    return rows


def steps(count, seed=0, soft=False):
    """Steps; a right one begins with the good word, and the separator (2) carries the label."""
    rng = random.Random(seed)
    rows = []
    for i in range(count):
        ids, labels = [rng.randrange(8, VOCABULARY) for _ in range(3)], [-100] * 3
        for _ in range(rng.randint(1, 4)):
            right = rng.random() < 0.6
            words = [rng.randrange(8, VOCABULARY) for _ in range(rng.randint(1, 3))]
            ids += [GOOD if right else 8, *words, 2]
            label = (0.9 if right else 0.2) if soft else int(right)
            labels += [-100] * (1 + len(words)) + [label]
        rows.append(EncodedRow(SampleId(0, i), StepsEncoding(ids, labels), None))
    return rows


@pytest.fixture
def make_rows():
    return {"pair": pairs, "steps": steps}


@pytest.fixture
def make_preset():
    """A preset of a kind, with overrides."""

    def make(kind="pair", **values):
        return Preset.model_validate(
            {
                "base_model": "tiny",
                "reward_model" if kind == "pair" else "process_reward_model": True,
                "datasets": [{"path": "none"}],
                "device": "cpu",
                "learning_rate": 5e-3,
                "micro_batch_size": 4,
            }
            | values
        )

    return make


@pytest.fixture
def make_trainer(tmp_path, model_folder, tokenizer, make_preset, make_rows):
    """A trainer on tiny rows: `make_trainer("pair", rows=…, eval_rows=…, callbacks=…, **preset values)`."""
    from transformers import TrainerCallback, set_seed

    from engine.batch.budget import TokenBudget
    from engine.batch.pad import PadCollator
    from engine.cost.plan import plan
    from engine.model.load import load_model
    from engine.model.precision import choose_precision
    from engine.objective.choose import choose_objective
    from engine.trainer.arguments import training_arguments
    from engine.trainer.train import RewardTrainer

    class Logged(TrainerCallback):
        """What a trainer has logged: its own state forgets it with every checkpoint."""

        def __init__(self):
            self.entries = []

        def on_log(self, args, state, control, logs, **_):
            self.entries.append(dict(logs))

    def make(kind="pair", *, rows=None, eval_rows=None, callbacks=(), run="run", collate=None, tell=print, **values):
        preset = make_preset(kind, **values)
        rows = make_rows[kind](32) if rows is None else rows
        folder = tmp_path / f"llama-{kind}"
        precision = choose_precision(preset)
        set_seed(preset.seed)
        loaded = load_model(preset, folder if folder.exists() else model_folder(kind), tokenizer, precision)
        logged = Logged()
        trainer = RewardTrainer(
            model=loaded.model,
            args=training_arguments(preset, tmp_path / run, plan(preset, len(rows), 1), precision),
            collate=collate or PadCollator(tokenizer.pad_token_id),
            train_rows=rows,
            eval_rows=eval_rows,
            objective=choose_objective(preset),
            order_seed=preset.seed,
            tokenizer=tokenizer,
            callbacks=[*callbacks, logged],
            budget=TokenBudget(tokens, preset.halve_micro_batch_on_oom, tell)
            if (tokens := preset.micro_batch_tokens)
            else None,
        )
        trainer.logged = logged.entries
        return trainer

    return make
