"""The labels of the steps: how many are right at each position, and what guessing from that alone would get."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.check.found import SetFinding
from engine.finding import Severity
from engine.inspector.check_messages import StepPosition
from engine.sample import Steps
from engine.words import counted

SINGLE_POSITIONS = 16
"""Positions that are reported one by one; later ones in stretches that grow by half."""


@dataclass(slots=True)
class _At:
    """The labels at one position."""

    judged: int = 0
    right: int = 0
    unjudged: int = 0
    first_errors: int = 0


@dataclass(slots=True)
class Labels:
    """The step labels of the training rows, before any cut. `steps` are the numbers of steps of the rows."""

    steps: "array[int]" = field(default_factory=lambda: array("I"))
    _at: list[_At] = field(default_factory=list)
    _soft: int = 0

    def add(self, sample: Steps) -> None:
        """Take one sample's labels in."""
        self.steps.append(len(sample.steps))
        while len(self._at) < len(sample.labels):
            self._at.append(_At())
        flawless = True
        for at, label in zip(self._at, sample.labels, strict=False):
            if label is None:
                at.unjudged += 1
                continue
            at.judged += 1
            if label not in (0.0, 1.0):
                self._soft += 1
            if label >= 0.5:
                at.right += 1
            elif flawless:
                flawless = False
                at.first_errors += 1

    @property
    def _judged(self) -> int:
        return sum(at.judged for at in self._at)

    @property
    def _right(self) -> int:
        return sum(at.right for at in self._at)

    def positions(self) -> tuple[StepPosition, ...]:
        """The labels by position; beyond `SINGLE_POSITIONS`, several positions together."""
        found, first = [], 0
        while first < len(self._at):
            width = 1 if first < SINGLE_POSITIONS else max(first // 2, 1)
            together = self._at[first : first + width]
            sums = (sum(getattr(at, name) for at in together) for name in _At.__slots__)
            found.append(StepPosition(first + 1, first + len(together), *sums))
            first += len(together)
        return tuple(found)

    def statistics(self) -> dict[str, float]:
        """Judged labels, the share of right ones, what guessing without reading gets, the share of soft labels.

        Guessing by position is guessing, at each position, the label that is the more frequent there.
        """
        judged, right = self._judged, self._right
        if not judged:
            return {}
        by_position = sum(max(at.right, at.judged - at.right) for at in self.positions())
        return {
            "labels": float(judged),
            "positive_rate": right / judged,
            "majority_baseline": max(right, judged - right) / judged,
            "position_baseline": by_position / judged,
            "flawed_share": sum(at.first_errors for at in self._at) / len(self.steps),
            "soft_share": self._soft / judged,
            "steps_per_row": sum(self.steps) / len(self.steps),
        }

    def findings(self) -> Iterator[SetFinding]:
        """A data set with one class only."""
        judged, right = self._judged, self._right
        if judged >= 2 and right in (0, judged):
            what = "right" if right else "wrong"
            message = f"all {counted(judged, 'label')} of the data set are {what}: there is nothing to tell apart"
            yield SetFinding("one-class", message, count=len(self.steps), severity=Severity.WARNING)
