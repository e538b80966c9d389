"""What the app remembers from one session to the next, as JSON in the state folder."""

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

KEPT_RECENT = 12
"""How many of the presets that were opened or saved are remembered."""
KEPT_SELECTIONS = 200
"""How many presets' last rows are remembered."""


@dataclass
class State:
    """`recent` holds the paths of the presets last opened or saved, latest first; `origins` the built-in preset that a
    file was saved from; `selections` (split, row) by preset path; `screens` whatever a screen keeps under its own name
    (JSON); `keymap` the user's own keys by binding id.
    """

    last_preset: str | None = None
    theme: str | None = None
    recent: list[str] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)
    selections: dict[str, tuple[str, int]] = field(default_factory=dict)
    keymap: dict[str, str] = field(default_factory=dict)
    screens: dict[str, dict[str, Any]] = field(default_factory=dict)

    def opened(self, path: str) -> None:
        """Note that the preset at `path` is the one being worked on."""
        self.last_preset = path
        self.recent = [path, *(other for other in self.recent if other != path)][:KEPT_RECENT]

    def of(self, screen: str) -> dict[str, Any]:
        """What `screen` remembers: a dict of its own to read and write."""
        return self.screens.setdefault(screen, {})


def load_state(folder: Path) -> State:
    """The state kept in `folder`. What is missing or damaged there is forgotten: it never stops the app."""
    try:
        kept = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return State()
    state = State()
    if not isinstance(kept, dict):
        return state
    if isinstance(kept.get("last_preset"), str):
        state.last_preset = kept["last_preset"]
    if isinstance(kept.get("theme"), str):
        state.theme = kept["theme"]
    recent = kept.get("recent")
    state.recent = [path for path in recent if isinstance(path, str)][:KEPT_RECENT] if isinstance(recent, list) else []
    state.origins = {path: of for path, of in _dict(kept, "origins").items() if isinstance(of, str)}
    for path, selection in _dict(kept, "selections").items():
        with contextlib.suppress(TypeError, ValueError):
            split, row = selection
            state.selections[path] = ("eval" if split == "eval" else "train", max(0, int(row)))
    state.keymap = {name: keys for name, keys in _dict(kept, "keymap").items() if isinstance(keys, str)}
    state.screens = {name: of for name, of in _dict(kept, "screens").items() if isinstance(of, dict)}
    return state


def save_state(folder: Path, state: State) -> None:
    """Write `state` into `folder`, whole or not at all. Raises OSError where the folder cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = asdict(state)
    kept["origins"] = dict(list(state.origins.items())[-KEPT_SELECTIONS:])
    kept["selections"] = dict(list(state.selections.items())[-KEPT_SELECTIONS:])
    new = folder / f"state.json.{os.getpid()}"
    new.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    new.replace(folder / "state.json")


def _dict(kept: dict[str, Any], name: str) -> dict[str, Any]:
    value = kept.get(name)
    return value if isinstance(value, dict) else {}
