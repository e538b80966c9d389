"""LLaMA-Factory's preference layouts: `alpaca` (instruction and input) and `sharegpt` (conversations).

After its AlpacaDatasetConverter and SharegptDatasetConverter: the user's message is the instruction and the input, a
newline between; what came before stands in `history`, as [asked, answered]; `system` is the system message.
"""

from collections.abc import Mapping
from typing import Any

from engine.finding import Finding
from engine.finding_codes import finding
from engine.format.columns import system_text
from engine.format.fields import items, margin, message, messages, note_empty_prompt, required, text, tools, wrong_type
from engine.format.format import Format
from engine.format.preference import message_keys, message_roles
from engine.preset.schema import DatasetConfig
from engine.sample import Conversation, Message, Pair, Sample

INSTRUCTION, HISTORY, CONVERSATIONS = "instruction", "history", "conversations"
"""Columns that no key of a preset maps."""

KEYS: Mapping[str, str] = {"role": "from", "content": "value"}
"""The names of a message's entries in `sharegpt` rows."""

Turn = tuple[Message, str]
"""A message, and the column (or dotted path) of its content."""


def alpaca_pairs(config: DatasetConfig, reason: str, name: str = "bradley_terry.alpaca") -> Format:
    """`bradley_terry.alpaca`: instruction and input are the user's message, chosen and rejected the two answers."""
    named = {column: config.column(column) for column in ("system", "input", "chosen", "rejected", "margin")}

    def read(row: Mapping[str, Any], findings: list[Finding]) -> tuple[Sample, ...]:
        head = [*_system(row, named["system"], config, findings), *_history(row)]
        asked = [(text(row, INSTRUCTION), INSTRUCTION)]
        if row.get(named["input"]) is not None:
            asked.append((text(row, named["input"]), named["input"]))
        said = [(part, column) for part, column in asked if part]
        prompt = "\n".join(part for part, _ in said)
        note_empty_prompt(prompt, " + ".join(column for _, column in asked), findings)
        head.append(({"role": "user", "content": prompt}, " + ".join(column for _, column in said)))

        def side(column: str) -> Conversation:
            return _of_pair(head, ({"role": "assistant", "content": text(row, column)}, column))

        return (Pair(side(named["chosen"]), side(named["rejected"]), margin(row, named["margin"])),)

    return Format(name, reason, "pair", (INSTRUCTION, *named.values(), HISTORY), True, read)


def sharegpt_pairs(config: DatasetConfig, reason: str, name: str = "bradley_terry.sharegpt") -> Format:
    """`bradley_terry.sharegpt`: `conversations` is a list of messages, chosen and rejected are one message each."""
    named = {column: config.column(column) for column in ("system", "chosen", "rejected", "margin", "tools")}
    keys, roles = {**KEYS, **message_keys(config)}, message_roles(config)

    def read(row: Mapping[str, Any], findings: list[Finding]) -> tuple[Sample, ...]:
        before = messages(required(row, CONVERSATIONS), CONVERSATIONS, keys, roles)
        content = [f"{CONVERSATIONS}.{number}.{keys['content']}" for number in range(len(before))]
        head = [*_system(row, named["system"], config, findings), *zip(before, content, strict=True)]
        # LLaMA-Factory writes "" where no tools are offered.
        offered = tools(row, named["tools"]) if row.get(named["tools"]) != "" else None

        def side(column: str) -> Conversation:
            answer = message(required(row, column), column, keys, roles)
            return _of_pair(head, (answer, f"{column}.{keys['content']}"), offered)

        return (Pair(side(named["chosen"]), side(named["rejected"]), margin(row, named["margin"])),)

    return Format(name, reason, "pair", (CONVERSATIONS, *named.values()), True, read)


def _system(row: Mapping[str, Any], column: str, config: DatasetConfig, findings: list[Finding]) -> list[Turn]:
    system = system_text(row, column, findings)
    if system and config.drop_system_message:
        findings.append(finding("system-dropped", f"`{column}` is left out"))
    elif system:
        return [({"role": "system", "content": system}, column)]
    return []


def _history(row: Mapping[str, Any]) -> list[Turn]:
    """The turns before: [asked, answered] each."""
    turns: list[Turn] = []
    for number, turn in enumerate(items(row, HISTORY) if row.get(HISTORY) is not None else ()):
        where = f"{HISTORY}.{number}"
        if not isinstance(turn, list | tuple) or len(turn) != 2 or not all(isinstance(said, str) for said in turn):
            raise wrong_type(where, "[asked, answered], two texts,", turn)
        for place, (role, said) in enumerate(zip(("user", "assistant"), turn, strict=True)):
            turns.append(({"role": role, "content": said}, f"{where}.{place}"))
    return turns


def _of_pair(head: list[Turn], answer: Turn, offered: tuple[Any, ...] | None = None) -> Conversation:
    turns = [*head, answer]
    return Conversation(tuple(turn for turn, _ in turns), len(head), offered, fields=tuple(where for _, where in turns))
