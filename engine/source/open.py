"""Opening the data set that an entry of `datasets:` or `test_datasets:` names."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.source.file import DS_TYPES, open_file
from engine.source.folder import Splits, folder_splits, is_saved, needs_hub_layout, opener_of, saved_splits
from engine.source.hub import open_hub
from engine.source.locate import find_local, looks_local, missing, nearest
from engine.source.row import Source, SourceError
from engine.source.splits import choose_split

if TYPE_CHECKING:
    from engine.preset.schema import DatasetConfig

DataFiles = str | Sequence[str] | Mapping[str, str | Sequence[str]]

DEMO = "demo:"
_REMOTE = ("http://", "https://", "s3://", "gs://", "gcs://", "az://", "abfs://", "oci://", "hf://")


def open_source(config: "DatasetConfig", base: Path, default_split: str = "train") -> Source:
    """Open the data set that `config` names; `base` is the preset's folder.

    `path` is a file or folder (from the current folder, else from `base`), `demo:NAME`, or a hub id: what exists here
    wins, and what can only be a path is never sent to the hub. `default_split` counts where `split` is not given and
    the data set has a split of that name. SourceError for what cannot be opened.
    """
    path = config.path
    if config.ds_type and config.ds_type not in DS_TYPES:
        near = nearest(config.ds_type, DS_TYPES)
        advice = f"Did you mean {near}?" if near else f"It is one of {', '.join(DS_TYPES)}."
        raise SourceError(f"`ds_type` {config.ds_type!r} is not one we read", path, advice)
    if path.startswith(DEMO):
        return _open_demo(path, config.split, default_split)
    if path.startswith(_REMOTE):
        advice = "Download it and give the local path; for a data set on the hub give its id."
        raise SourceError("addresses of remote storage are not read", path, advice)
    local = find_local(path, base)
    if local is None and path in DS_TYPES and config.data_files:
        splits = _named_files(config.data_files, base, base, config.ds_type or path, path)
        return choose_split(splits, config.split, default_split, path)
    if local is None:
        if looks_local(path):
            raise missing(path, base)
        return open_hub(path, config, default_split)
    if local.is_dir():
        return _open_folder(local, config, base, default_split)
    splits = {"train": opener_of((local,), config.ds_type)}
    return choose_split(splits, config.split, default_split, str(local))


def _open_folder(folder: Path, config: "DatasetConfig", base: Path, default_split: str) -> Source:
    where = str(folder)
    if config.data_files:
        splits = _named_files(config.data_files, folder, base, config.ds_type, where)
    elif is_saved(folder):
        splits = saved_splits(folder)
    elif config.name or needs_hub_layout(folder):
        return open_hub(where, config, default_split)
    else:
        splits = folder_splits(folder, config.ds_type)
    return choose_split(splits, config.split, default_split, where)


def _named_files(data_files: DataFiles, folder: Path, base: Path, ds_type: str | None, where: str) -> Splits:
    """The splits that `data_files` names: files or patterns, in one list or by split."""
    by_split = data_files if isinstance(data_files, Mapping) else {"train": data_files}
    return {
        split: opener_of(tuple(_matching([names] if isinstance(names, str) else names, folder, base, where)), ds_type)
        for split, names in by_split.items()
    }


def _matching(names: Sequence[str], folder: Path, base: Path, where: str) -> list[Path]:
    """The files that `names` (paths or patterns) stand for: from the data set's folder, from here, or from `base`."""
    files: list[Path] = []
    for name in names:
        for root in (folder, Path(), base):
            found = _glob((root / Path(name).expanduser()).absolute())
            if found:
                files += found
                break
        else:
            error = missing(name, folder)
            raise SourceError("`data_files` names a file that is not there", f"{where}: {name}", error.advice)
    return files


def _glob(pattern: Path) -> list[Path]:
    """The files that an absolute path or pattern stands for, sorted."""
    if pattern.is_file():
        return [pattern]
    return sorted(
        file for file in Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))) if file.is_file()
    )


def _open_demo(reference: str, split: str | None, default_split: str) -> Source:
    from engine.demo.build import materialise

    made = Path(materialise(reference))
    if made.is_dir():
        return choose_split(folder_splits(made, None), split, default_split, reference)
    return choose_split({"train": lambda: open_file(made)}, split, default_split, reference)
