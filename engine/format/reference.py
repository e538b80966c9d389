"""Writes docs/formats.md: each layout with a row, what is rendered from it, and where reward and labels sit.

`python -m engine.format.reference` prints the page. The examples are encoded by the product itself, with a vocabulary
of single bytes and the chat template `chatml`.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from engine.encode.encoder import encode_batch, make_encoder
from engine.encode.encoding import MASKED, TokenSequence
from engine.encode.view import token_sequences
from engine.format.choose import choose_format
from engine.format.format import Kind
from engine.format.ranked import RULE
from engine.preset.schema import DatasetConfig, Preset
from engine.sample import SampleId


@dataclass(frozen=True, slots=True)
class Example:
    """A layout: its heading, its `type` (None: detected), what to know about it, and a row."""

    heading: str
    type: str | None
    kind: Kind
    text: str
    row: dict[str, Any]
    separator: str = "\n"


_USER = {"role": "user", "content": "2 + 2?"}
_RIGHT = {"role": "assistant", "content": "4"}
_WRONG = {"role": "assistant", "content": "5"}

EXAMPLES = (
    Example(
        "axolotl's columns",
        "bradley_terry.chat_template",
        "pair",
        "An optional system turn, the user's `input`, the assistant's answer, rendered by the chat template. Map "
        "columns with `field_system`, `field_input`, `field_chosen`, `field_rejected`, `field_margin`.",
        {"system": "Be brief.", "input": "2 + 2?", "chosen": "4", "rejected": "5"},
    ),
    Example(
        "Llama 3 text",
        "bradley_terry.llama3",
        "pair",
        "The same columns as Llama 3 text, written out without a chat template; the tokenizer adds BOS. "
        "`bradley_terry.llama3.icr` and `.load_icr` are the same. (axolotl 0.18 does not load these names.)",
        {"input": "2 + 2?", "chosen": "4", "rejected": "5"},
    ),
    Example(
        "TRL standard, explicit prompt",
        None,
        "pair",
        "Plain text: the prompt directly followed by the answer. EOS is appended where the answer does not end in it, "
        "and the tokenizer adds what it adds to any text (BOS).",
        {"prompt": "2 + 2 is ", "chosen": "4", "rejected": "5", "margin": 0.5},
    ),
    Example(
        "TRL standard, implicit prompt",
        None,
        "pair",
        "The same, with the prompt inside both sides.",
        {"chosen": "2 + 2 is 4", "rejected": "2 + 2 is 5"},
    ),
    Example(
        "TRL conversational, explicit prompt",
        None,
        "pair",
        "Messages, rendered as one conversation by the chat template. `tools` (a list of schemas, or JSON text) and "
        "`chat_template_kwargs` (an object) reach the template. Messages with other keys or roles: "
        "`message_property_mappings`, `roles`.",
        {"prompt": [_USER], "chosen": [_RIGHT], "rejected": [_WRONG]},
    ),
    Example(
        "TRL conversational, implicit prompt",
        None,
        "pair",
        "The same, with the prompt's messages inside both sides. What both begin with is the prompt. A `prompt` column "
        "of text beside whole conversations is not read; beside answers alone it becomes the user's message.",
        {"chosen": [_USER, _RIGHT], "rejected": [_USER, _WRONG]},
    ),
    Example(
        "LLaMA-Factory alpaca",
        "bradley_terry.alpaca",
        "pair",
        "`instruction` and `input` (if any), a newline between, are the user's message, rendered by the chat template. "
        "`system` and `history` (a list of [asked, answered]) come before it. Without a pinned `type` it is what rows "
        "with an `instruction` are taken for, unless `field_input` says where the message is.",
        {"instruction": "Add.", "input": "2 + 2?", "chosen": "4", "rejected": "5"},
    ),
    Example(
        "LLaMA-Factory sharegpt",
        "bradley_terry.sharegpt",
        "pair",
        "`conversations` is a list of messages with `from` and `value` (others: `message_property_mappings`, `roles`), "
        "`chosen` and `rejected` are one message each. `system` and `tools` are read where they are there.",
        {
            "conversations": [{"from": "human", "value": "2 + 2?"}],
            "chosen": {"from": "gpt", "value": "4"},
            "rejected": {"from": "gpt", "value": "5"},
        },
    ),
    Example(
        "Ranked or scored answers",
        None,
        "pair",
        f"Several answers to one prompt: {RULE}. An answer without a score gives no pair; pairs have no margin. "
        "Answers are a list (`answers`, `responses`, `completions`, `candidates`, `outputs`, `replies`) beside a list "
        "of `scores`, `ratings`, `rewards` (more is better) or `ranks` (1 is best); or objects with an entry of that "
        "name; or a list `ranked_answers`, best first.",
        {"prompt": "2 + 2 is ", "responses": ["5", "4", "four"], "scores": [0, 2, 1]},
    ),
    Example(
        "Already tokenised",
        None,
        "pair",
        "`chosen_ids` and `rejected_ids`, or `chosen_input_ids` and `rejected_input_ids`: the ids are taken as given.",
        {"chosen_ids": [17, 10, 17, 28, 19], "rejected_ids": [17, 10, 17, 28, 20]},
    ),
    Example(
        "Stepwise, plain text",
        "stepwise_supervised",
        "steps",
        "BOS if the tokenizer has one, the prompt, then each step and the separator, each tokenised on its own. The "
        "label sits at the separator's last token. `step_separator`, `max_completion_length` (cuts the steps together) "
        "and `train_on_last_step_only` (training rows only) are honoured. Labels are true, false, 0, 1, a probability, "
        "or null for a step that was not judged.",
        {"prompt": "2 + 2?", "completions": ["Add.", "It is 5."], "labels": [True, False]},
    ),
    Example(
        "Stepwise, in the chat template",
        "stepwise_supervised.chat_template",
        "steps",
        "The steps, each followed by the separator, are the assistant's turn; the whole is rendered and tokenised "
        "once. The label sits at the token that holds the separator's last character (with `step_separator: "
        "<extra_0>`, that token itself, as Qwen's process reward models have it; add it under `tokens` where the "
        "vocabulary lacks it). The prompt is text, with an optional `system` column, or a list of messages.",
        {"prompt": "2 + 2?", "completions": ["Add.", "It is 5."], "labels": [True, False]},
        "<extra_0>",
    ),
    Example(
        "Raw Math-Shepherd",
        None,
        "steps",
        '`input` holds question and steps, each step ended by "ки"; `label` is the same text with + or - there. The '
        'question ends where "Step 1:" begins. The marker is taken out, and white space around steps.',
        {
            "input": "2 + 2? Step 1: Add. ки\nStep 2: It is 5. ки",
            "label": "2 + 2? Step 1: Add. +\nStep 2: It is 5. -",
        },
    ),
    Example(
        "Raw PRM800K",
        None,
        "steps",
        "`question.problem`, and `label.steps` with the completions tried at each. A rating of 1 is right, -1 wrong; 0 "
        "(neutral) and null are masked. Each completion that was not gone on with ends a sample of its own, after the "
        "steps chosen before it; the chosen steps together are the last.",
        {
            "question": {"problem": "2 + 2?"},
            "label": {
                "steps": [
                    {"completions": [{"text": "Add.", "rating": 1}], "chosen_completion": 0},
                    {"completions": [{"text": "It is 5.", "rating": -1}], "chosen_completion": None},
                ]
            },
        },
    ),
)

_HEAD = """\
# Formats

