"""What a sample says, as text: its prompt, its answers, its turns."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from engine.sample import Conversation, Message, Pair, PlainText, Sample, Side

ASSISTANT_ROLES = frozenset({"assistant", "model", "gpt", "bot", "chatbot"})

_TURN = re.compile(r"(?:^|\n\n)(Human|Assistant):[ \n]?")


def texts_of(sample: Sample) -> Iterator[str]:
    """All text of a sample that the model will see, template apart."""
    sides = (sample.chosen, sample.rejected) if isinstance(sample, Pair) else (sample.prompt,)
    for side in sides:
        if isinstance(side, str):
            yield side
        elif isinstance(side, PlainText):
            yield side.prompt
            yield side.answer
        elif isinstance(side, Conversation):
            yield from (content_text(message) for message in side.messages)
    if not isinstance(sample, Pair):
        yield from sample.steps


def content_text(message: Message) -> str:
    """A message's text: its content, or the text parts of it; empty where there is none."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list | tuple):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        return "\n".join(part for part in parts if isinstance(part, str))
    return ""


def messages_of(side: Side) -> tuple[Message, ...]:
    """A side as messages; plain text without a prompt of its own is split at its `Human:` and `Assistant:` marks.

    Empty for text without such marks and for token ids.
    """
    if isinstance(side, Conversation):
        return side.messages
    if isinstance(side, PlainText) and not side.prompt.strip():
        pieces = _TURN.split(side.answer)
        turns = zip(pieces[1::2], pieces[2::2], strict=True)
        return tuple({"role": "user" if who == "Human" else "assistant", "content": text} for who, text in turns)
    return ()


def is_assistant(message: Message) -> bool:
    """Whether a message is an answer."""
    return message.get("role") in ASSISTANT_ROLES


def answer_text(side: Side) -> str | None:
    """The answer's text: what follows the prompt; None for token ids."""
    if isinstance(side, PlainText):
        return side.answer
    if isinstance(side, Conversation):
        return "\n".join(content_text(message) for message in side.messages[side.answer_start :])
    return None


def prompt_text(sample: Sample) -> str | None:
    """The text before the answer or the steps (what both sides share, as the chosen side has it); None for ids."""
    if isinstance(sample, Pair):
        side = sample.chosen
        if isinstance(side, PlainText):
            return side.prompt or join(messages_of(side)[:-1])
        if isinstance(side, Conversation):
            return join(side.messages[: side.answer_start])
        return None
    return sample.prompt if isinstance(sample.prompt, str) else join(sample.prompt.messages)


def asks(sample: Sample) -> bool:
    """Whether there is something before the answer or the steps that is not a system message."""
    side = sample.chosen if isinstance(sample, Pair) else sample.prompt
    if isinstance(side, str):
        return bool(side.strip())
    if isinstance(side, PlainText) and side.prompt.strip():
        return True
    messages = side.messages if isinstance(side, Conversation) else messages_of(side)
    return any(content_text(m).strip() for m in messages if m.get("role") != "system" and not is_assistant(m))


def join(messages: Sequence[Message]) -> str:
    """Messages as one text that tells roles apart."""
    return "\x1e".join(f"{message.get('role')}\x1f{content_text(message)}" for message in messages)


def has_calls(message: Message) -> bool:
    """Whether a message calls tools: it then says something without any text."""
    calls: Any = message.get("tool_calls")
    return bool(calls)
