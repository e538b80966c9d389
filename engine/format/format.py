"""What a format is: a layout of rows, by name, with the reason it was chosen and the function that reads a row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from engine.error import EngineError
from engine.finding import Finding, Refusal
from engine.sample import Sample
from engine.source.row import Row

Kind = Literal["pair", "steps"]


class FormatError(EngineError):
    """No format reads this data set: its columns are not those of the type, or of any layout that is known."""


class RowRefused(Exception):  # noqa: N818 (nothing is wrong with the program)
    """Raised while a row is read, to give it up; `Format.convert` turns it into the row's refusal."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(reason, message)


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of a row: its samples (a row of ranked answers gives several), or the refusal; findings either way.

    The findings are the row's own: they hold for each of its samples.
    """

    samples: tuple[Sample, ...] = ()
    refusal: Refusal | None = None
    findings: tuple[Finding, ...] = ()


Reader = Callable[[Mapping[str, Any], list[Finding]], tuple[Sample, ...]]
"""Reads a row: returns its samples, appends findings to the list, raises RowRefused."""


@dataclass(frozen=True, slots=True)
class Format:
    """A layout of rows.

    `name` is its `type` in the preset, `reason` says in words why it was chosen, `reads` are the columns it reads,
    `needs_template` whether its samples are rendered by a chat template.
    """

    name: str
    reason: str
    kind: Kind
    reads: tuple[str, ...]
    needs_template: bool
    read: Reader

    def convert(self, row: Row) -> Converted:
        """The samples of `row`, or why there are none. Raises nothing, whatever the row holds."""
        if not isinstance(row, Mapping):
            return Converted(
                refusal=Refusal("unreadable-row", getattr(row, "message", "the line is not a JSON object"))
            )
        findings: list[Finding] = []
        try:
            samples = self.read(row, findings)
        except RowRefused as refused:
            return Converted((), refused.refusal, tuple(findings))
        except RecursionError:
            return Converted((), Refusal("wrong-type", "a value is nested too deeply to be read"), tuple(findings))
        return Converted(samples, None, tuple(findings))