How a row becomes what the model is fed. `type:` in a data set pins the format; without it (or with plain
`bradley_terry`) the layout is detected from the columns and the first rows, and `preview`, `check` and the screen say
which one was found and why.

This page is made by `python -m engine.format.reference`: the examples are encoded by the product, with the chat
template `chatml` and a vocabulary of single bytes. `▲` follows the token where a pair's reward is read, `⟨1⟩` a token
that carries a step's label, `⏎` stands for a newline.
"""

_TAIL = """\
## Where we differ from axolotl and TRL

Where the peers do what they document, the ids are theirs, one for one (`tests/oracle` holds what they gave). We differ
here, and each time the row says so with a finding or a refusal:

1. `system` missing or null is no system turn (axolotl fails); empty is none either (axolotl renders an empty one;
   finding `empty-system`). In conversations an empty system message stays, as in TRL.
2. Where the template refuses a system role (Gemma), the system text goes before the first user message, a blank line
   between (`system-merged`); `drop_system_message: true` leaves it out (`system-dropped`). The peers fail.
3. The full conversation is rendered and tokenised once. axolotl takes the generation prompt's tokens and then the full
   render's from that count on, which overwrites the answer's head where the one is not the head of the other: with
   templates that open `<think>`, or where the answer's first newline merges with the template's (`template-splice`).
