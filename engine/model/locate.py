"""Where the model is that a preset names."""

from pathlib import Path

from engine.demo.build import materialise


def locate_model(reference: str, base: Path) -> str:
    """The folder or hub id of `base_model`: a `demo:` name is built, a folder is looked up in the current folder and
    then in `base` (the preset's own); anything else is a hub id.
    """
    if reference.startswith("demo:"):
        return str(materialise(reference))
    for folder in (Path(reference).expanduser(), base / reference):
        if folder.is_dir():
            return str(folder)
    return reference
