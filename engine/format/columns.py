"""axolotl's pairs: the columns system, input, chosen and rejected, rendered by a chat template or as Llama 3 text."""

from collections.abc import Mapping
from typing import Any

from engine.finding import Finding
from engine.finding_codes import finding
from engine.format.fields import margin, note_empty_prompt, text_or_parts, wrong_type
from engine.format.format import Format
from engine.preset.schema import DatasetConfig
from engine.sample import Conversation, Message, Pair, PlainText, Sample


def field_names(config: DatasetConfig) -> dict[str, str]:
    """The columns of this layout by their customary names, as the data set's field mapping has them."""
    names = ("system", "input", "chosen", "rejected", "margin")
    return {name: config.column(name) for name in names}


def chat_template_pairs(config: DatasetConfig, reason: str, name: str = "bradley_terry.chat_template") -> Format:
    """`bradley_terry.chat_template`: an optional system turn, the user's `input`, the assistant's answer."""
    fields = field_names(config)
    drop_system = config.drop_system_message

    def read(row: Mapping[str, Any], findings: list[Finding]) -> tuple[Sample, ...]:
        head: list[Message] = []
        head_fields: list[str] = []
        system = system_text(row, fields["system"], findings)
        if system and drop_system:
            findings.append(finding("system-dropped", f"`{fields['system']}` is left out"))
        elif system:
            head.append({"role": "system", "content": system})
            head_fields.append(fields["system"])
        prompt = text_or_parts(row, fields["input"])
        note_empty_prompt(prompt, fields["input"], findings)
        head.append({"role": "user", "content": prompt})
        head_fields.append(fields["input"])

        def side(field: str) -> Conversation:
            answer = {"role": "assistant", "content": text_or_parts(row, field)}
            return Conversation((*head, answer), len(head), fields=(*head_fields, field))

        return (Pair(side(fields["chosen"]), side(fields["rejected"]), margin(row, fields["margin"])),)

    return Format(name, reason, "pair", tuple(fields.values()), True, read)


def llama3_pairs(config: DatasetConfig, reason: str, name: str = "bradley_terry.llama3") -> Format:
    """`bradley_terry.llama3` (`.icr`): the same columns as Llama 3 text, written out, without a chat template.

    Nothing is stripped, and no BOS is written: the tokenizer adds its own, if it has one.
    """
    fields = field_names(config)
    drop_system = config.drop_system_message

    def read(row: Mapping[str, Any], findings: list[Finding]) -> tuple[Sample, ...]:
        turns: list[tuple[str, str, str]] = []
        system = system_text(row, fields["system"], findings)
        if system and drop_system:
            findings.append(finding("system-dropped", f"`{fields['system']}` is left out"))
        elif system:
            turns.append(("system", system, fields["system"]))
        prompt = text_or_parts(row, fields["input"])
        note_empty_prompt(prompt, fields["input"], findings)
        turns.append(("user", prompt, fields["input"]))

        def side(field: str) -> PlainText:
            return _written([*turns, ("assistant", text_or_parts(row, field), field)])

        return (Pair(side(fields["chosen"]), side(fields["rejected"]), margin(row, fields["margin"])),)

    return Format(name, reason, "pair", tuple(fields.values()), False, read)


def _written(turns: list[tuple[str, str, str]]) -> PlainText:
    """Turns (role, content, column) as Llama 3 text; the last one is the answer."""
    text, answer_at = "", 0
    marks: list[tuple[int, int, str, str]] = []
    for role, content, field in turns:
        text += f"<|start_header_id|>{role}<|end_header_id|>\n\n"
        answer_at = len(text)
        text += f"{content}<|eot_id|>"
        marks.append((answer_at, answer_at + len(content), role, field))
    return PlainText(text[:answer_at], text[answer_at:], append_eos=False, marks=tuple(marks))


def system_text(row: Mapping[str, Any], field: str, findings: list[Finding]) -> str | None:
    """The system text: None where absent or null; an empty one is none either, and a finding."""
    if row.get(field) is None:
        return None
    value = row[field]
    if not isinstance(value, str):
        raise wrong_type(field, "text", value)
    if value == "":
        findings.append(finding("empty-system", f"`{field}` is empty: no system turn"))
    return str(value)
