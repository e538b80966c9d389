"""Where the model is that a preset names."""

from pathlib import Path

from engine.demo.build import materialise
from engine.hub import HubError, downloaded_model, is_hub_id, model_on_hub
from engine.model.error import ModelError


def model_folder_here(reference: str, base: Path, revision: str | None = None) -> Path | None:
    """The folder of a model that is on this machine already; None where it is not. Asks no hub."""
    if reference.startswith("demo:"):
        return materialise(reference)
    for folder in (Path(reference).expanduser(), base / reference):
        if folder.is_dir():
            return folder
    return downloaded_model(reference, revision) if is_hub_id(reference) else None


def locate_model(reference: str, base: Path, revision: str | None = None) -> str:
    """The folder or hub id of `base_model`: a `demo:` name is built, a folder is looked up in the current folder and
    then in `base` (the preset's own); anything else is a hub id, or the folder of an earlier download of it where the
    hub is out of reach. Raises ModelError.
    """
    if reference.startswith("demo:"):
        return str(materialise(reference))
    for folder in (Path(reference).expanduser(), base / reference):
        if folder.is_dir():
            return str(folder)
    if not is_hub_id(reference):
        raise ModelError(f"There is no folder {reference}.", "base_model", "Give a model's folder, or a hub id.")
    try:
        return model_on_hub(reference, revision)
    except HubError as error:
        raise ModelError(f"{reference}: {error.what}", "base_model", error.advice) from error
