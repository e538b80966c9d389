"""Reading one value of a row: what a format needs has the type it needs, or the row is refused with the reason."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from engine.finding import Finding
from engine.finding_codes import finding
from engine.format.format import RowRefused
from engine.sample import Message


def kind_of(value: Any) -> str:
    """What `value` is, in a word or two, for a message to a person."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "text"
        case int() | float():
            return "a number"
        case Mapping():
            return "an object"
        case list() | tuple():
            return "a list"
    return type(value).__name__


def wrong_type(field: str, wanted: str, value: Any) -> RowRefused:
    """The refusal of a value of another type than `wanted`."""
    return RowRefused("wrong-type", f"`{field}` is {kind_of(value)}, where {wanted} is due")


def required(row: Mapping[str, Any], field: str) -> Any:
    """The value of a column that must be there and not null."""
    if field not in row:
        raise RowRefused("missing-field", f"the row has no `{field}`")
    if (value := row[field]) is None:
        raise RowRefused("missing-field", f"`{field}` is null")
    return value


def text(row: Mapping[str, Any], field: str) -> str:
    """The text of a column that must be there."""
    value = required(row, field)
    if not isinstance(value, str):
        raise wrong_type(field, "text", value)
    return str(value)


def text_or_parts(row: Mapping[str, Any], field: str) -> str:
    """The text of a column that holds text, or a list of text parts (`{"type": "text", "text": …}`), joined."""
    value = required(row, field)
    if isinstance(value, list | tuple) and value and all(_is_text_part(part) for part in value):
        return "".join(part["text"] for part in value)
    if not isinstance(value, str):
        raise wrong_type(field, "text", value)
    return str(value)


def texts(row: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """The texts of a column that holds a list of them."""
    values = items(row, field)
    for position, value in enumerate(values):
        if not isinstance(value, str):
            raise wrong_type(f"{field}.{position}", "text", value)
    return tuple(values)


def items(row: Mapping[str, Any], field: str) -> Sequence[Any]:
    """The entries of a column that must hold a list. Text is no list."""
    value = required(row, field)
    if not isinstance(value, list | tuple):
        raise wrong_type(field, "a list", value)
    return value


def messages(values: Any, field: str, keys: Mapping[str, str], roles: Mapping[str, str]) -> tuple[Message, ...]:
    """Chat messages as a template receives them.

    `keys` maps the template's names to the row's where they differ (`{"role": "from", "content": "value"}`), `roles`
    the row's roles to the template's. Null entries are left out; a message without content is refused unless it calls
    tools.
    """
    if not isinstance(values, list | tuple):
        raise wrong_type(field, "a list of messages", values)
    return tuple(message(value, f"{field}.{i}", keys, roles) for i, value in enumerate(values))


def message(value: Any, field: str, keys: Mapping[str, str], roles: Mapping[str, str]) -> Message:
    """One chat message, as `messages` reads them."""
    if not isinstance(value, Mapping):
        raise wrong_type(field, "a message with `role` and `content`", value)
    theirs = {source: name for name, source in keys.items()}
    read = {theirs.get(str(key), str(key)): entry for key, entry in value.items() if entry is not None}
    role_key, content_key = keys.get("role", "role"), keys.get("content", "content")
    role = read.get("role")
    if role is None:
        its_keys = ", ".join(f"`{str(key)[:40]}`" for key in list(value)[:6]) or "none"
        why = f"`{field}` has no `{role_key}`; its keys: {its_keys} (`message_property_mappings` maps them)"
        raise RowRefused("missing-field", why)
    if not isinstance(role, str):
        raise wrong_type(f"{field}.{role_key}", "text", role)
    read["role"] = roles.get(role, role)
    content = read.get("content")
    if content is None:
        if read.get("tool_calls"):
            return read
        raise RowRefused("missing-field", f"`{field}.{content_key}` is null or absent")
    if isinstance(content, list | tuple):
        if not all(isinstance(part, Mapping | str) for part in content):
            raise wrong_type(f"{field}.{content_key}", "text or a list of parts", content)
    elif not isinstance(content, str):
        raise wrong_type(f"{field}.{content_key}", "text", content)
    return read


def _is_text_part(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type", "text") == "text" and isinstance(part.get("text"), str)


def tools(row: Mapping[str, Any], field: str) -> tuple[Any, ...] | None:
    """The tools offered to the model: a list of JSON schemas, or the same as JSON text; absent or null is none."""
    value = row.get(field)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise RowRefused("wrong-type", f"`{field}` is text that is not JSON") from error
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise wrong_type(field, "a list of tools", value)
    for position, tool in enumerate(value):
        if not isinstance(tool, Mapping):
            raise wrong_type(f"{field}.{position}", "an object", tool)
    return tuple(value)


def template_kwargs(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row's own arguments for the chat template (`chat_template_kwargs`)."""
    if "chat_template_kwargs" not in row:
        return {}
    value = row["chat_template_kwargs"]
    if not isinstance(value, Mapping):
        raise wrong_type("chat_template_kwargs", "an object", value)
    return {str(key): entry for key, entry in value.items()}


def margin(row: Mapping[str, Any], field: str) -> float | None:
    """By how much chosen is better: a finite number. An absent column is no margin; a null one refuses the row."""
    if field not in row:
        return None
    value = required(row, field)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(field, "a number", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise RowRefused("wrong-type", f"`{field}` is not a finite number")
    return number


def note_empty_prompt(prompt: str, field: str, findings: list[Finding]) -> None:
    """Add the finding of an empty prompt, if it is."""
    if not prompt.strip():
        findings.append(finding("empty-prompt", f"`{field}` is empty"))
