"""Presets by name: those that ship with the product, those of the current folder, those of the user."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from platformdirs import user_config_path

from engine.preset.problem import PresetError, Problem
from engine.preset.suggest import did_you_mean

Origin = Literal["./presets", "user", "built in"]

_ENDINGS = (".yaml", ".yml")
_ENDINGS_OF_DATA = (".jsonl", ".csv", ".parquet", ".arrow")
_KIND = re.compile(r"^(process_reward_model|reward_model):[ ]*(?:true|yes|on)\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class NamedPreset:
    """A preset that can be named. `description` is the first line of its comment; `kind` is None if it says none.

    `origin` is one of `Origin`, or for a file that no name leads to, where it lies.
    """

    name: str
    path: Path
    origin: str
    kind: Literal["pair", "steps"] | None
    description: str


def preset_folders() -> tuple[tuple[Origin, Path], ...]:
    """The folders where names are looked up, first to last; they need not exist."""
    built_in = Path(__file__).resolve().parents[2] / "presets"
    folders: list[tuple[Origin, Path]] = [
        ("user", user_config_path("rm-workbench") / "presets"),
        ("built in", built_in),
    ]
    # In a checkout, ./presets is the folder that ships.
    return tuple(folders) if Path("presets").resolve() == built_in else (("./presets", Path("presets")), *folders)


def list_presets() -> tuple[NamedPreset, ...]:
    """Every preset that can be named, built in ones first. A name that is there twice means the one looked up first."""
    found: dict[str, NamedPreset] = {}
    for origin, folder in preset_folders():
        for path in _files(folder):
            if path.stem not in found:
                found[path.stem] = describe_preset(path, origin)
    order: dict[str, int] = {"built in": 0, "./presets": 1, "user": 2}
    return tuple(sorted(found.values(), key=lambda preset: (order[preset.origin], preset.name)))


def find_preset(name_or_path: str) -> Path:
    """The file of a preset, given by path (it exists, holds a separator, or ends in .yaml) or by name.

    Raises PresetError if there is none, and for a data set, which a preset would name.
    """
    path = Path(name_or_path).expanduser()
    is_path = path.suffix.lower() in _ENDINGS or "/" in name_or_path or os.sep in name_or_path
    try:
        if path.is_file():
            if path.suffix.lower() in _ENDINGS_OF_DATA:
                advice = f"`rm-workbench new {path} > {path.stem}.yaml` writes a preset that reads it"
                raise PresetError([Problem(path, 0, 0, f"a data set, not a preset: {advice}")])
            return path
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise PresetError([Problem(path, 0, 0, "not a usable file name")]) from error
    if is_path:
        raise PresetError([Problem(path, 0, 0, "a folder, not a preset" if exists else "no such file")])
    for _, folder in preset_folders():
        for ending in _ENDINGS:
            file = folder / f"{name_or_path}{ending}"
            if name_or_path and file.is_file():
                return file
    names = [preset.name for preset in list_presets()]
    hint = did_you_mean(name_or_path, names) or f"; the presets are {', '.join(names)}"
    raise PresetError([Problem(Path(name_or_path or "''"), 0, 0, f"no preset of this name{hint}")])


def _files(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS and path.is_file())
    except OSError:
        return


def describe_preset(path: Path, origin: str) -> NamedPreset:
    """What the file `path` says of itself, read without being parsed; `origin` says where it is from."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")[:100_000]
    except OSError:
        text = ""
    kinds = {match.group(1) for match in _KIND.finditer(text)}
    kind: Literal["pair", "steps"] | None = None
    if len(kinds) == 1:
        kind = "pair" if "reward_model" in kinds else "steps"
    first = text.lstrip().partition("\n")[0].strip()
    description = first.lstrip("#").strip() if first.startswith("#") else ""
    return NamedPreset(path.stem, path, origin, kind, description)
