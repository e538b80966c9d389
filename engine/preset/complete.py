"""Completion and hover help for a preset that is being typed. It reads lines, not YAML: half-typed text is no YAML."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from engine.preset.key_values import SPECIAL_TOKENS
from engine.preset.schema import DatasetConfig, Preset, field_notes
from engine.preset.vocabulary import DATASET_WITHOUT_EFFECT, WITHOUT_EFFECT

_LINE = re.compile(
    r"^(?P<indent>[ ]*)(?P<dash>-[ ]+)?(?P<key>[A-Za-z_][\w.-]*)?(?P<colon>:)?(?P<space>[ ]*)(?P<value>.*)$"
)
_SMALL: dict[str, dict[str, str]] = {
    "special_tokens": dict.fromkeys(SPECIAL_TOKENS, "A token of the tokenizer."),
    "gradient_checkpointing_kwargs": {"use_reentrant": "Whether to use PyTorch's older, reentrant way."},
}
"""Mappings of the preset whose keys are known without being models."""

NAMES_A_FILE = frozenset(("path", "data_files", "base_model", "tokenizer_config", "chat_template_jinja", "deepspeed"))
"""Keys whose value may be the path of a file or folder."""

_WORD = re.compile(r"[A-Za-z_][\w.-]*")
_NOT_TEXT = frozenset(("null", "true", "false", "yes", "no", "on", "off"))


@dataclass(frozen=True, slots=True)
class Completion:
    """One thing that may be typed: `text` replaces what stands between `Completions.start` and the cursor."""

    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class Completions:
    """What may be typed at the cursor, best first. `start` is the column (from 0) where the replaced text begins."""

    start: int
    items: tuple[Completion, ...]


@dataclass(frozen=True, slots=True)
class Around:
    """What completion may know beside the text: the columns of the data set that the cursor is in, and the files that
    a path being typed may go on to.
    """

    columns: Sequence[str] = ()
    paths: Callable[[str], Iterable[str]] = lambda typed: ()


NOTHING = Around()


@dataclass(frozen=True, slots=True)
class Hover:
    """Help for a key: what it takes, its default as it is written, what it means."""

    key: str
    type: str
    default: str
    description: str


def complete(text: str, line: int, column: int, around: Around = NOTHING) -> Completions:
    """What may be typed at the cursor; `line` and `column` count from 0, as editors do."""
    lines = text.split("\n")
    current = lines[line] if line < len(lines) else ""
    before = current[:column]
    match = _LINE.match(before)
    if match is None or "#" in before:
        return Completions(column, ())
    level = _level(lines, line, before)
    if level is None:
        return Completions(column, ())
    if match["key"] and match["colon"]:
        typed = match["value"]
        found = _matching([*_values(level, match["key"]), *_known_around(level, match["key"], typed, around)], typed)
        start = column - len(typed)
        if not match["space"]:
            found = [Completion(f" {item.text}", item.detail) for item in found]
        return Completions(start, tuple(found))
    typed = match["key"] or ""
    present = _siblings(lines, line, level)
    keys = [item for item in _keys(level) if item.text.removesuffix(": ") not in present]
    return Completions(column - len(typed), tuple(_matching(keys, typed)))


def hover(text: str, line: int, column: int) -> Hover | None:
    """Help for the key in this line, wherever in the line the cursor is; None where there is no known key."""
    lines = text.split("\n")
    current = lines[line] if line < len(lines) else ""
    match = _LINE.match(current)
    if match is None or not match["key"] or column > len(current):
        return None
    level = _level(lines, line, current)
    return None if level is None else _help(level, match["key"])


def data_set_at(text: str, line: int) -> str | None:
    """The `path` of the data set whose entry this line is in, as it is written; None outside of one."""
    lines = text.split("\n")
    current = lines[line] if line < len(lines) else ""
    if _level(lines, line, current) is not DatasetConfig:
        return None
    for each in (current, *_same_entry(lines, line)):
        if _key_of(each) == "path":
            value = each.partition(":")[2].partition(" #")[0].strip()
            return value.strip("\"'") or None
    return None


Level = type[BaseModel] | str
"""Where the cursor is: the preset, one of its data sets, or a small mapping by name."""


def _indent(line: str) -> int:
    """The column of the line's key, past a list's dash."""
    match = re.match(r"[ ]*(?:-[ ]+)?", line)
    return match.end() if match else 0


def _level(lines: Sequence[str], line: int, current: str) -> Level | None:
    """What the current line's keys belong to, from the indentation of the lines above."""
    dash = re.match(r"[ ]*-", current) is not None
    column = len(current) - len(current.lstrip(" ")) if dash else _indent(current)
    if column == 0 and not dash:
        return Preset
    for number in range(line - 1, -1, -1):
        above = lines[number]
        if not above.strip() or above.lstrip().startswith("#"):
            continue
        indent = len(above) - len(above.lstrip(" "))
        if indent < column or (dash and indent == column and not above.lstrip().startswith("-")):
            key = above.strip().removeprefix("-").strip().partition(":")[0]
            if key in {"datasets", "test_datasets"}:
                return DatasetConfig
            if key in _SMALL:
                return key
            if indent == 0:
                return None
            if above.lstrip().startswith("-") and _indent(above) <= column:
                # The first line of a list's entry: its keys are siblings; what holds them is above.
                return _level(lines, number, above)
            column = indent
    return None


