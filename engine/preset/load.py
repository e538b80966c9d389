"""From the text of a preset to the preset, with every problem at its line and column."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from engine.preset.document import Document, Location, read_document
from engine.preset.names import find_preset
from engine.preset.override import apply_overrides
from engine.preset.problem import PresetError, Problem
from engine.preset.schema import DatasetConfig, Preset, field_notes
from engine.preset.suggest import did_you_mean
from engine.preset.values import describe
from engine.preset.vocabulary import DATASET_WITHOUT_EFFECT, WITHOUT_EFFECT, ZERO_MEANS_UNSET

_FOR_ANCHORS = ("x-", "_")
"""What keys begin with that only hold what anchors reuse."""
_LISTS_OF_DATASETS = ("datasets", "test_datasets")


@dataclass(frozen=True)
class LoadedPreset:
    """A preset as it was read.

    `origins` says for each dotted key where its value is from: `file`, `default` or `--set`. `notices` lists what is
    accepted and has no effect.
    """

    preset: Preset
    path: Path
    text: str
    origins: Mapping[str, str]
    notices: tuple[Problem, ...]

    @property
    def name(self) -> str:
        """The preset's name: its file's, without the ending."""
        return self.path.stem


def load_preset(name_or_path: str, overrides: Sequence[str] = ()) -> LoadedPreset:
    """Load the preset of a name or path; `overrides` are `key=value` with dotted keys.

    Raises PresetError, with every problem found.
    """
    path = find_preset(name_or_path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        why = error.strerror or str(error)
        raise PresetError([Problem(path, 0, 0, f"cannot be read: {why}")]) from error
    return parse_preset(_decode(raw, path), path, overrides)


def parse_preset(text: str, path: Path, overrides: Sequence[str] = ()) -> LoadedPreset:
    """The preset that this text holds; `path` is the file it belongs to. Raises PresetError, with every problem."""
    document = read_document(text, path)
    apply_overrides(document, overrides)
    data, unknown = _known_values(document)
    problems = list(unknown)
    preset, refused = _validate(data, document)
    problems += refused
    if preset is None or any(problem.severity == "error" for problem in problems):
        errors = {problem for problem in problems if problem.severity == "error"}
        raise PresetError(sorted(errors, key=lambda problem: (problem.line, problem.column, problem.message)))
    problems += _without_effect(preset, document)
    notices = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
    return LoadedPreset(preset, path, text, MappingProxyType(_origins(preset, document)), notices)


def _decode(raw: bytes, path: Path) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        message = f"not UTF-8 text (byte 0x{raw[error.start]:02x}): save the file as UTF-8"
        raise PresetError([Problem(path, line, column, message)]) from error


def _known_values(document: Document) -> tuple[dict[str, Any], list[Problem]]:
    """The document's values by known key, nulls left out (they mean the default); problems with the other keys."""
    problems: list[Problem] = []
    data: dict[str, Any] = {}
    for name, value in document.data.items():
        if name in _LISTS_OF_DATASETS and isinstance(value, list):
            data[name] = [
                _known_of_dataset(document, (name, index), entry, problems) if isinstance(entry, dict) else entry
                for index, entry in enumerate(value)
            ]
        elif name in Preset.model_fields:
            if value is not None and not (name in ZERO_MEANS_UNSET and value == 0):
                data[name] = _without_nulls(value) if name == "special_tokens" else value
        elif name in WITHOUT_EFFECT:
            if value is not None and value is not False:
                problems.append(document.problem((name,), f"`{name}` has no effect here", at_key=True, notice=True))
        elif not name.startswith(_FOR_ANCHORS):
            problems.append(document.problem((name,), _unknown(name, Preset, WITHOUT_EFFECT), at_key=True))
    return data, problems


def _known_of_dataset(
    document: Document, at: Location, entry: dict[str, Any], problems: list[Problem]
) -> dict[str, Any]:
    known = {}
    for name, value in entry.items():
        if name == "type" and isinstance(value, dict):
            known["type"] = _known_fields(document, (*at, "type"), value, problems)
        elif name in DatasetConfig.model_fields:
            if value is not None:
                known[name] = value
        elif name in DATASET_WITHOUT_EFFECT:
            if value is not None and value is not False:
                problems.append(document.problem((*at, name), f"`{name}` has no effect here", at_key=True, notice=True))
        else:
            message = _unknown(name, DatasetConfig, DATASET_WITHOUT_EFFECT)
            problems.append(document.problem((*at, name), message, at_key=True))
    return known


