"""What the preset being worked on can be compared with: its file, the built-in preset it is from, the runs of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.preset.difference import LineDifference, ValueDifference, line_differences, value_differences
from engine.preset.load import LoadedPreset, parse_preset
from engine.preset.names import preset_folders
from engine.preset.problem import PresetError
from engine.runs.error import RunError
from engine.runs.folder import RunFolder
from engine.runs.index import known_run_folders
from engine.runs.portable import portable_preset
from workbench.preset_file import read_text
from workbench.session import Session

RUNS_OFFERED = 3
"""The latest runs of a preset that it can be compared with."""


@dataclass(frozen=True, slots=True)
class Version:
    """Another state of the preset. `resolved` ones (a run's) hold every key, so that only values compare."""

    title: str
    path: Path
    text: str
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """The preset being worked on against a version of it.

    `values` is None where one of the two has errors, and `lines` where the version holds resolved values only.
    """

    values: tuple[ValueDifference, ...] | None
    lines: tuple[LineDifference, ...] | None


def versions_of(session: Session, origin: str | None) -> tuple[Version, ...]:
    """The versions there are; `origin` is the built-in preset that the file was saved from, where that is known."""
    return tuple(_versions(session, origin))


def _versions(session: Session, origin: str | None) -> Iterator[Version]:
    assert session.path is not None
    text = read_text(session.path)
    if text is not None:
        yield Version("the built-in file" if session.built_in else "the file", session.path, text)
    built_in = Path(origin) if origin else _built_in_of(session.path)
    if not session.built_in and built_in is not None:
        text = read_text(built_in)
        if text is not None:
            yield Version(f"built-in {built_in.stem}", built_in, text)
    for run in _runs_of(session.path)[:RUNS_OFFERED]:
        text = read_text(run.preset)
        if text is not None:
            yield Version(f"run {run.name}", run.preset, text, resolved=True)


def _built_in_of(path: Path) -> Path | None:
    """The built-in preset of the same name."""
    folder = next(folder for origin, folder in preset_folders() if origin == "built in")
    file = folder / path.name
    return file if file.is_file() else None


def _runs_of(path: Path) -> list[RunFolder]:
    """The runs of the preset at `path`, the latest first."""
    found = []
    for folder in known_run_folders():
        try:
            manifest = RunFolder(folder).manifest()
        except RunError:
            continue
        if manifest.preset_path == str(path):
            found.append((manifest.created, RunFolder(folder)))
    return [run for _, run in sorted(found, key=lambda run: -run[0])]


def compare_with(session: Session, version: Version) -> Comparison:
    """How the text being worked on differs from `version`."""
    lines = None if version.resolved else line_differences(version.text, session.text)
    assert session.path is not None
    try:
        before = parse_preset(version.text, version.path)
        after = parse_preset(session.text, session.path)
        if version.resolved:  # a run's paths are absolute: so must these be, to be the same
            before, after = _resolved(before), _resolved(after)
        return Comparison(value_differences(before.preset, after.preset), lines)
    except PresetError:
        return Comparison(None, lines)


def _resolved(loaded: LoadedPreset) -> LoadedPreset:
    return parse_preset(portable_preset(loaded), loaded.path)