def _siblings(lines: Sequence[str], line: int, level: Level) -> set[str]:
    """The keys that the mapping around the cursor already has, the cursor's line left out."""
    if level is Preset:
        return {_key_of(text) for index, text in enumerate(lines) if index != line and _indent(text) == 0}
    return {_key_of(text) for text in _same_entry(lines, line)}


def _same_entry(lines: Sequence[str], line: int) -> Iterator[str]:
    """The other lines that hold a key of the mapping around this line, the nearest above first, then those below."""
    own = _indent(lines[line]) if line < len(lines) else 0
    for step in (-1, 1):
        index = line + step
        begins = step == -1 and line < len(lines) and lines[line].lstrip().startswith("-")
        while 0 <= index < len(lines) and not begins:
            text = lines[index]
            if text.strip() and not text.lstrip().startswith("#"):
                starts = text.lstrip().startswith("-")
                if _indent(text) < own or (step == 1 and starts and _indent(text) <= own):
                    break
                if _indent(text) == own:
                    yield text
                if step == -1 and starts and _indent(text) == own:
                    break
            index += step


def _key_of(line: str) -> str:
    return line.strip().removeprefix("-").strip().partition(":")[0]


def _matching(items: Iterable[Completion], typed: str) -> list[Completion]:
    """Those that begin with what is typed, then those that contain it."""
    typed = typed.lower().strip("\"' ")
    items = [item for item in items if typed in item.text.lower() and item.text.strip() != typed]
    return sorted(items, key=lambda item: not item.text.lower().startswith(typed))


def _keys(level: Level) -> list[Completion]:
    if isinstance(level, str):
        return [Completion(f"{name}: ", detail) for name, detail in _SMALL[level].items()]
    found = []
    for name in level.model_fields:
        if not field_notes(level, name).get("no_effect"):
            found.append(Completion(f"{name}: ", str(level.model_fields[name].description)))
    return found


def _values(level: Level, key: str) -> list[Completion]:
    if isinstance(level, str):
        return [Completion(value, "") for value in ("true", "false")] if key == "use_reentrant" else []
    if key not in level.model_fields:
        return []
    default = level.model_fields[key].default
    names = [*_literals(level.model_fields[key].annotation), *field_notes(level, key)["choices"]]
    unique = dict.fromkeys(names)
    return [Completion(name, "default" if name == yaml_text(default) else "") for name in unique]


def _known_around(level: Level, key: str, typed: str, around: Around) -> list[Completion]:
    """Values that only the data and the disk know."""
    if level is DatasetConfig and key.startswith("field_"):
        return [Completion(yaml_word(column), "a column of the data") for column in around.columns]
    if key in NAMES_A_FILE:
        return [Completion(path, "") for path in around.paths(typed)]
    return []


def yaml_word(text: str) -> str:
    """Text as a value in YAML: as it is where it cannot be taken for anything else, else in quotes."""
    return text if _WORD.fullmatch(text) and text.lower() not in _NOT_TEXT else json.dumps(text, ensure_ascii=False)


def _literals(annotation: Any) -> list[str]:
    """The values that a type spells out: true, false, the names of a Literal."""
    if annotation is bool:
        return ["true", "false"]
    if get_origin(annotation) is Literal:
        return [str(name) for name in get_args(annotation)]
    return [name for part in get_args(annotation) for name in _literals(part)]


def _help(level: Level, key: str) -> Hover | None:
    if isinstance(level, str):
        description = _SMALL[level].get(key)
        return None if description is None else Hover(key, "text" if level == "special_tokens" else "", "", description)
    if key in level.model_fields:
        return describe_key(level, key)
    unused = WITHOUT_EFFECT if level is Preset else DATASET_WITHOUT_EFFECT
    return Hover(key, "", "", "axolotl's; it has no effect here.") if key in unused else None


def describe_key(model: type[BaseModel], key: str) -> Hover:
    """The help of a key of the schema."""
    field = model.model_fields[key]
    notes = field_notes(model, key)
    default = "needed" if field.is_required() else notes["default_text"] or yaml_text(field.default)
    no_effect = f" No effect here: {notes['no_effect']}." if notes["no_effect"] else ""
    return Hover(key, type_text(field.annotation), default, f"{field.description}{no_effect}")


def yaml_text(value: Any) -> str:
    """A default as a person would write it."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case "\n":
            return '"\\n"'
        case () | {}:
            return "none"
    return str(value)


def type_text(annotation: Any) -> str:
    """A key's type in words."""
    if annotation in _WORDS:
        return _WORDS[annotation]
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(map(str, parts))
    if origin is tuple:
        return "list of data sets" if DatasetConfig in parts else "text or list of texts"
    if origin is dict:
        return "mapping"
    inner = [type_text(part) for part in parts if part is not type(None) and not _is_metadata(part)]
    return " or ".join(dict.fromkeys(inner))


def _is_metadata(part: Any) -> bool:
    return not isinstance(part, type) and get_origin(part) is None


_WORDS: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
    int | float: "number",
}
