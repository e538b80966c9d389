"""The preset being worked on and the place in its data: what all screens share.

The app holds one `Session` and one `Selection` as reactive attributes; a screen watches them
(`self.watch(self.app, "session", self.show_session)`) and never changes them but through the app.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the engine's schema costs pydantic, which the first paint does without
    from collections.abc import Iterable

    from engine.inspector.messages import PresetText
    from engine.preset.load import LoadedPreset
    from engine.preset.problem import Problem
    from engine.sample import SampleId, Split


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """A preset as it stands in the editor.

    `problems` are those of `text`; `checked` is False until `text` has been looked at. `loaded` is the last text that
    was valid: what a screen shows while the person is in the middle of typing. `built_in` presets are never written
    to: saving makes a copy.
    """

    path: Path | None = None
    text: str = ""
    saved_text: str = ""
    built_in: bool = False
    checked: bool = False
    problems: "tuple[Problem, ...]" = ()
    loaded: "LoadedPreset | None" = None

    @property
    def name(self) -> str:
        """The preset's name: its file's, without the ending; empty where no preset is open."""
        return self.path.stem if self.path else ""

    @property
    def unsaved(self) -> bool:
        """Whether the text differs from the file."""
        return self.text != self.saved_text

    @property
    def valid(self) -> bool:
        """Whether the text as it stands is a preset without errors."""
        return self.loaded is not None and self.loaded.text == self.text

    @property
    def preset_text(self) -> "PresetText | None":
        """What to send the inspector: the last valid text. None where there has not been any."""
        from engine.inspector.messages import PresetText

        return PresetText(self.loaded.text, str(self.path)) if self.loaded else None


@dataclass(frozen=True, slots=True)
class Selection:
    """The row in view, the same on every screen: index `row` of a split."""

    split: "Split" = "train"
    row: int = 0


@dataclass(frozen=True, slots=True)
class RowSet:
    """Rows to look at, as (data set, row), and why: "truncated, 12 rows". Inspect walks these only, in this order.

    `positions` are where they stand in the split, for who knows that; `items` which of a row's samples to show first,
    where it is not the first. With the folder of a `run`, its values are shown beside the rows. See `row_set_of`.
    """

    rows: tuple[tuple[int, int], ...]
    why: str
    split: "Split" = "train"
    positions: tuple[int, ...] = ()
    items: tuple[tuple[tuple[int, int], int], ...] = ()
    run: Path | None = None


def row_set_of(samples: "Iterable[SampleId]", why: str, split: "Split" = "train", run: Path | None = None) -> RowSet:
    """The rows of these samples, each once, to be shown at the first of its samples named here."""
    items: dict[tuple[int, int], int] = {}
    for sample in samples:
        items.setdefault((sample.dataset, sample.row), sample.item)
    others = tuple((place, item) for place, item in items.items() if item)
    return RowSet(tuple(items), why, split, items=others, run=run)


def validated(session: Session) -> Session:
    """`session` with its text looked at: its problems, and what it loads where there are no errors."""
    from engine.preset.load import parse_preset
    from engine.preset.problem import PresetError

    assert session.path is not None
    try:
        loaded = parse_preset(session.text, session.path)
    except PresetError as error:
        return replace(session, checked=True, problems=error.problems)
    return replace(session, checked=True, problems=loaded.notices, loaded=loaded)