4. Over-long pairs: `excess_length_strategy` `drop` (default; `too-long`), `truncate` (right-cut, axolotl's ids),
   `truncate_prompt` (the same number of tokens is cut from the beginning of both sides, so that answers stay whole and
   what was shared stays shared; dropped if the answers alone do not fit), or `raise`. Pairs that are the same tokens,
   before the cut or after, are never trained on (`identical-pair`, `identical-after-truncation`).
5. Steps and labels that differ in number (`label-count`), and labels that are not 0, 1, true, false, a probability or
   null (`label-value`; text such as "1" is none) refuse the row. Probabilities stay soft (`soft-label`); peers floor
   them. Null is masked.
6. A row of steps without a label left is dropped (`no-labels`); peers train on it at loss 0.
7. `train_on_last_step_only` applies to training rows only. axolotl reads none of the three knobs of steps; we do.
8. An empty step with an empty separator has no token for its label (`empty-step`); TRL's labels get out of step.
9. A margin that is null, or no finite number, refuses the row, and so does a null `chat_template_kwargs`: TRL loses the
   file, or fails later. Rows without the margin's column keep no margin. Where the first rows have such a column and
   it is null in each of them (at least two), as in a Parquet file that has the column and no values, it is taken as
   not there: a null is no margin then, and refuses no row.
10. A message without content refuses the row unless it calls tools; TRL trains on what the template makes of it.
11. A lone surrogate is no text that a tokenizer can read: the row is refused (`encoding-suspect`), the file stands.
12. `input_ids` in a row of steps is not read: TRL takes it in place of the steps.
13. A missing padding token is a token that ends no text, where the vocabulary has one, and EOS only where it has none
    (`pad-is-eos`): the model finds the reward's token by looking for padding.

Chat templates are rendered as transformers renders them, in its sandbox, within bounds: 3 million loop rounds and
calls, 10 seconds, 64 million characters. A row that its template refuses is refused with the template's words
(`template-error`).
"""


def page() -> str:
    """The whole page, as Markdown."""
    tokenizer = _byte_tokenizer()
    sections = ["\n".join(_section(example, tokenizer)) for example in EXAMPLES]
    return "\n".join([_HEAD, *sections, _TAIL])


def _section(example: Example, tokenizer: PreTrainedTokenizerBase) -> Iterator[str]:
    config = DatasetConfig(path="example.jsonl", step_separator=example.separator)
    format_ = choose_format(example.type, list(example.row), [example.row], config, example.kind)
    preset = Preset.model_construct(sequence_len=4096, chat_template="chatml")
    encoder = make_encoder(preset, config, tokenizer, format_)
    name = f"`type: {format_.name}`" if example.type else f"detected: {format_.reason}"
    yield f"## {example.heading}\n\n{name}\n\n{example.text}\n"
    if example.separator != "\n":
        yield f"With `step_separator: {example.separator}`:\n"
    yield f"```json\n{json.dumps(example.row, ensure_ascii=False)}\n```\n```text"
    for encoded in encode_batch(encoder, [(SampleId(0, 0), example.row)]):
        names = ("chosen  ", "rejected") if example.kind == "pair" else ("steps   ",)
        for name, sequence in zip(names, token_sequences(encoder, example.row, encoded), strict=True):
            yield f"{name} {_shown(sequence)}"
    yield "```\n"


def _shown(sequence: TokenSequence) -> str:
    text = ""
    for i, piece in enumerate(sequence.pieces):
        text += piece.replace("\n", "⏎")
        if sequence.labels[i] != MASKED:
            text += f"⟨{sequence.labels[i]:g}⟩"
        if i == sequence.pooled:
            text += "▲"
    return text


def _byte_tokenizer() -> PreTrainedTokenizerBase:
    alphabet = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(alphabet, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["<|im_start|>", "<extra_0>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|pad|>", additional_special_tokens=specials
    )


if __name__ == "__main__":
    sys.stdout.write(page())
