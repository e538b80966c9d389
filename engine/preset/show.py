"""The resolved preset: every key with its value, and where the value is from."""

import io
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from engine.preset.load import LoadedPreset
from engine.preset.schema import DatasetConfig, Preset, field_notes

COLUMN = 56
"""Where the origins stand, unless the value is longer."""


def show_preset(loaded: LoadedPreset) -> str:
    """The resolved preset as YAML, section by section, each value's origin as a comment.

    The text loads as the same Preset.
    """
    preset = loaded.preset
    root = CommentedMap()
    section = ""
    for name in Preset.model_fields:
        value = getattr(preset, name)
        if isinstance(value, tuple) and value and isinstance(value[0], DatasetConfig):
            root[name] = CommentedSeq(
                [_mapping(entry, f"{name}.{index}", loaded.origins) for index, entry in enumerate(value)]
            )
        else:
            root[name] = _plain(value)
            root.yaml_add_eol_comment(loaded.origins[name], name, column=COLUMN)
        if section != (section := field_notes(Preset, name)["section"]):
            root.yaml_set_comment_before_after_key(name, before=f"\n{section}" if name != "base_model" else section)
    yaml = YAML()
    yaml.width = 10_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(root, stream)
    return stream.getvalue()


def preset_values(preset: Preset) -> dict[str, Any]:
    """The preset as plain values, for JSON."""
    return preset.model_dump(mode="json")


def flat_values(preset: Preset) -> dict[str, Any]:
    """The preset's plain values by dotted key, such as `datasets.0.path`; a list of plain values is one value."""
    return _flat(preset_values(preset))


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, dict) and value:
        items = [(str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        items = [(str(index), inner) for index, inner in enumerate(value)]
    else:
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, inner in items:
        flat |= _flat(inner, f"{prefix}.{key}" if prefix else key)
    return flat


def _mapping(entry: BaseModel, prefix: str, origins: Any) -> CommentedMap:
    values = CommentedMap()
    for name in type(entry).model_fields:
        values[name] = _plain(getattr(entry, name))
        values.yaml_add_eol_comment(origins[f"{prefix}.{name}"], name, column=COLUMN)
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        items = CommentedSeq([_plain(item) for item in value])
        items.fa.set_flow_style()
        return items
    if isinstance(value, dict):
        mapping = CommentedMap({key: _plain(item) for key, item in value.items()})
        mapping.fa.set_flow_style()
        return mapping
    return value
