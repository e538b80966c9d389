"""TRL's preference layouts: plain text or conversations, with the prompt in a column of its own or inside the sides."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from engine.finding import Finding
from engine.finding_codes import finding
from engine.format.fields import margin, messages, note_empty_prompt, required, template_kwargs, text, tools
from engine.format.format import Format, RowRefused
from engine.preset.schema import DatasetConfig
from engine.sample import Conversation, Message, Pair, PlainText, Sample

DEFAULT_ROLES: Mapping[str, str] = {"human": "user", "gpt": "assistant"}
"""Roles that other tools write for the two that every template knows (axolotl's mapping)."""


def field_names(config: DatasetConfig) -> dict[str, str]:
    """The columns of these layouts by their customary names, as the data set's field mapping has them."""
    names = ("prompt", "chosen", "rejected", "margin", "tools")
    return {name: config.column(name) for name in names}


def message_keys(config: DatasetConfig) -> Mapping[str, str]:
    """The template's names of a message's entries to the row's, where they differ."""
    return dict(config.message_property_mappings or {})


def message_roles(config: DatasetConfig) -> Mapping[str, str]:
    """The row's roles to the template's. A preset's `roles` is `{template's: [row's, …]}`, as in axolotl."""
    roles = config.roles
    if not roles:
        return DEFAULT_ROLES
    return {theirs: ours for ours, all_theirs in roles.items() for theirs in all_theirs}


def text_pairs(config: DatasetConfig, reason: str, *, explicit: bool) -> Format:
    """Plain text: the answer, after the prompt if it has a column; EOS appended, BOS as the tokenizer does."""
    fields = field_names(config)

    def read(row: Mapping[str, Any], findings: list[Finding]) -> tuple[Sample, ...]:
        prompt = text(row, fields["prompt"]) if explicit else ""
        if explicit:
            note_empty_prompt(prompt, fields["prompt"], findings)

        def side(field: str) -> PlainText:
            prompt_field = fields["prompt"] if explicit else ""
            return PlainText(prompt, text(row, field), prompt_field=prompt_field, answer_field=field)

        return (Pair(side(fields["chosen"]), side(fields["rejected"]), margin(row, fields["margin"])),)

    reads = ("prompt", "chosen", "rejected", "margin") if explicit else ("chosen", "rejected", "margin")
    return Format("bradley_terry", reason, "pair", tuple(fields[name] for name in reads), False, read)


Prompt = Literal["explicit", "implicit", "text"]
"""Where a conversation's prompt is: in messages of its own, inside the sides, or in a column of text."""


def conversation_pairs(config: DatasetConfig, reason: str, prompt: Prompt) -> Format:
    """Conversations: the prompt's messages and the side's, rendered as one by the chat template."""
    fields, keys, roles = field_names(config), message_keys(config), message_roles(config)
    drop_system = config.drop_system_message

    def read(row: Mapping[str, Any], findings: list[Finding]) -> tuple[Sample, ...]:
        head: tuple[Message, ...] = ()
        head_fields: tuple[str, ...] = ()
        if prompt == "explicit":
            head = messages(required(row, fields["prompt"]), fields["prompt"], keys, roles)
            head_fields = _content_fields(fields["prompt"], len(head), keys)
        elif prompt == "text":
            asked = text(row, fields["prompt"])
            note_empty_prompt(asked, fields["prompt"], findings)
            head, head_fields = ({"role": "user", "content": asked},), (fields["prompt"],)
        arguments = dict(template_kwargs(row))
        offered = arguments.pop("tools", None) if "tools" in arguments else tools(row, fields["tools"])

        def side(field: str) -> Conversation:
            answer = messages(required(row, field), field, keys, roles)
            content = (*head_fields, *_content_fields(field, len(answer), keys))
            given = tuple(offered) if offered is not None else None
            return Conversation((*head, *answer), len(head), given, arguments, content)

        chosen, rejected = side(fields["chosen"]), side(fields["rejected"])
        if not chosen.messages or not rejected.messages:
            empty = fields["rejected"] if chosen.messages else fields["chosen"]
            raise RowRefused("missing-field", f"`{empty}` holds no message")
        if drop_system:
            chosen, rejected = _without_system(chosen, findings), _without_system(rejected, None)
        if prompt == "implicit":
            shared = _shared_head(chosen.messages, rejected.messages)
            chosen, rejected = replace(chosen, answer_start=shared), replace(rejected, answer_start=shared)
        return (Pair(chosen, rejected, margin(row, fields["margin"])),)

    reads = (*fields.values(), "chat_template_kwargs")
    if prompt == "implicit":
        reads = tuple(column for column in reads if column != fields["prompt"])
    return Format("bradley_terry", reason, "pair", reads, True, read)


def _content_fields(field: str, count: int, keys: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{field}.{i}.{keys.get('content', 'content')}" for i in range(count))


def _without_system(side: Conversation, findings: list[Finding] | None) -> Conversation:
    if side.messages[0].get("role") != "system" or len(side.messages) == 1:
        return side
    if findings is not None:
        findings.append(finding("system-dropped", "the system message is left out"))
    start = max(side.answer_start - 1, 0)
    return replace(side, messages=side.messages[1:], answer_start=start, fields=side.fields[1:])


def _shared_head(chosen: tuple[Message, ...], rejected: tuple[Message, ...]) -> int:
    """How many leading messages both sides have, leaving each at least its last."""
    limit = min(len(chosen), len(rejected)) - 1
    return next((i for i in range(limit) if chosen[i] != rejected[i]), limit)
