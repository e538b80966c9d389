"""Every finding's code, in one table: how grave it is, what it means, what to do about it.

Whoever attaches a finding to a row takes it from here with `finding`, so that a code has one severity everywhere.
`docs/checks.md` is generated from this table (`python -m engine.check.reference`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from engine.finding import Finding, Severity

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

Scope = Literal["row", "data set", "setup"]


@dataclass(frozen=True, slots=True)
class Code:
    """One thing a check can say.

    `scope` is what it speaks of: a row, the data set as a whole, or the set-up (tokenizer, template, preset), in which
    case it holds for every row alike. `title` is one line for a list, `meaning` and `advice` are sentences for a
    person, `example` the row or rows that show it, as JSON lines, or a few words where that takes more than a row.
    """

    name: str
    severity: Severity
    scope: Scope
    title: str
    meaning: str
    advice: str
    example: str


_TABLE: tuple[Code, ...] = (
    # --- the row cannot be read as the format says
    Code(
        "unreadable-row",
        ERROR,
        "row",
        "a line is not a row",
        "The line is not JSON, or is JSON but not an object. It costs itself only: the other rows stand.",
        "Mend the line, whose file and number the message gives, or take it out.",
        '{"input": "What is 2 + 2?", "chosen": "4", "rejec',
    ),
    Code(
        "missing-field",
        ERROR,
        "row",
        "a column that the format reads is absent or null",
        "The row has no value where the format needs one, so no sample can be made of it.",
        "Map the fields in the preset if the columns have other names; else fill the value in, or drop the row.",
        '{"input": "What is 2 + 2?", "chosen": "4"}',
    ),
    Code(
        "wrong-type",
        ERROR,
        "row",
        "a value has another type than the format reads",
        "For example text where a list of steps is due: peers split such text into characters, and train on them.",
        "Write the column in the type that the message names.",
        '{"prompt": "2 + 2?", "completions": "It is 4.", "labels": [true]}',
    ),
    Code(
        "empty-prompt",
        WARNING,
        "row",
        "the prompt is empty",
        "The two answers are compared, or the steps judged, without a question.",
        "Look for the column that holds the prompt, and map it; drop the row if there is none.",
        '{"input": "", "chosen": "4", "rejected": "5"}',
    ),
    # --- pairs
    Code(
        "identical-pair",
        WARNING,
        "row",
        "chosen and rejected are the same",
        "The loss of such a pair is ln 2 whatever the model learns; peers train on it without a word.",
        "Drop the row at its source, or look for what went wrong when the pairs were made.",
        '{"input": "What is 2 + 2?", "chosen": "4", "rejected": "4"}',
    ),
    Code(
        "identical-after-truncation",
        WARNING,
        "row",
        "all that differs was cut away",
        "Chosen and rejected differ only beyond `sequence_len`; what is left of them is the same. Never trained on.",
        "Raise `sequence_len`, or set `excess_length_strategy: truncate_prompt`, which cuts the prompt's head.",
        "a prompt of 600 tokens with `sequence_len: 512` and `excess_length_strategy: truncate`",
    ),
    Code(
        "too-long",
        WARNING,
        "row",
        "longer than `sequence_len`, and dropped",
        "With `excess_length_strategy: drop` a sample that does not fit is left out of training.",
        "Raise `sequence_len`, or cut instead of dropping: `excess_length_strategy`.",
        "an answer of 900 tokens with `sequence_len: 512`",
    ),
    Code(
        "truncated",
        WARNING,
        "row",
        "cut to `sequence_len`",
        "Part of the sample is not seen by the model.",
        "Raise `sequence_len`, or set `excess_length_strategy: drop` to leave such rows out.",
        "an answer of 900 tokens with `sequence_len: 512` and `excess_length_strategy: truncate`",
    ),
    Code(
        "answer-cut",
        WARNING,
        "row",
        "the reward is read in the middle of an answer",
        "The cut went through the answer, so the pooled token is not its end: the model judges a fragment.",
        "Raise `sequence_len`, or set `excess_length_strategy: truncate_prompt` to keep answers whole.",
        "an answer of 900 tokens with `sequence_len: 512` and `excess_length_strategy: truncate`",
    ),
    Code(
        "template-splice",
        INFO,
        "row",
        "the generation prompt is not the head of the full render",
        "The template writes something else before the answer when it prompts than when it renders the whole, or the "
        "answer's first token merges with the template's last. Peers cut by token count there and overwrite the "
        "answer's head; here the full render is taken, tokenised once.",
        "Nothing to do here. To train the same tokens elsewhere, choose a template without a prefilled `<think>`.",
        '{"input": "Hi", "chosen": "\\nHello", "rejected": "Go"}',
    ),
    Code(
        "prompt-repeated",
        WARNING,
        "row",
        "the answers begin with the prompt again",
        "`prompt` is given, and both answers hold it once more at their head: the model reads it twice.",
        "Take the prompt out of the answers, or drop the prompt column if the answers are whole conversations.",
        '{"prompt": "What is 2 + 2?", "chosen": "What is 2 + 2? 4", "rejected": "What is 2 + 2? 5"}',
    ),
    Code(
        "prompt-ignored",
        WARNING,
        "row",
        "a column that the format does not read holds the prompt",
        "The format takes its prompt from elsewhere, or has none, and a column like `question` is unused.",
        "Map the column in the preset, or rename it to the one that the format reads.",
        '{"question": "What is 2 + 2?", "chosen": "4", "rejected": "5"}',
    ),
    Code(
        "context-differs",
        WARNING,
        "row",
        "the two sides answer different prompts",
        "What comes before the answers is not the same in chosen and rejected, so the pair compares two questions.",
        "Look at how the pairs were joined. Sides must share everything up to the last assistant turn.",
        '{"chosen": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}], '
        '"rejected": [{"role": "user", "content": "2 + 3?"}, {"role": "assistant", "content": "6"}]}',
    ),
    Code(
        "ends-on-user",
        WARNING,
        "row",
        "a side's last message is not the assistant's",
        "There is no answer to score: the reward is read after a user turn.",
        "Drop the last turn or the row; in a mapped layout check which roles count as the assistant.",
        '{"chosen": [{"role": "user", "content": "Hi"}], "rejected": [{"role": "user", "content": "Hello"}]}',
    ),
    Code(
        "empty-answer",
        WARNING,
        "row",
        "an answer has no text",
        "The answer is empty or white space only: the reward is read from the template alone.",
        "Drop the row, unless silence is what you want judged.",
        '{"input": "What is 2 + 2?", "chosen": "4", "rejected": ""}',
    ),
    Code(
        "glued-text",
        WARNING,
        "row",
        "no space between prompt and answer",
        "In a plain-text layout the two are joined as they stand, and the last word of one runs into the next.",
        "End the prompt with a space or newline, or begin the answers with one.",
        '{"prompt": "The sky is", "chosen": "blue", "rejected": "green"}',
    ),
    Code(
        "no-pair",
        WARNING,
        "row",
        "no two answers of a ranked row differ",
        "Pairs are made of a better and a worse answer; where all are of one rank or score, or fewer than two have "
        "one, there is none to make. The row is dropped.",
        "Nothing to do if the ties are meant; else look at how the answers were scored.",
        '{"prompt": "2 + 2 is ", "responses": ["4", "four"], "scores": [1, 1]}',
    ),
    Code(
        "margin-missing",
        WARNING,
        "data set",
        "some rows have a margin and others do not",
        "Rows without the column are trained with margin 0, so that the same difference means two things; a row whose "
        "margin is null is refused (`missing-field`). A column that is null in all of the first rows is no margin.",
        "Fill the margin in everywhere, or take the column out.",
        '{"prompt": "Say a", "chosen": "a", "rejected": "b", "margin": 1.5}\n'
        '{"prompt": "Say c", "chosen": "c", "rejected": "d"}',
    ),
    # --- what the tokenizer and the template do
    Code(
        "pad-is-eos",
        WARNING,
        "setup",
        "the padding token is the end-of-text token",
        "The model finds the end of a sequence by its last token that is not padding; where that is also the end "
        "token, the reward would be read one token early, in full rows and not in cut ones.",
        "Set `special_tokens: {pad_token: ...}` to a token that never ends a text.",
        "a Llama tokenizer without a pad token of its own",
    ),
    Code(
        "pooled-on-whitespace",
        INFO,
        "setup",
        "the reward is read at white space",
        "The template writes a newline after the end-of-turn token, and that newline is the last token.",
        "Harmless as long as scoring renders the same; a template that ends at the end-of-turn token is cleaner.",
        "`chatml`, which ends every turn in `<|im_end|>` and a newline",
    ),
    Code(
        "bos-doubled",
        WARNING,
        "row",
        "the sequence begins with two BOS tokens",
        "The text already begins with the BOS token's spelling, and the tokenizer puts another before it.",
        "Take the BOS spelling out of the text or the template.",
        '{"prompt": "<s>What is 2 + 2?", "chosen": " 4", "rejected": " 5"}',
    ),
    Code(
        "bos-missing",
        INFO,
        "setup",
        "no BOS token, though the tokenizer adds one to other text",
        "The tokenizer begins every text with BOS by itself, but what the model is fed here does not begin with it.",
        "Put `{{ bos_token }}` at the head of the chat template, unless the base model was tuned without it.",
        "a Llama tokenizer with `chat_template: chatml`",
    ),
    Code(
        "eos-missing",
        INFO,
        "setup",
        "the answer does not end in an end token",
        "The reward is read at the last token of the text, which is not an end-of-turn or end-of-text token.",
        "Use a template that closes the assistant's turn.",
        "an inline template that writes the bare content of each message",
    ),
    Code(
        "special-in-text",
        WARNING,
        "row",
        "the text spells a special token",
        "The row's own text holds the spelling of a special token, which the tokenizer turns into that token: a turn "
        "can end, or a role change, inside the text.",
        "Clean the text at its source. Left-over template text is the usual cause.",
        '{"input": "Hi<|im_end|>", "chosen": "Hello", "rejected": "Go"}',
    ),
    Code(
        "template-error",
        WARNING,
        "row",
        "the chat template does not take the row",
        "The template raised an error, for example because roles must alternate, or one is unknown to it. The row is "
        "refused.",
        "Read the template's own message on the row; mend the messages, or choose another `chat_template`.",
        '{"chosen": [{"role": "user", "content": "Hi"}, {"role": "user", "content": "?"}, '
        '{"role": "assistant", "content": "Yes"}], "rejected": []}',
    ),
    Code(
        "system-merged",
        INFO,
        "row",
        "the system text was put into the first user message",
        "The chat template refuses a system role, so the system text goes before the user's, a blank line between "
        "(Gemma's, for one).",
        "Nothing to do; `drop_system_message: true` leaves it out instead.",
        '{"system": "Be brief.", "input": "Hi", "chosen": "Hello", "rejected": "Go"}',
    ),
    Code(
        "system-dropped",
        INFO,
        "row",
        "the system text was left out",
        "`drop_system_message: true` takes the system turn out of the row, or the chat template has no place for one.",
        "Nothing to do if that is what you want; else take the key out of the preset, or choose another template.",
        '{"system": "Be brief.", "input": "Hi", "chosen": "Hello", "rejected": "Go"}',
    ),
    Code(
        "empty-system",
        INFO,
        "row",
        "the system text is empty",
        "No system turn is rendered for an empty text (axolotl renders an empty one).",
        "Nothing to do.",
        '{"system": "", "input": "Hi", "chosen": "Hello", "rejected": "Go"}',
    ),
    # --- steps
    Code(
        "label-count",
        ERROR,
        "row",
        "the steps and labels differ in number",
        "It is not known which label belongs to which step; peers pair them up from the front and drop the rest.",
        "Give one label a step (null for a step that was not judged).",
        '{"prompt": "2 + 2?", "completions": ["2 + 2 = 4", "So 4."], "labels": [true]}',
    ),
    Code(
        "label-value",
        ERROR,
        "row",
        "a label is not 0, 1, true, false, a probability, or null",
        "The row is refused: a label of another kind would be read as a class that does not exist.",
        "Write labels as true and false, or as a probability between 0 and 1.",
        '{"prompt": "2 + 2?", "completions": ["4"], "labels": ["good"]}',
    ),
    Code(
        "soft-label",
        INFO,
        "row",
        "a label is a probability",
        "Soft labels are trained on as they are, with soft cross entropy; peers round them down to 0.",
        "Nothing to do.",
        '{"prompt": "2 + 2?", "completions": ["4"], "labels": [0.9]}',
    ),
    Code(
        "labels-cut",
        WARNING,
        "row",
        "some step labels were cut away",
        "The steps beyond the cut carry no loss. A wrong last step may be what the row was there to show.",
        "Raise `sequence_len` or `max_completion_length`.",
        "a trace of 900 tokens with `sequence_len: 512`",
    ),
    Code(
        "no-labels",
        WARNING,
        "row",
        "no step label is left",
        "Every label is null or was cut away, so the row would be trained on at loss 0. It is dropped.",
        "Raise `sequence_len`; drop rows without a judged step.",
        '{"prompt": "2 + 2?", "completions": ["4"], "labels": [null]}',
    ),
    Code(
        "separator-doubled",
        WARNING,
        "row",
        "a step already ends in the separator",
        "The separator is written after every step, so the model reads it twice, and the label sits on the second.",
        "Strip the separator from the ends of the steps.",
        '{"prompt": "2 + 2?", "completions": ["2 + 2 = 4\\n", "So 4."], "labels": [true, true]}',
    ),
    Code(
        "separator-missing",
        WARNING,
        "setup",
        "the tokenizer has no token for the step separator",
        "The model cannot see where a step ends, and the label sits on the step's last word. Tokenizers like BERT's "
        "leave line breaks out.",
        "Set `step_separator` to a token of the tokenizer, such as its `[SEP]`.",
        "a BERT tokenizer and the usual separator, a line break",
    ),
    Code(
        "separator-merged",
        INFO,
        "row",
        "step and separator would be other tokens if tokenised together",
        "Each piece is tokenised on its own, as peers do. Text tokenised as a whole when scoring gives other tokens.",
        "Tokenise in pieces when you score too, or choose a separator that is a token of its own.",
        '{"prompt": "2 + 2?", "completions": ["4.\\n"], "labels": [true]}',
    ),
    Code(
        "separator-in-step",
        INFO,
        "row",
        "a step holds the separator inside",
        "The separator no longer tells where a step ends: at scoring time the text would be split into more steps.",
        "Choose a separator that does not occur in the steps, or split the step.",
        '{"prompt": "2 + 2?", "completions": ["2 + 2\\n= 4"], "labels": [true]}',
    ),
    Code(
        "empty-step",
        WARNING,
        "row",
        "a step has no text",
        "There is nothing between two separators, and yet a label to learn.",
        "Drop the step together with its label.",
        '{"prompt": "2 + 2?", "completions": ["2 + 2 = 4", ""], "labels": [true, true]}',
    ),
    Code(
        "one-class",
        INFO,
        "row",
        "all labels of the row are alike",
        "Usual for a right answer. It matters for the data set: without both classes there is nothing to tell apart.",
        "Nothing to do for a row. If it holds for the data set, look for the column or the rule that made the labels.",
        '{"prompt": "2 + 2?", "completions": ["2 + 2 = 4", "So 4."], "labels": [true, true]}',
    ),
    Code(
        "left-out",
        INFO,
        "row",
        "named in the file that `leave_out` names",
        "The preset's `leave_out` file lists the row, so it is dropped, whatever else could be said of it.",
        "Nothing to do if that is what you want; else take the row out of that file.",
        "a row that a run fought with, written there by `rm-workbench runs rows`",
    ),
    # --- the data set as a whole
    Code(
        "nothing-to-train",
        ERROR,
        "data set",
        "no row reaches training",
        "Every row was refused or dropped; the ledger says why.",
        "Start with the most frequent reason of the ledger.",
        "a data set whose columns are not those of its `type`",
    ),
    Code(
        "nothing-to-evaluate",
        ERROR,
        "data set",
        "no held-out row can be evaluated on",
        "The preset asks for an evaluation, and every held-out row was refused or dropped: training would not begin.",
        "Start with the most frequent reason of the ledger's eval rows, or train without an evaluation: take out "
        "`test_datasets` or `val_set_size`.",
        "`test_datasets` of another layout than the training data",
    ),
    Code(
        "duplicate-row",
        WARNING,
        "data set",
        "the same sample more than once",
        "The same prompt with the same answers, or the same steps with the same labels, stands in several rows.",
        "Set `dataset_exact_deduplication: true`, or drop the copies, unless the weight is meant.",
        "two rows that are equal in all that the format reads",
    ),
    Code(
        "conflicting-pair",
        WARNING,
        "data set",
        "two rows say the opposite of each other",
        "A is chosen over B in one row and B over A in another, or the same steps carry other labels.",
        "Keep the majority, or drop both: together they teach nothing.",
        '{"input": "q", "chosen": "A", "rejected": "B"}\n{"input": "q", "chosen": "B", "rejected": "A"}',
    ),
    Code(
        "eval-leak",
        WARNING,
        "data set",
        "rows of the evaluation set are in the training set",
        "The same prompt or sample is in both, so that the evaluation measures memory. A prompt that a great many rows "
        "share is an instruction, and does not count.",
        "Split by prompt, not by row. Take the prompts of the evaluation set out of the training set.",
        "one prompt with four pairs, three in train and one in eval",
    ),
    Code(
        "length-shortcut",
        WARNING,
        "data set",
        "the length of the answers alone predicts the choice",
        "Always choosing the longer (or the shorter) answer is right in far more than half of the pairs. A model can "
        "learn that and look good.",
        "Compare the trained model's accuracy with this baseline; balance the lengths, or report accuracy on pairs of "
        "like length.",
        "a data set in which 80 % of the chosen answers are the longer ones",
    ),
    Code(
        "lexical-shortcut",
        WARNING,
        "data set",
        "a word or phrase alone tells chosen from rejected",
        "It occurs on one side only in many pairs, and nearly always on the same side: the model can learn the phrase "
        "instead of the quality.",
        "Look at the rows. If the phrase is an artefact of how one side was made, take it out of both.",
        'every rejected answer begins with "As an AI language model"',
    ),
    Code(
        "prompts-apart",
        WARNING,
        "data set",
        "rows of one prompt train apart from each other",
        "Rows of one batch that share a prompt have its tokens computed once. Shuffled row by row, ranked answers and "
        "traces of one prompt seldom meet in a batch, and the prompt is computed for each of them.",
        "Set `shuffle_by: prompt`, which shuffles prompts and keeps their rows together; or raise `micro_batch_size`.",
        "eight traces a prompt with `micro_batch_size: 8`",
    ),
    Code(
        "encoding-suspect",
        WARNING,
        "row",
        "the text looks badly decoded, or holds control characters",
        "Mojibake, replacement characters, terminal escapes, control characters, NUL or lone surrogates. The model is "
        "fed them as they are; the screen shows them neutralised.",
        "Decode the source as UTF-8; strip control characters.",
        '{"input": "Itâ€™s late", "chosen": "Yes", "rejected": "No"}',
    ),
    Code(
        "invisible-text",
        INFO,
        "row",
        "the text holds characters that a reader does not see",
        "Spaces and joiners of no width, byte order marks, controls that reverse the order of reading, tags. To the "
        "model they are tokens like others: texts that look alike are not, and a person who judged the answers saw "
        "something else. What a script or an emoji needs (Persian, Hindi, Thai, right-to-left text, families, flags) "
        "is not counted. The screen shows each as its code point.",
        "Strip them from the source, unless they are the matter itself.",
        '{"input": "Is 2 prime?", "chosen": "Yes.\\u200b", "rejected": "No."}',
    ),
)

CODES: Mapping[str, Code] = {code.name: code for code in _TABLE}
"""The table by name, in the order of the documentation."""


def finding(code: str, message: str = "") -> Finding:
    """A finding with the table's severity; `message` says what and where in this row (default: the code's title).

    KeyError for a code that is not in the table.
    """
    entry = CODES[code]
    return Finding(code, entry.severity, message or entry.title)


def advice(code: str) -> str:
    """What to do about `code`; empty for a code that is not in the table."""
    return CODES[code].advice if code in CODES else ""


def gravest_first(codes: Iterable[str]) -> list[str]:
    """`codes` by severity, then in the table's order."""
    order = {name: place for place, name in enumerate(CODES)}
    rank = {ERROR: 0, WARNING: 1, INFO: 2}
    return sorted(codes, key=lambda name: (rank[CODES[name].severity] if name in CODES else 3, order.get(name, 99)))