def _known_fields(document: Document, at: Location, value: dict[str, Any], problems: list[Problem]) -> dict[str, Any]:
    fields = [name for name in DatasetConfig.model_fields if name.startswith("field_")]
    for name in value:
        if name not in fields:
            message = f"unknown key `{name}`{did_you_mean(name, fields)} (`type` is text, or maps the field_… keys)"
            problems.append(document.problem((*at, name), message, at_key=True))
    return {name: column for name, column in value.items() if name in fields}


def _unknown(name: str, model: type[BaseModel], accepted: frozenset[str]) -> str:
    if model is Preset and name in DatasetConfig.model_fields:
        return f"`{name}` belongs to a data set: put it into an entry of `datasets`"
    if model is DatasetConfig and name in Preset.model_fields:
        return f"`{name}` belongs to the preset, not to a data set: put it at the left margin"
    hint = did_you_mean(name, model.model_fields) or did_you_mean(name, accepted)
    return f"unknown key `{name[:80]}`{hint}"


def _without_nulls(value: Any) -> Any:
    return {name: item for name, item in value.items() if item is not None} if isinstance(value, dict) else value


def _validate(data: dict[str, Any], document: Document) -> tuple[Preset | None, list[Problem]]:
    try:
        return Preset.model_validate(data), []
    except ValidationError as error:
        problems = list(_problems_of(error, document, frozenset()))
        wrong = frozenset(str(detail["loc"][0]) for detail in error.errors(include_url=False) if detail["loc"])
    if wrong:
        # Conflicts between keys only come to light once each key alone is right: look past those that are not.
        stand_ins: dict[str, Any] = {"base_model": "-", "datasets": [{"path": "-"}]}
        rest = {name: value for name, value in data.items() if name not in wrong}
        rest |= {name: value for name, value in stand_ins.items() if name in wrong}
        try:
            Preset.model_validate(rest)
        except ValidationError as error:
            problems += _problems_of(error, document, wrong)
    return None, problems


def _problems_of(error: ValidationError, document: Document, wrong: frozenset[str]) -> Iterator[Problem]:
    for detail in error.errors(include_url=False):
        if detail["type"] == "conflict":
            for keys, message in detail["ctx"]["conflicts"]:
                if wrong.isdisjoint(keys):
                    present = next((key for key in keys if (key,) in document.places), keys[0])
                    yield document.problem((present,), message, at_key=(present,) not in document.places)
        elif not wrong:
            location = tuple(detail["loc"])
            yield document.problem(location, _message(detail, location), at_key=detail["type"] == "missing")


def _message(detail: Any, location: Location) -> str:
    name = next((part for part in reversed(location) if isinstance(part, str)), "")
    context = detail.get("ctx", {})
    if name in _LISTS_OF_DATASETS and detail["type"] in {"model_type", "model_attributes_type"}:
        found = describe(detail["input"])
        return f"{name}: its entry {int(location[-1]) + 1} should begin with `path: …`, found {found}"
    match detail["type"]:
        case "missing":
            model = DatasetConfig if len(location) > 1 else Preset
            return f"`{name}` is missing. {model.model_fields[name].description}"
        case "greater_than_equal":
            return f"{name}: must be at least {context['ge']}, found {describe(detail['input'])}"
        case "greater_than":
            return f"{name}: must be above {context['gt']}, found {describe(detail['input'])}"
        case "less_than_equal":
            return f"{name}: must be at most {context['le']}, found {describe(detail['input'])}"
        case "tuple_type":
            found = describe(detail["input"])
            advice = ": write `- ` before its first key" if name in _LISTS_OF_DATASETS and found == "a mapping" else ""
            return f"{name}: expected a list, found {found}{advice}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"{name}: expected a mapping, found {describe(detail['input'])}"
        case "string_type":
            return f"{name}: expected text, found {describe(detail['input'])}"
    return f"{name}: {detail['msg']}"


def _without_effect(preset: Preset, document: Document) -> Iterator[Problem]:
    for name in document.data:
        why = field_notes(Preset, name).get("no_effect") if name in Preset.model_fields else None
        if why and getattr(preset, name):
            yield document.problem((name,), f"`{name}` has no effect here: {why}", at_key=True, notice=True)
    if isinstance(document.data.get("gradient_checkpointing"), str) and preset.gradient_checkpointing:
        message = "activations are recomputed, not offloaded"
        yield document.problem(("gradient_checkpointing",), message, notice=True)


def _origins(preset: Preset, document: Document) -> dict[str, str]:
    origins = {}
    for name in Preset.model_fields:
        entries = getattr(preset, name) if name in _LISTS_OF_DATASETS else ()
        if entries:
            for index, entry in enumerate(entries):
                for key in type(entry).model_fields:
                    origins[f"{name}.{index}.{key}"] = document.origin((name, index, key))
        else:
            origins[name] = document.origin((name,))
    return origins
