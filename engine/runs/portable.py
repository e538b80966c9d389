"""The preset that a run keeps: resolved, and meaning the same from whatever folder it is read."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.preset.load import LoadedPreset
from engine.preset.schema import DatasetConfig
from engine.preset.show import show_preset

_MODELS = ("base_model", "tokenizer_config")
_PATHS = ("chat_template_jinja", "deepspeed", "resume_from_checkpoint", "leave_out")
_BUILDERS = ("json", "csv", "parquet", "arrow")


def portable_preset(loaded: LoadedPreset) -> str:
    """The resolved preset as YAML, in which every relative path that names something here is absolute.

    A path is looked up as the preset's reader does: in the current folder, then in the preset's own. What is in
    neither (a hub id, a `demo:` name) stays as it is.
    """
    preset = loaded.preset
    roots = (Path.cwd(), loaded.path.absolute().parent)
    changes: dict[str, Any] = {name: _absolute(getattr(preset, name), roots, folder=True) for name in _MODELS}
    changes |= {name: _absolute(getattr(preset, name), roots) for name in _PATHS}
    if preset.output_dir:
        changes["output_dir"] = str(Path(preset.output_dir).expanduser().absolute())
    changes["datasets"] = tuple(_portable_data(config, roots) for config in preset.datasets)
    changes["test_datasets"] = tuple(_portable_data(config, roots) for config in preset.test_datasets)
    return show_preset(replace(loaded, preset=preset.model_copy(update=changes)))


def _portable_data(config: DatasetConfig, roots: Sequence[Path]) -> DatasetConfig:
    path = _absolute(config.path, roots)
    changes = {"path": path, "chat_template_jinja": _absolute(config.chat_template_jinja, roots)}
    if config.data_files and (path in _BUILDERS or Path(path).is_dir()):
        within = roots if path in _BUILDERS else (Path(path), *roots)
        changes["data_files"] = tuple(_absolute(name, within) for name in config.data_files)
    return config.model_copy(update=changes)


def _absolute(value: Any, roots: Sequence[Path], folder: bool = False) -> Any:
    if not isinstance(value, str) or not value or "\n" in value or len(value) > 4096:
        return value
    given = Path(value).expanduser()
    for root in roots:
        candidate = root / given
        try:
            found = candidate.is_dir() if folder else candidate.exists() or _matches(root, given)
        except (OSError, ValueError):
            continue
        if found:
            return str(candidate)
    return value


def _matches(root: Path, given: Path) -> bool:
    pattern = str(given)
    if given.is_absolute() or not any(character in pattern for character in "*?["):
        return False
    return next(root.glob(pattern), None) is not None
