# ruff: noqa: E501 (templates are easier to read on one line)
"""What is shown is what is trained: the view's tokens, cut, are encode's, and each knows where it came from."""

from copy import deepcopy

import pytest
from tokenizers import normalizers

from engine.encode.encoder import encode_batch, make_encoder
from engine.encode.encoding import MASKED, Part
from engine.encode.view import token_sequences
from engine.format.choose import choose_format
from engine.preset.schema import DatasetConfig, Preset
from engine.sample import SampleId

ROW = {"system": "Be brief.", "input": "user", "chosen": "👍🏽 你好 é", "rejected": " No.\n"}


def look(row, tokenizer, type_=None, kind="pair", preset=None, dataset=None):
    config = DatasetConfig(path="rows.jsonl", **(dataset or {}))
    format_ = choose_format(type_, list(row), [row], config, kind)
    encoder = make_encoder(
        Preset.model_construct(**{"sequence_len": 512, **(preset or {})}), config, tokenizer, format_
    )
    (encoded,) = encode_batch(encoder, [(SampleId(0, 0), row)])
    return encoded, token_sequences(encoder, row, encoded)


def part_text(sequence, part, step=-1):
    """The text of a part, put together from its tokens; tokens that share a character count once."""
    places = {
        (start, end)
        for start, end, p, s in zip(sequence.starts, sequence.ends, sequence.parts, sequence.steps, strict=True)
        if p is part and s == step
    }
    return "".join(sequence.text[start:end] for start, end in sorted(places))


def value_at(row, path):
    for key in path.split("."):
        row = row[int(key)] if isinstance(row, list) else row[key]
    return row if isinstance(row, str) else "".join(part["text"] for part in row)


def assert_origins(row, sequence):
    """Each token of the row's own text is the text that stands there in the row."""
    for i, field in enumerate(sequence.fields):
        if field:
            piece = sequence.text[sequence.starts[i] : sequence.ends[i]]
            source = value_at(row, field)[sequence.field_starts[i] :]
            heads = (source[:n] for n in range(1, len(piece)))  # a token may begin before the text, or end after it
            assert source.startswith(piece) or piece.startswith(source) or any(piece.endswith(head) for head in heads)


def assert_shown_is_trained(encoded, sequences):
    if hasattr(encoded.encoding, "input_ids"):
        trained = [encoded.encoding.input_ids]
        (shown,) = sequences
        assert shown.labels[shown.kept_start : shown.kept_end] == encoded.encoding.labels
    else:
        trained = [encoded.encoding.chosen_ids, encoded.encoding.rejected_ids]
        pooled = (encoded.encoding.chosen_pooled, encoded.encoding.rejected_pooled)
        assert [s.pooled - s.kept_start for s in sequences] == list(pooled)
    assert [s.ids[s.kept_start : s.kept_end] for s in sequences] == trained
    for sequence in sequences:
        columns = (sequence.pieces, sequence.starts, sequence.ends, sequence.parts, sequence.labels, sequence.fields)
        assert {len(column) for column in columns} == {len(sequence.ids)}


def test_every_recorded_row_is_shown_as_it_is_trained(oracle):
    shown = 0
    for rows, type_, kind in (
        ("bt_axolotl", "bradley_terry.chat_template", "pair"),
        ("bt_axolotl", "bradley_terry.llama3", "pair"),
        ("bt_trl", "bradley_terry", "pair"),
        ("prm", "stepwise_supervised", "steps"),
        ("prm", "stepwise_supervised.chat_template", "steps"),
    ):
        for name in ("toy-chatml", "toy-llama3"):
            for limit, strategy in ((512, None), (48, "truncate"), (60, "truncate_prompt")):
                config = DatasetConfig(path="rows.jsonl")
                settings = Preset.model_construct(sequence_len=limit, excess_length_strategy=strategy)
                for raw in oracle.rows(rows):
                    row = {column: value for column, value in raw.items() if column != "_id"}
                    columns = [*oracle.columns[rows], *row]
                    format_ = choose_format(type_, columns, [row], config, kind)
                    encoder = make_encoder(settings, config, oracle.tokenizer(name), format_)
                    (encoded,) = encode_batch(encoder, [(SampleId(0, 0), row)])
                    if encoded.encoding is not None:
                        sequences = token_sequences(encoder, row, encoded)
                        assert_shown_is_trained(encoded, sequences)
                        for sequence in sequences:
                            assert_origins(row, sequence)
                        shown += 1
    assert shown > 700


def test_parts_of_a_pair(chatml):
    encoded, (chosen, rejected) = look(ROW, chatml, "bradley_terry.chat_template")
    assert_shown_is_trained(encoded, (chosen, rejected))
    assert part_text(chosen, Part.SYSTEM) == "Be brief."
    assert part_text(chosen, Part.USER) == "user"  # the content, not the role's name before it
    assert part_text(chosen, Part.ANSWER) == ROW["chosen"]
    assert part_text(rejected, Part.ANSWER).strip() == "No."
    at = chosen.parts.index(Part.USER)
    assert (chosen.fields[at], chosen.field_starts[at]) == ("input", 0)
    assert [chosen.pieces[i] for i in range(len(chosen.ids)) if chosen.special[i]][:2] == ["<|im_start|>", "<|im_end|>"]


def test_bytes_of_one_character_share_its_span(chatml):
    _, (chosen, _) = look(ROW, chatml, "bradley_terry.chat_template")
    emoji = chosen.text.index("👍")
    sharing = [i for i, (s, e) in enumerate(zip(chosen.starts, chosen.ends, strict=True)) if s <= emoji < e]
    assert len(sharing) > 1
    assert all(chosen.parts[i] is Part.ANSWER for i in sharing)
    assert chosen.pieces[sharing[1]].startswith("<0x")


