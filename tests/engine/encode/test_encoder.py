"""Batches: the same as one by one, every row accounted for, whatever it holds."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import PreTrainedTokenizerFast

from engine.encode.digest import Digest
from engine.encode.encoder import encode_batch, make_encoder
from engine.encode.tokens import dividers, shared_length, token_ids
from engine.encode.view import token_sequences
from engine.format.choose import TYPES, choose_format
from engine.format.format import FormatError
from engine.preset.schema import DatasetConfig, Preset
from engine.sample import SampleId
from engine.source.row import RowError

TEXTS = st.lists(
    st.sampled_from(
        [
            "Hello",
            " world",
            "\n",
            "\n\n",
            " ",
            "é",
            "漢字",
            "🙂",
            "12",
            "<|im_end|>",
            "<|im_start|>",
            "<|eot_id|>",
            "<|",
            "|>",
        ]
    ),
    max_size=12,
).map("".join)
PAIRS = st.fixed_dictionaries(
    {"system": st.one_of(st.none(), TEXTS), "input": TEXTS.map(lambda t: t * 6), "chosen": TEXTS, "rejected": TEXTS}
)


def encoder_for(tokenizer, type_, row, kind="pair", preset=None, dataset=None):
    config = DatasetConfig(path="rows.jsonl", **(dataset or {}))
    format_ = choose_format(type_, list(row), [row], config, kind)
    return make_encoder(Preset.model_construct(**{"sequence_len": 512, **(preset or {})}), config, tokenizer, format_)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(PAIRS, min_size=1, max_size=4))
@pytest.mark.parametrize("name", ["toy-chatml", "toy-llama3"])
def test_ids_are_those_of_apply_chat_template(oracle, name, rows):
    tokenizer = oracle.tokenizer(name)
    columns = {"system": "", "input": "", "chosen": "", "rejected": ""}
    encoder = encoder_for(tokenizer, "bradley_terry.chat_template", columns)
    for row, outcome in zip(
        rows, encode_batch(encoder, [(SampleId(0, i), row) for i, row in enumerate(rows)]), strict=True
    ):
        for side in ("chosen", "rejected"):
            turns = [{"role": "user", "content": row["input"]}, {"role": "assistant", "content": row[side]}]
            if row["system"]:
                turns.insert(0, {"role": "system", "content": row["system"]})
            expected = tokenizer.apply_chat_template(turns, return_dict=False)
            assert getattr(outcome.encoding, f"{side}_ids") == expected
            prompt = tokenizer.apply_chat_template(turns[:-1], add_generation_prompt=True, return_dict=False)
            if prompt + expected[len(prompt) :] != expected:
                assert "template-splice" in {finding.code for finding in outcome.findings}


@settings(max_examples=60, deadline=None)
@given(left=TEXTS, right=TEXTS)
@pytest.mark.parametrize("name", ["toy-chatml", "toy-llama3"])
def test_a_text_may_be_divided_at_the_tokens_said_to_divide_it(oracle, name, left, right):
    tokenizer = oracle.tokenizer(name)
    for token in dividers(tokenizer, "<|im_start|><|im_end|><|eot_id|>"):
        whole, head, tail = token_ids(tokenizer, [left + token + right, left + token, token + right], False)
        assert whole == head + tail[1:]


def test_a_batch_is_its_rows_one_by_one(chatml, oracle):
    rows = [
        (SampleId(0, i), {k: v for k, v in r.items() if k != "_id"}) for i, r in enumerate(oracle.rows("bt_axolotl"))
    ]
    encoder = encoder_for(chatml, "bradley_terry.chat_template", rows[0][1])
    together = encode_batch(encoder, rows)
    assert together == [outcome for row in rows for outcome in encode_batch(encoder, [row])]
    assert [outcome.id for outcome in together] == [where for where, _ in rows]


def test_shared_prefix_leaves_each_side_a_token_of_its_own(chatml):
    encoder = encoder_for(chatml, None, {"chosen_ids": [1], "rejected_ids": [1, 2]})
    rows = [([5, 6, 7], [5, 6, 8], 2), ([5, 6], [5, 6, 7], 1), ([5], [6], 0), ([5], [5, 6], 0)]
    for chosen, rejected, shared in rows:
        (outcome,) = encode_batch(encoder, [(SampleId(0, 0), {"chosen_ids": chosen, "rejected_ids": rejected})])
        assert outcome.encoding.shared_prefix == shared
    assert shared_length("abcd", "abxd") == 2


def test_ids_beyond_the_vocabulary_refuse_the_row(chatml):
    encoder = encoder_for(chatml, None, {"chosen_ids": [1], "rejected_ids": [1, 2]})
    (outcome,) = encode_batch(encoder, [(SampleId(0, 0), {"chosen_ids": [1], "rejected_ids": [10**7]})])
    assert outcome.refusal.reason == "wrong-type"


def test_ranked_answers_give_a_sample_for_each_pair(chatml):
    row = {"prompt": "q ", "responses": ["best", "worst", "middle"], "scores": [3, 1, 2]}
    encoder = encoder_for(chatml, None, row)
    outcomes = encode_batch(encoder, [(SampleId(2, 7), row)])
    assert [outcome.id for outcome in outcomes] == [SampleId(2, 7, item) for item in range(3)]
    decoded = [tuple(chatml.decode(ids) for ids in (o.encoding.chosen_ids, o.encoding.rejected_ids)) for o in outcomes]
    ends = [(a.removesuffix("<|im_end|>"), b.removesuffix("<|im_end|>")) for a, b in decoded]
    assert ends == [("q best", "q middle"), ("q best", "q worst"), ("q middle", "q worst")]


def test_the_digest_is_of_what_a_model_is_fed(chatml, oracle):
    rows = [{k: v for k, v in r.items() if k != "_id"} for r in oracle.rows("bt_axolotl")]
    encoder = encoder_for(chatml, "bradley_terry.chat_template", rows[0])

    def digest(chosen_rows, encoder=encoder):
        running = Digest()
        for outcome in encode_batch(encoder, [(SampleId(0, i), row) for i, row in enumerate(chosen_rows)]):
            running.update(outcome)
        return running.hexdigest()

    assert digest(rows) == digest(rows)
    assert digest(rows) == digest([{"input": None}, *rows]), "refused rows are no part of it"
    assert digest(rows) != digest(rows[1:])
    assert digest(rows) != digest(rows[::-1])
    shorter = encoder_for(chatml, "bradley_terry.chat_template", rows[0], preset={"sequence_len": 48})
    assert digest(rows) != digest(rows, shorter)


def fuzzed(random_, depth=0):
    """A value of any kind that JSON (or a columnar file) can hold, the odd ones more often than they deserve."""
    kinds = random_.randrange(16)
    if kinds < 5:
        return random_.choice(
            [
                "",
                "a",
                "hi there",
                "\n",
                "\0",
                "a\ud800b",
                "é漢🙂",
                "<|im_end|>",
                "\x1b[2J",
                "{{ 7*7 }}",
                "x" * 5000,
                "\u202e",
            ]
        )
    if kinds < 8:
        return random_.choice([None, True, False, 0, 1, -1, 10**400, 0.5, float("nan"), float("inf"), b"bytes", {}, []])
    if kinds < 10 and depth < 4:
        return [fuzzed(random_, depth + 1) for _ in range(random_.randrange(4))]
    if kinds < 12 and depth < 4:
        keys = ["role", "content", "text", "type", "score", "steps", "completions", "problem", "rating"]
        return {random_.choice(keys): fuzzed(random_, depth + 1) for _ in range(random_.randrange(4))}
    if kinds < 14:
        roles = ["user", "assistant", "system", "tool", None, 3]
        return [{"role": random_.choice(roles), "content": fuzzed(random_, 3)} for _ in range(random_.randrange(4))]
    deep = []
    for _ in range(2000):
        deep = [deep]
    return random_.choice([[0, True, None, 0.3, "1"], ["a", "", "b"], deep])


GOOD = [
    {"system": "s", "input": "i", "chosen": "c", "rejected": "r"},
    {"prompt": "p", "chosen": "c", "rejected": "r", "margin": 1},
    {
        "prompt": [{"role": "user", "content": "q"}],
        "chosen": [{"role": "assistant", "content": "a"}],
        "rejected": [{"role": "assistant", "content": "b"}],
        "tools": [],
        "chat_template_kwargs": {},
    },
    {"prompt": "p", "responses": ["a", "b"], "scores": [1, 2]},
    {"prompt": "p", "answers": [{"answer": "x", "rank": 1}, {"answer": "y", "rank": 2}]},
    {"chosen_ids": [1, 2, 3], "rejected_ids": [1, 2]},
    {"prompt": "p", "completions": ["a", "b"], "labels": [True, False]},
    {"input": "q Step 1: a ки\nStep 2: b ки", "label": "q Step 1: a +\nStep 2: b -"},
    {
        "question": {"problem": "p"},
        "label": {"steps": [{"completions": [{"text": "t", "rating": 1}], "chosen_completion": 0}]},
    },
]


@pytest.mark.parametrize("good", GOOD, ids="-".join)
def test_no_row_raises_and_every_row_is_accounted_for(chatml, good):
    random_ = random.Random(0)
    rows = []
    for i in range(1200):
        row = {**good, **{random_.choice([*good, "extra"]): fuzzed(random_) for _ in range(random_.randrange(1, 3))}}
        if random_.random() < 0.1:
            row.pop(random_.choice(list(good)), None)
        rows.append((SampleId(0, i), RowError("line 3 is not JSON") if random_.random() < 0.01 else row))
    for type_ in (None, *TYPES):
        for kind in ("pair", "steps"):
            try:
                encoder = encoder_for(
                    chatml, type_, good, kind, {"sequence_len": 64, "excess_length_strategy": "truncate"}
                )
            except FormatError:
                continue
            outcomes = encode_batch(encoder, rows)
            assert {outcome.id.row for outcome in outcomes} == set(range(len(rows)))
            for outcome in outcomes:
                assert (
                    outcome.encoding is not None if outcome.kept else outcome.refusal.reason and outcome.refusal.message
                )
                if outcome.id.row % 10 == 0:
                    token_sequences(encoder, rows[outcome.id.row][1], outcome)


ASK = {"role": "user", "content": "q"}


@pytest.mark.parametrize(
    ("row", "kind", "where"),
    [
        ({"input": "q\ud800", "chosen": "a", "rejected": "b"}, "pair", "`input` holds a lone surrogate (U+D800)"),
        ({"prompt": "q", "chosen": "a", "rejected": "b\udfff"}, "pair", "`rejected` holds"),
        (
            {"chosen": [ASK, {"role": "user", "content": "\udc00"}], "rejected": [ASK]},
            "pair",
            "`chosen.1.content` holds",
        ),
        ({"prompt": "p", "completions": ["a", "\ud83d"], "labels": [1, 0]}, "steps", "`completions.1` holds"),
    ],
)
def test_a_lone_surrogate_is_refused_with_its_column(encode, chatml, row, kind, where):
    (outcome,), _ = encode(row, tokenizer=chatml, kind=kind)
    assert where in outcome.refusal.message


def test_a_legacy_space_before_the_last_newline_is_white_space(encode):
    """SentencePiece-like tokenizers write `<|end|>` and a newline as three tokens, of which `▁` decodes to nothing."""
    vocabulary = {piece: i for i, piece in enumerate(["<unk>", "<s>", "</s>", "▁", "<0x0A>", *"abcdeqinstru|<>"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    tokenizer.decoder = decoders.Sequence(steps)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="</s>", pad_token="<s>", additional_special_tokens=["<|end|>"]
    )
    fast.chat_template = "{% for m in messages %}{{ m.content }}<|end|>\n{% endfor %}"
    row = {"input": "q", "chosen": "a", "rejected": "b"}
    (outcome,), _ = encode(row, tokenizer=fast, type_="bradley_terry.chat_template")
    assert fast.convert_ids_to_tokens(outcome.encoding.chosen_ids)[-3:] == ["<|end|>", "▁", "<0x0A>"]
    assert "eos-missing" not in {found.code for found in outcome.findings}


def test_a_row_that_the_template_refuses_says_which_side(encode, chatml):
    template = "{% if messages[-1].content == 'b' %}{{ raise_exception('No b.') }}{% endif %}{{ messages[-1].content }}"
    a, b = ({"role": "assistant", "content": text} for text in "ab")
    row = {"chosen": [ASK, a], "rejected": [ASK, b]}
    preset = {"chat_template": "jinja", "chat_template_jinja": template}
    (outcome,), _ = encode(row, tokenizer=chatml, preset=preset)
    assert outcome.refusal.reason == "template-error"
    assert outcome.refusal.message.startswith("the chat template does not take rejected: No b.")
