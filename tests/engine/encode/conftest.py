import gzip
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from transformers import AutoTokenizer

from engine.encode.encoder import encode_batch, make_encoder
from engine.encode.tokenizer import choose_pad
from engine.format.choose import choose_format
from engine.preset.schema import DatasetConfig, Preset
from engine.sample import SampleId

ORACLE = Path(__file__).parents[2] / "oracle"
COLUMNS = {
    "bt_trl": ["chosen", "rejected"],
    "bt_axolotl": ["system", "input", "chosen", "rejected"],
    "prm": ["prompt", "completions", "labels"],
}


@dataclass(frozen=True)
class Recording:
    """What one peer made of one file of rows, with one tokenizer and one set of settings."""

    peer: str
    tokenizer: str
    rows: str
    name: str
    kind: str
    config: dict
    outcomes: list

    def __str__(self):
        return f"{self.peer}-{self.tokenizer}-{self.rows}-{self.name}"


@lru_cache
def tokenizer_of(name):
    tokenizer = AutoTokenizer.from_pretrained(ORACLE / "tokenizers" / name)
    choose_pad(tokenizer)
    return tokenizer


@lru_cache
def rows_of(name):
    lines = (ORACLE / "rows" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def recordings():
    found = []
    for file in sorted(ORACLE.glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            found += [Recording(**json.loads(line)) for line in lines]
    return found


def pytest_generate_tests(metafunc):
    """Give `recording` to the tests that ask for one."""
    if "recording" in metafunc.fixturenames:
        metafunc.parametrize("recording", recordings(), ids=str)


def encode_row(row, *, tokenizer, type_=None, kind="pair", columns=(), preset=None, dataset=None, evaluating=False):
    """One row, encoded as a data set of its own: the list of its samples' outcomes, and the encoder."""
    # The peers take settings that a preset refuses: nothing is validated here.
    config = DatasetConfig(path="rows.jsonl").model_copy(update=dataset)
    settings = Preset.model_construct(**{"sequence_len": 512, **(preset or {})})
    row = {name: value for name, value in row.items() if name != "_id"}
    format_ = choose_format(type_, [*columns, *row], [row], config, kind)
    encoder = make_encoder(settings, config, tokenizer, format_, evaluating=evaluating)
    return encode_batch(encoder, [(SampleId(0, 0), row)]), encoder


@pytest.fixture(scope="session")
def encode():
    """`encode_row`: one row as a data set of its own."""
    return encode_row


@pytest.fixture(scope="session")
def oracle():
    """The recorded rows, the tokenizers they were recorded with, and the columns of the files of rows."""
    return SimpleNamespace(rows=rows_of, tokenizer=tokenizer_of, columns=COLUMNS)


@pytest.fixture(scope="session")
def chatml():
    """A tokenizer with a ChatML template, no BOS, and a padding token of its own."""
    return tokenizer_of("toy-chatml")


@pytest.fixture(scope="session")
def llama3():
    """A Llama-3-like tokenizer: BOS from template and post-processor; padding can only be EOS."""
    return tokenizer_of("toy-llama3")
