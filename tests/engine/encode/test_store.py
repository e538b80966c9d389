"""Encoded sets kept on disk: the same again at once, another one for anything that matters, damage survived."""

import json
import os
import time

import pytest

from engine.check.run import check
from engine.encode import store
from engine.encode.digest import Digest
from engine.encode.encoder import encode_batch
from engine.prepare.open import open_preset
from engine.prepare.sets import prepare
from engine.preset.load import load_preset
from tests.engine.conftest import CHATML, pair_rows, steps_rows

ROWS = [
    *pair_rows(8),
    {"input": "Same?", "chosen": "Yes.", "rejected": "Yes."},
    {"input": "Long? " * 200, "chosen": "No.", "rejected": "Yes."},
    {"input": "Answerless", "chosen": "x"},
]
PAIRS = "    type: bradley_terry.chat_template\nval_set_size: 3\n"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RM_WORKBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "encoded"


@pytest.fixture
def encoded(monkeypatch):
    """The batches that were encoded, and not recalled: the number of rows of each."""
    batches = []

    def counted(encoder, rows):
        batches.append(len(rows))
        return encode_batch(encoder, rows)

    monkeypatch.setattr("engine.prepare.rows.encode_batch", counted)
    return batches


def prepared(path, *overrides):
    return prepare(open_preset(load_preset(str(path), overrides)))


def content(encoded_set):
    return list(encoded_set.rows), encoded_set.ledger, encoded_set.digest, encoded_set.findings


def settled(path):
    """Set a file's time back: what changes after this has another time, however fast the test."""
    os.utime(path, ns=(10**18, 10**18))


@pytest.mark.parametrize(
    ("rows", "lines", "kind"),
    [
        (ROWS, PAIRS, "reward_model"),
        ([{**row, "margin": 0.25} for row in ROWS[:8]], PAIRS, "reward_model"),
        (
            [*steps_rows(6), {"prompt": "p", "completions": ["a", "b", "c"], "labels": [0.25, None, 1]}],
            "val_set_size: 2\n",
            "process_reward_model",
        ),
        ([{"input": "q", "chosen": "", "rejected": "b"}, *pair_rows(2)], PAIRS.replace("3", "0"), "reward_model"),
    ],
)
def test_a_set_that_was_encoded_before_is_the_same_again(write_preset, encoded, rows, lines, kind):
    path = write_preset(rows, lines, kind)
    first = prepared(path)
    assert encoded
    encoded.clear()
    second = prepared(path)
    assert not encoded, "nothing is encoded twice"
    assert content(second.train) == content(first.train)
    assert (second.eval is None) == (first.eval is None)
    if first.eval:
        assert content(second.eval) == content(first.eval)
    assert second.train.rows.lengths().tolist() == first.train.rows.lengths().tolist()
    assert list(second.train.rows.ids) == [row.id for row in first.train.rows]
    types = [[type(label) for label in getattr(row.encoding, "labels", ())] for row in first.train.rows]
    assert [[type(label) for label in getattr(row.encoding, "labels", ())] for row in second.train.rows] == types


def test_the_digest_that_is_kept_is_that_of_the_rows_that_are_kept(write_preset):
    path = write_preset(ROWS, PAIRS)
    prepared(path)
    recalled = prepared(path).train
    digest = Digest()
    for row in recalled.rows:
        digest.update(row)
    assert digest.hexdigest() == recalled.digest


def test_a_check_leaves_the_sets_for_training(write_preset, encoded):
    path = write_preset(ROWS, PAIRS)
    report = check(open_preset(load_preset(str(path))))
    encoded.clear()
    trained = prepared(path).train
    assert not encoded
    assert (trained.digest, trained.ledger.dropped) == (report.digest, report.dropped)


@pytest.mark.parametrize(
    "change",
    [
        "sequence_len=64",
        "excess_length_strategy=truncate",
        "val_set_size=4",
        "seed=7",
        "dataset_exact_deduplication=true",
        "chat_template=chatml",
        "chat_template_jinja='" + CHATML.replace("\n", " ") + "'",
        "special_tokens.pad_token=<|im_start|>",
        "tokens=['<|new|>']",
        "datasets.0.field_chosen=input",
        "datasets.0.type=bradley_terry.llama3",
    ],
)
def test_each_key_that_matters_gives_a_set_of_its_own(write_preset, encoded, change):
    path = write_preset(ROWS, PAIRS)
    prepared(path)
    encoded.clear()
    prepared(path, change)
    assert encoded


@pytest.mark.parametrize(
    "change", ["step_separator='\\n\\n'", "max_completion_length=9", "train_on_last_step_only=true"]
)
def test_each_knob_of_steps_gives_a_set_of_its_own(write_preset, encoded, change):
    path = write_preset(steps_rows(6), kind="process_reward_model")
    prepared(path)
    encoded.clear()
    prepared(path, f"datasets.0.{change}")
    assert encoded


def test_keys_that_do_not_matter_leave_the_set_as_it_is(write_preset, encoded):
    path = write_preset(ROWS, PAIRS)
    prepared(path)
    encoded.clear()
    prepared(path, "learning_rate=1e-3", "micro_batch_size=7", "num_epochs=2", "output_dir=elsewhere")
    assert not encoded


