"""A run, by its name or its path."""

from pathlib import Path

from engine.preset.suggest import did_you_mean
from engine.runs.error import RunError
from engine.runs.folder import RunFolder
from engine.runs.index import known_run_folders
from engine.visible import visible


def find_run(name_or_path: str) -> RunFolder:
    """The run of this path, or of this name: in `./runs` first, then anywhere in the index.

    Raises RunError where there is none (with the nearest name), or several of the name and none of them here.
    """
    shown = visible(name_or_path)[:200]
    try:
        path = Path(name_or_path).expanduser()
        if RunFolder(path).exists():
            return RunFolder(path.resolve())
    except (OSError, ValueError, RuntimeError) as error:
        raise RunError(
            f"{shown!r} is neither a run's name nor its path", advice="`rm-workbench runs` lists the runs"
        ) from error
    known = known_run_folders()
    named = [path for path in known if path.name == name_or_path]
    here = Path("runs").resolve() / name_or_path
    if here in named or len(named) == 1:
        return RunFolder(here if here in named else named[0])
    if named:
        paths = ", ".join(sorted(map(str, named)))
        raise RunError(f"there are {len(named)} runs called {shown}", paths, "give the path of the one you mean")
    hint = did_you_mean(name_or_path, [path.name for path in known])
    raise RunError(f"no run called {shown}{hint}", advice="`rm-workbench runs` lists the runs")
