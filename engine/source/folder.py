"""Folders: of data files, saved by `save_to_disk`, or a copy of a hub data set."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine.source.columnar import Arrow
from engine.source.combine import concatenated
from engine.source.file import DS_TYPES, kind_by_name, open_file
from engine.source.row import Source, SourceError, fingerprint_of

Splits = Mapping[str, Callable[[], Source]]

_NOT_DATA = {
    "dataset_info.json",
    "dataset_infos.json",
    "dataset_dict.json",
    "state.json",
    "package.json",
    "package-lock.json",
}
# The names by which `datasets` knows a split from a file's or folder's name.
_KEYWORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_SHARD = re.compile(r"(?P<split>\w+(?:\.\w+)*)-\d{5}-of-\d{5}\b.*")


def is_saved(folder: Path) -> bool:
    """Whether `save_to_disk` wrote the folder."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def saved_splits(folder: Path) -> Splits:
    """The splits of a folder that `save_to_disk` wrote: those of a DatasetDict, or `train` for a single Dataset."""
    if (folder / "dataset_dict.json").is_file():
        names = _json(folder / "dataset_dict.json").get("splits", [])
        return {name: _opener_of_saved(folder / name) for name in names}
    return {"train": _opener_of_saved(folder)}


def _opener_of_saved(folder: Path) -> Callable[[], Source]:
    def opener() -> Source:
        state = _json(folder / "state.json")
        names = [entry["filename"] for entry in state.get("_data_files", [])]
        if not names or state.get("_indices_data_files"):
            advice = "Load it with `datasets.load_from_disk` and save it again."
            raise SourceError("the saved data set lists no data files of its own", str(folder), advice)
        absent = next((name for name in names if not (folder / name).is_file()), None)
        if absent:
            raise SourceError(f"the saved data set lacks its file {absent}", str(folder), "Copy the folder again.")
        parts = [
            Arrow(folder / name, fingerprint_of(state.get("_fingerprint", ""), (folder / name).stat().st_mtime_ns))
            for name in names
        ]
        source = concatenated(parts)
        if not len(source):
            raise SourceError("the saved data set holds no rows", str(folder), "Check how it was written.")
        return source

    return opener


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"not readable: {error}", str(path), "Save the data set again.") from error
    if not isinstance(value, dict):
        raise SourceError("not what `save_to_disk` writes", str(path), "Save the data set again.")
    return value


def needs_hub_layout(folder: Path) -> bool:
    """Whether the folder's README says, in the hub's way, which files make up which subset and split."""
    readme = folder / "README.md"
    try:
        head = readme.read_text(encoding="utf-8", errors="replace")[:65536] if readme.is_file() else ""
    except OSError:
        return False
    block = re.match(r"---\n(.*?)\n---", head, re.DOTALL)
    return bool(block and re.search(r"^configs:", block[1], re.MULTILINE))


def folder_splits(folder: Path, ds_type: str | None) -> Splits:
    """The splits of a folder of data files, told from their names as `datasets` does; all in `train` if none tells."""
    files = data_files_in(folder, ds_type)
    names = {file: split_by_name(file.relative_to(folder)) for file in files}
    unnamed = [file for file, name in names.items() if name is None]
    if unnamed and len(unnamed) < len(files):
        what = f"some of the files name a split and others, like {unnamed[0].relative_to(folder)}, do not"
        raise SourceError(what, str(folder), "Name the files to read in `data_files`.")
    grouped: dict[str, list[Path]] = {}
    for file, name in names.items():
        grouped.setdefault(name or "train", []).append(file)
    usual = [name for name in _KEYWORDS if name in grouped]
    order = usual + [name for name in grouped if name not in usual]
    return {name: opener_of(tuple(grouped[name]), ds_type) for name in order}


def opener_of(files: tuple[Path, ...], ds_type: str | None) -> Callable[[], Source]:
    """What opens `files` as one source, in their order."""
    return lambda: concatenated([open_file(file, ds_type) for file in files])


def data_files_in(folder: Path, ds_type: str | None) -> list[Path]:
    """The data files under `folder`, sorted. SourceError if there are none, or of several kinds without a `ds_type`."""
    found = []
    try:
        for file in sorted(folder.rglob("*")):
            hidden = any(part.startswith((".", "__")) for part in file.relative_to(folder).parts)
            if not hidden and file.name not in _NOT_DATA and kind_by_name(file) and file.is_file():
                found.append(file)
    except PermissionError as error:
        raise SourceError("no permission to read the folder", str(folder), "Check its owner and mode.") from error
    if ds_type:
        found = [file for file in found if kind_by_name(file) == DS_TYPES[ds_type]]
    kinds = Counter(kind_by_name(file) for file in found)
    if not found:
        sought = f"{ds_type} " if ds_type else ""
        advice = "Data files are JSON, JSON-lines, CSV, Parquet and Arrow; name others in `data_files` with `ds_type`."
        raise SourceError(f"the folder holds no {sought}data files", str(folder), advice)
    if len(kinds) > 1:
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        raise SourceError(f"the folder holds files of several kinds: {counts}", str(folder), "Set `ds_type` to one.")
    return found


def split_by_name(file: Path) -> str | None:
    """The split that a file's name, or that of a folder it lies in, says; None if neither does."""
    shard = _SHARD.fullmatch(file.name)
    if shard:
        return shard["split"]
    for part in reversed(file.parts):
        words = re.split(r"[-._ 0-9]+", part.lower())
        for split, keywords in _KEYWORDS.items():
            if any(keyword in words for keyword in keywords):
                return split
    return None
