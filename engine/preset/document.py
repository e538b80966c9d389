"""YAML text as plain values, each with its place in the text.

YAML 1.2 through ruamel.yaml, so that `1e-5` is a number. Only the core tags; repeated keys are an error; aliases are
followed, up to a bound, so that a few lines cannot unfold into gigabytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from engine.preset.problem import PresetError, Problem

MAX_CHARACTERS = 1_000_000
MAX_VALUES = 20_000
MAX_DEPTH = 40

Location = tuple[str | int, ...]
"""Where a value is in the document: keys, and positions in lists."""

_TAG = "tag:yaml.org,2002:"
_CORE_TAGS = frozenset(_TAG + name for name in ("null", "bool", "int", "float", "str", "timestamp", "seq", "map"))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key and its value stand; lines and columns count from 1. `source` is the override they are from."""

    key: tuple[int, int]
    value: tuple[int, int]
    source: str = ""


@dataclass(frozen=True)
class Document:
    """A preset's values before anything is known about them, and their places."""

    path: Path
    data: dict[str, Any]
    places: dict[Location, Place]

    def problem(self, location: Location, message: str, *, at_key: bool = False, notice: bool = False) -> Problem:
        """A problem at the value of `location`, at its key, or at the nearest thing around it that has a place."""
        place = self.places.get(location)
        inner = location
        while place is None and inner:
            inner = inner[:-1]
            place = self.places.get(inner)
        place = place or Place((1, 1), (1, 1))
        line, column = place.key if at_key and inner == location else place.value
        path = Path(f"--set {place.source}") if place.source else self.path
        return Problem(path, line, column, message, "notice" if notice else "error")

    def origin(self, location: Location) -> str:
        """Where the value is from: `file`, `--set`, or `default` where it is absent or null."""
        value: Any = self.data
        for part in location:
            if isinstance(value, dict) and isinstance(value.get("type"), dict) and part in value["type"]:
                value = value["type"]
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return "default"
        if value is None:
            return "default"
        while location and location not in self.places:
            location = location[:-1]
        return "--set" if location and self.places[location].source else "file"


def read_document(text: str, path: Path) -> Document:
    """The mapping that this text holds. Raises PresetError if the text is not YAML, or not a mapping."""
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_CHARACTERS:
        raise PresetError([Problem(path, 0, 0, f"too long for a preset ({len(text):,} characters)")])
    root = _compose(text, path)
    if root is None:
        raise PresetError([Problem(path, 1, 1, "empty: a preset needs at least `base_model` and `datasets`")])
    if not isinstance(root, MappingNode):
        kind = "a list" if isinstance(root, SequenceNode) else "a single value"
        raise PresetError([Problem(path, *_mark(root), f"expected `key: value` lines, found {kind}")])
    reader = _Values(path)
    data = reader.value(root, (), 0)
    if reader.problems:
        raise PresetError(reader.problems)
    return Document(path, data, reader.places)


def read_value(text: str, path: Path) -> Any:
    """The value that an override gives, in YAML. Raises PresetError."""
    root = _compose(text, path)
    if root is None:
        return None
    reader = _Values(path)
    value = reader.value(root, (), 0)
    if reader.problems:
        raise PresetError([Problem(path, 0, 0, problem.message) for problem in reader.problems])
    return value


def _compose(text: str, path: Path) -> Node | None:
    try:
        root: Node | None = YAML(typ="safe", pure=True).compose(text)
    except ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        message = f"the character U+{code:04X} is not allowed in YAML: remove it"
        raise PresetError([Problem(path, line, column, message)]) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise PresetError([Problem(path, line, column, _explain(error))]) from error
    except RecursionError as error:
        raise PresetError([Problem(path, 1, 1, "nested too deeply for a preset")]) from error
    except (YAMLError, ValueError, OverflowError, LookupError, AttributeError, TypeError, AssertionError) as error:
        # Half-typed text makes the scanner trip over itself in more ways than its own errors.
        raise PresetError([Problem(path, 1, 1, f"not YAML: {error}")]) from error
    return root


