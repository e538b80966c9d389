"""What is generated from the schema: docs/presets.md for people, presets/schema.json for editors.

`python -m engine.preset.reference` writes both, from the root of the repository.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from engine.preset.complete import describe_key
from engine.preset.schema import DatasetConfig, Preset, field_notes
from engine.preset.vocabulary import DATASET_WITHOUT_EFFECT, WITHOUT_EFFECT

PAGE = Path("docs/presets.md")
SCHEMA = Path("presets/schema.json")

_HEAD = """\
# Presets

<!-- Generated from engine/preset/schema.py: `python -m engine.preset.reference`. -->

A preset is one YAML file: model, data, format, loss and training of a run. The keys are axolotl's, with axolotl's
meanings and defaults, so that an axolotl file for a reward model is a preset as it stands; a key without a value means
its default. This is one:

```yaml
base_model: google/gemma-2-2b
reward_model: true
chat_template: gemma
datasets:
  - path: argilla/distilabel-intel-orca-dpo-pairs
    type: bradley_terry.chat_template
```

`reward_model: true` trains on pairs, `process_reward_model: true` on labelled steps; a preset has one of the two.

Where a command takes a preset it takes a path or a name. A name is looked up in `./presets`, in the user's folder of
presets, and among those that ship with the workbench; `rm-workbench presets` lists them, `rm-workbench show NAME`
prints one with its defaults filled in and each value's origin. `--set key=value` replaces a value, with dotted keys
(`--set datasets.0.path=rows.jsonl`); the value is YAML.

Whatever is wrong is said with its place (`mine.yaml:12:16: micro_batch_size: expected a whole number, found text
'two'`), everything at once. A key that nobody knows is an error; a key that axolotl has and that changes nothing here
is accepted and listed as such. The text is YAML 1.2: `1e-5` is a number. Repeated keys are an error; tags are refused.
Anchors and merges work; a key that begins with `x-` or `_` may hold what they reuse.

In an editor with a YAML language server, put this on the first line to have completion and help there too:

```yaml
# yaml-language-server: $schema=PATH/TO/presets/schema.json
```
"""


def reference_page() -> str:
    """The text of docs/presets.md."""
    parts = [_HEAD]
    section = ""
    for name in Preset.model_fields:
        if section != (section := field_notes(Preset, name)["section"]):
            parts.append(f"\n## {section}\n")
            if section == "Ours":
                parts.append("These keys are not axolotl's.\n")
            parts.append("| key | takes | default | |\n| --- | --- | --- | --- |")
        parts.append(_row(Preset, name))
        following = list(Preset.model_fields)[list(Preset.model_fields).index(name) + 1 :][:1]
        if section == "Data" and (not following or field_notes(Preset, following[0])["section"] != "Data"):
            parts.append("\n### An entry of `datasets` or `test_datasets`\n")
            parts.append("| key | takes | default | |\n| --- | --- | --- | --- |")
            parts.extend(_row(DatasetConfig, key) for key in DatasetConfig.model_fields)
            parts.append("\n`type` may also be a mapping of the `field_…` keys.")
    parts.append("\n## Without effect here\n")
    parts.append("Accepted, because axolotl has them, and listed as a notice where they are set:")
    parts.append(", ".join(f"`{name}`" for name in sorted(WITHOUT_EFFECT)) + ".")
    parts.append(
        "\nIn an entry of `datasets`: " + ", ".join(f"`{name}`" for name in sorted(DATASET_WITHOUT_EFFECT)) + "."
    )
    return "\n".join(parts) + "\n"


def json_schema() -> dict[str, Any]:
    """The JSON schema of a preset, for editors: every key may be null, and axolotl's other keys are allowed."""
    schema = Preset.model_json_schema()
    entry = schema["$defs"]["DatasetConfig"]
    for part, model, unused in (
        (schema, Preset, WITHOUT_EFFECT),
        (entry, DatasetConfig, DATASET_WITHOUT_EFFECT),
    ):
        part["properties"] = dict(_properties(part["properties"], model))
        part["properties"] |= {name: {"description": "No effect here."} for name in sorted(unused)}
    entry["properties"]["type"]["anyOf"].append({"type": "object"})
    schema["$schema"] = "http://json-schema.org/draft-07/schema#"
    schema["title"] = "rm-workbench preset"
    renamed = json.dumps(schema).replace("#/$defs/", "#/definitions/").replace('"$defs"', '"definitions"')
    result: dict[str, Any] = json.loads(renamed)
    return result


def _properties(properties: dict[str, Any], model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    for name, given in properties.items():
        notes = {"section", "choices", "no_effect", "default_text", "description", "default", "title"}
        allowed = {key: value for key, value in given.items() if key not in notes}
        options = [option for option in allowed.pop("anyOf", []) if option != {"type": "null"}]
        options += [allowed] if allowed else []
        if (
            model.model_fields[name].annotation == tuple[str, ...]
            or {"type": "array", "items": {"type": "string"}} in options
        ):
            options.append({"type": "string"})
        examples = [{"enum": given["choices"]}] if given["choices"] and {"type": "string"} in options else []
        help_ = describe_key(model, name)
        description = f"{help_.description} Default: {help_.default}."
        yield name, {"description": description, "anyOf": [*examples, *options, {"type": "null"}]}


def _row(model: type[BaseModel], name: str) -> str:
    help_ = describe_key(model, name)
    default = help_.default
    if default not in {"needed", "none"} and "`" not in default and not field_notes(model, name)["default_text"]:
        default = f"`{default}`"
    choices = field_notes(model, name)["choices"]
    listed = f" Of use: {', '.join(f'`{choice}`' for choice in choices)}." if len(choices) > 1 else ""
    cells = (f"`{name}`", help_.type, default, help_.description + listed)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> None:
    """Write both files."""
    PAGE.write_text(reference_page(), encoding="utf-8")
    SCHEMA.write_text(json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