def test_an_accent_that_normalisation_joins_to_its_letter_stays_with_it(chatml):
    tokenizer = deepcopy(chatml)
    tokenizer.backend_tokenizer.normalizer = normalizers.NFC()
    _, (chosen, _) = look(ROW | {"chosen": "cafe\u0301"}, tokenizer)
    end = chosen.text.index("\u0301") + 1
    after = next(i for i, start in enumerate(chosen.starts) if start >= end)
    assert chosen.special[after]
    assert chosen.pieces[after] == chosen.text[end : chosen.ends[after]]
    assert part_text(chosen, Part.ANSWER) == "cafe\u0301"


def test_a_stripped_content_is_found_where_the_template_put_it(llama3):
    row = {**ROW, "input": "  spaced  ", "chosen": "\n\tYes. \n"}
    _, (chosen, _) = look(row, llama3, "bradley_terry.chat_template")
    assert part_text(chosen, Part.ANSWER) == "Yes."
    at = chosen.parts.index(Part.ANSWER)
    assert (chosen.fields[at], chosen.field_starts[at]) == ("chosen", 2)


def test_a_merged_system_text_is_still_the_systems(chatml):
    refusing = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
    row = {**ROW, "system": "Be.\n\nBrief.", "input": "Hi"}
    _, (chosen, _) = look(row, chatml, "bradley_terry.chat_template", preset={"chat_template_jinja": refusing})
    assert "Be.\n\nBrief.\n\nHi" in chosen.text
    fields = {field for field, part in zip(chosen.fields, chosen.parts, strict=True) if part is Part.SYSTEM}
    assert fields == {"system"}
    assert part_text(chosen, Part.USER).endswith("Hi")


def test_conversations_know_their_messages(chatml):
    row = {
        "chosen": [
            {"role": "user", "content": "One?"},
            {"role": "assistant", "content": "1"},
            {"role": "user", "content": "Two?"},
            {"role": "assistant", "content": "2"},
        ],
        "rejected": [
            {"role": "user", "content": "One?"},
            {"role": "assistant", "content": "1"},
            {"role": "user", "content": "Two?"},
            {"role": "assistant", "content": "3"},
        ],
    }
    _, (chosen, rejected) = look(row, chatml)
    assert part_text(chosen, Part.ASSISTANT) == "1"
    assert (part_text(chosen, Part.ANSWER), part_text(rejected, Part.ANSWER)) == ("2", "3")
    assert chosen.fields[chosen.parts.index(Part.ANSWER)] == "chosen.3.content"


def test_plain_text_has_prompt_and_answer(llama3):
    row = {"prompt": "The sky is ", "chosen": "blue", "rejected": "green"}
    _, (chosen, _) = look(row, llama3)
    assert part_text(chosen, Part.PROMPT) + part_text(chosen, Part.ANSWER) == "The sky is blue"
    assert chosen.parts[0] is Part.TEMPLATE  # BOS
    assert chosen.parts[-1] is Part.TEMPLATE  # EOS
    assert chosen.pieces[0] == "<|begin_of_text|>"


@pytest.mark.parametrize("type_", ["stepwise_supervised", "stepwise_supervised.chat_template"])
@pytest.mark.parametrize("separator", ["\n", "<|im_end|>", " ки", "<extra_0>"])
def test_steps_carry_their_labels_at_the_end_of_their_separators(chatml, type_, separator):
    row = {"prompt": "What is 2 + 2?", "completions": ["Add", "So 4", "Done"], "labels": [True, None, 0.25]}
    encoded, (shown,) = look(row, chatml, type_, "steps", dataset={"step_separator": separator})
    assert_shown_is_trained(encoded, (shown,))
    labelled = {i: label for i, label in enumerate(shown.labels) if label != MASKED}
    assert list(labelled.values()) == [1, 0.25]
    for token, step in zip(labelled, (0, 2), strict=True):
        end = shown.ends[token]
        assert shown.text[:end].endswith(row["completions"][step] + separator)
        assert shown.steps[token] == step
    for i, step in enumerate(row["completions"]):
        assert part_text(shown, Part.STEP, i) == step
        assert part_text(shown, Part.SEPARATOR, i) == separator


def test_a_separator_that_the_template_strips_leaves_the_label_on_the_step(llama3):
    row = {"prompt": "2 + 2?", "completions": ["Add", "So 4"], "labels": [True, False]}
    encoded, (shown,) = look(row, llama3, "stepwise_supervised.chat_template", "steps")
    assert [label for label in encoded.encoding.labels if label != MASKED] == [1, 0]
    last = max(i for i, label in enumerate(shown.labels) if label != MASKED)
    assert shown.text[: shown.ends[last]].endswith("So 4")


def test_given_token_ids_are_shown_as_they_decode(chatml):
    row = {"chosen_ids": chatml.encode("What is 4?"), "rejected_ids": chatml.encode("What is 5!")}
    encoded, (chosen, _) = look(row, chatml)
    assert_shown_is_trained(encoded, (chosen, _))
    assert chosen.text == "What is 4?"


def test_a_refused_row_without_tokens_shows_nothing(chatml):
    encoded, sequences = look({**ROW, "chosen": None}, chatml, "bradley_terry.chat_template")
    assert encoded.refusal.reason == "missing-field"
    assert sequences == ()