def test_another_file_another_tokenizer_and_other_programs_give_sets_of_their_own(
    write_preset, encoded, monkeypatch, byte_tokenizer, tmp_path
):
    path = write_preset(ROWS, PAIRS)
    rows = tmp_path / "rows.jsonl"
    settled(rows)
    first = prepared(path)
    encoded.clear()

    rows.write_text(rows.read_text().replace("What", "That"))
    assert prepared(path).train.digest != first.train.digest
    assert encoded, "the file has another content of the same length"
    encoded.clear()

    other = tmp_path / "tokenizer"
    other.mkdir()
    for file in byte_tokenizer.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    whole = json.loads((other / "tokenizer.json").read_text())
    vocabulary = whole["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    (other / "tokenizer.json").write_text(json.dumps(whole))
    prepared(path, f"base_model={other}")
    assert encoded, "the tokenizer gives other ids"
    encoded.clear()

    monkeypatch.setattr("engine.encode.store.programs", lambda: "another version")
    prepared(path)
    assert encoded


@pytest.mark.parametrize(
    ("template", "kept"),
    [
        ("{{ strftime_now('%d %b %Y') }}", True),
        ('{% if strftime_now is defined %}{{ strftime_now ("%Y") }}{% endif %}', True),
        ("{{ strftime_now('%H:%M') }}", False),
        ("{% set now = strftime_now %}{{ now('%H') }}", False),
        ("{{ strftime_now(messages[0].content) }}", False),
    ],
)
def test_a_template_that_writes_the_date_is_kept_for_the_day(write_preset, cache, monkeypatch, encoded, template, kept):
    path = write_preset(ROWS[:8], PAIRS)
    inline = "chat_template_jinja=" + json.dumps(CHATML.replace("\n", " ") + template)
    prepared(path, "chat_template=jinja", inline)
    assert cache.exists() == kept
    encoded.clear()
    prepared(path, "chat_template=jinja", inline)
    assert bool(encoded) != kept
    encoded.clear()

    class Tomorrow(store.date):
        @classmethod
        def today(cls):
            return cls(2100, 1, 1)

    monkeypatch.setattr(store, "date", Tomorrow)
    prepared(path, "chat_template=jinja", inline)
    assert encoded


def damage(file, how):
    whole = file.read_bytes()
    match how:
        case "empty":
            file.write_bytes(b"")
        case "cut":
            file.write_bytes(whole[:-5])
        case "longer":
            file.write_bytes(whole + b"\0")
        case "flipped":
            file.write_bytes(whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:])
        case "foreign":
            file.write_bytes(os.urandom(2000))
        case "header":
            file.write_bytes(whole.replace(b'"kept":', b'"kept":1', 1))
        case "no json":
            file.write_bytes(whole.replace(b'{"key"', b'["key"', 1))
        case "folder":
            file.unlink()
            file.mkdir()


@pytest.mark.parametrize("how", ["empty", "cut", "longer", "flipped", "foreign", "header", "no json", "folder"])
def test_damage_costs_an_encoding_and_nothing_else(write_preset, cache, encoded, how):
    path = write_preset(ROWS, PAIRS.replace("3", "0"))
    first = prepared(path)
    (file,) = cache.iterdir()
    damage(file, how)
    encoded.clear()
    assert content(prepared(path).train) == content(first.train)
    assert encoded
    encoded.clear()
    prepared(path)
    assert bool(encoded) == (how == "folder"), "what was damaged is written anew"


def test_a_file_under_the_name_of_another_set_is_not_taken_for_it(write_preset, cache, encoded):
    path = write_preset(ROWS, PAIRS.replace("3", "0"))
    prepared(path)
    (first,) = cache.iterdir()
    limited = prepared(path, "sequence_len=64")
    (second,) = set(cache.iterdir()) - {first}
    first.replace(second)
    encoded.clear()
    assert content(prepared(path, "sequence_len=64").train) == content(limited.train)
    assert encoded


def test_a_cache_that_cannot_be_written_is_done_without(write_preset, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RM_WORKBENCH_CACHE", str(tmp_path / "file"))
    assert prepared(write_preset(ROWS, PAIRS)).train.ledger.kept


def test_the_sets_used_longest_ago_are_removed_beyond_the_limit(write_preset, cache, monkeypatch):
    path = write_preset(ROWS, PAIRS.replace("3", "0"))
    prepared(path)
    (first,) = cache.iterdir()
    prepared(path, "sequence_len=256")
    (second,) = set(cache.iterdir()) - {first}
    long_ago = time.time() - 1e6
    os.utime(first, (long_ago, long_ago))
    os.utime(second, (long_ago + 1, long_ago + 1))
    (cache / "dead.part").touch()
    os.utime(cache / "dead.part", (long_ago - 1e5, long_ago - 1e5))
    prepared(path)  # uses the first
    monkeypatch.setattr(store, "LIMIT", int(first.stat().st_size * 2.5))
    prepared(path, "sequence_len=300")
    left = set(cache.iterdir())
    assert first in left
    assert second not in left
    assert cache / "dead.part" not in left
    assert len(left) == 2


def test_a_set_larger_than_the_limit_is_not_kept(write_preset, cache, monkeypatch):
    monkeypatch.setattr(store, "LIMIT", 100)
    assert prepared(write_preset(ROWS, PAIRS)).train.ledger.kept
    assert not cache.exists() or not list(cache.iterdir())
