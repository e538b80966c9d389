"""A conversation as the encoder renders it: with the system message where the template takes one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engine.encode.setup import Setup
from engine.finding import Finding
from engine.finding_codes import finding
from engine.sample import Conversation, Message


def settled(setup: Setup, side: Conversation, findings: list[Finding] | None = None) -> Conversation:
    """`side` with its system message merged into the first user message where the template refuses a system role.

    A blank line stands between the two. `fields` then has both columns for that message, and between them the
    length of the system text, joined by MERGED.
    """
    if setup.system == "rendered" or not side.messages or side.messages[0].get("role") != "system":
        return side
    if setup.system == "dropped":
        if findings is not None:
            findings.append(finding("system-dropped", "the chat template leaves the system message out"))
        return side
    system = content_text(side.messages[0].get("content"))
    rest, fields = side.messages[1:], side.fields[1:]
    start = max(side.answer_start - 1, 0)
    if not system.strip():
        if findings is not None:
            findings.append(finding("empty-system", "the system message is empty: the template refuses one anyway"))
        return replace(side, messages=rest, answer_start=start, fields=fields)
    if findings is not None:
        findings.append(finding("system-merged", "the chat template refuses a system role"))
    if not rest or rest[0].get("role") != "user":
        alone = {"role": "user", "content": system}
        return replace(side, messages=(alone, *rest))
    merged_fields = (MERGED.join((_field(side, 0), str(len(system)), _field(side, 1))), *fields[1:])
    return replace(side, messages=(_merged(system, rest[0]), *rest[1:]), answer_start=start, fields=merged_fields)


MERGED = "\0"
"""Joins column, length and column in `fields`, where a message was merged from two."""

BLANK_LINE = "\n\n"
"""Between the system text and the user's, where they are merged."""


def content_text(content: Any) -> str:
    """The text of a message's content: itself, or its text parts joined."""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return "".join(text for _, text in text_parts(content))
    return ""


def text_parts(content: Any) -> list[tuple[int, str]]:
    """The parts of a list of content parts that are text, with their positions."""
    found: list[tuple[int, str]] = []
    for position, part in enumerate(content):
        text = part if isinstance(part, str) else part.get("text") if isinstance(part, dict) else None
        if isinstance(text, str):
            found.append((position, text))
    return found


def _merged(system: str, user: Message) -> Message:
    content = user.get("content")
    if isinstance(content, str) or content is None:
        return {**user, "content": f"{system}{BLANK_LINE}{content or ''}"}
    return {**user, "content": [{"type": "text", "text": f"{system}{BLANK_LINE}"}, *content]}


def _field(side: Conversation, message: int) -> str:
    return side.fields[message] if message < len(side.fields) else ""