def _explain(error: MarkedYAMLError) -> str:
    """A scanner's or parser's complaint in words that say what to do."""
    problem = str(error.problem or error.context or "not YAML")
    if "\\t" in problem or "tab" in problem:
        return "a tab cannot indent YAML: use spaces"
    if "mapping values are not allowed" in problem:
        return "a second `:` on one line, or a wrong indentation: check both, or put the value in quotes"
    if "could not find expected ':'" in problem:
        return "a `:` is missing after the key"
    if "expected <block end>" in problem:
        return "this line's indentation does not fit the lines above"
    if "expected a single document" in str(error.context):
        return "a second document (`---`) begins here: a preset is one"
    if "found undefined alias" in problem:
        return f"{problem.replace('found undefined', 'undefined')}: its anchor (`&name`) is missing"
    context = f"{error.context}, " if error.context and error.problem else ""
    return f"not YAML: {context}{problem}"


def _mark(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


class _Values:
    """Turns nodes into values, keeping their places and collecting what is wrong with them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.places: dict[Location, Place] = {}
        self.problems: list[Problem] = []
        self.count = 0

    def value(self, node: Node, location: Location, depth: int) -> Any:
        self.count += 1
        if self.count > MAX_VALUES or depth > MAX_DEPTH:
            if not any(problem.message.startswith("unfolds") for problem in self.problems):
                self.refuse(node, "unfolds into too many values for a preset")
            return None
        if str(node.tag) not in _CORE_TAGS:
            self.refuse(node, f"the tag `{node.tag}` is not allowed: only plain values are")
            return None
        if isinstance(node, ScalarNode):
            return self.scalar(node)
        if isinstance(node, SequenceNode):
            items = []
            for index, item in enumerate(node.value):
                self.places[(*location, index)] = Place(_mark(item), _mark(item))
                items.append(self.value(item, (*location, index), depth + 1))
            return items
        return self.mapping(node, location, depth) if isinstance(node, MappingNode) else None

    def mapping(self, node: MappingNode, location: Location, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, item in node.value:
            if str(key.tag) == _TAG + "merge":
                sources = item.value if isinstance(item, SequenceNode) else [item]
                for source in sources:
                    part = self.value(source, location, depth + 1)
                    merged = (part | merged) if isinstance(part, dict) else merged
                continue
            if not isinstance(key, ScalarNode):
                self.refuse(key, "a key must be text")
                continue
            name = str(key.value)
            if name in values:
                line = self.places[(*location, name)].key[0]
                self.refuse(key, f"`{name}` is here a second time (first in line {line}): keep one")
                continue
            # An empty value is placed by YAML at whatever follows; a person looks for it behind its key.
            empty = isinstance(item, ScalarNode) and not item.value and item.start_mark.line != key.start_mark.line
            self.places[(*location, name)] = Place(_mark(key), _mark(key) if empty else _mark(item))
            values[name] = self.value(item, (*location, name), depth + 1)
        return merged | values

    def scalar(self, node: ScalarNode) -> Any:
        kind = str(node.tag).removeprefix(_TAG)
        text = str(node.value)
        try:
            return _SCALARS[kind](text) if kind in _SCALARS else text
        except (ValueError, OverflowError):
            self.refuse(node, f"`{text[:40]}` cannot be read as {'a number' if kind != 'bool' else 'true or false'}")
            return None

    def refuse(self, node: Node, message: str) -> None:
        self.problems.append(Problem(self.path, *_mark(node), message))


def _integer(text: str) -> int:
    digits = text.replace("_", "").lower()
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    for prefix, base in (("0x", 16), ("0o", 8), ("0b", 2)):
        if digits.startswith(prefix):
            return sign * int(digits[2:], base)
    return sign * int(digits)


def _floating(text: str) -> float:
    number = text.replace("_", "").lower()
    return float(number.replace(".inf", "inf").replace(".nan", "nan"))


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


_SCALARS: dict[str, Callable[[str], Any]] = {
    "null": lambda text: None,
    "bool": _boolean,
    "int": _integer,
    "float": _floating,
}
