"""What can be said of a data set as a whole, from one pass over its samples."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.check.budget import Extents
from engine.check.found import RowPlace, SetFinding
from engine.check.labels import Labels
from engine.check.repetition import Repetitions, identity_of
from engine.check.shortcut import LexicalShortcut, PairLengths
from engine.check.texts import answer_text, messages_of
from engine.encode.encoding import EncodedRow, PairEncoding
from engine.sample import Conversation, Pair, Sample, Side, Split, Steps
from engine.words import counted

DROPPED_ON_REQUEST = ("duplicate-row", "left-out")
"""Reasons to drop a row that the preset asks for: nothing about the whole is said of such rows."""


class Margins:
    """Which training pairs have a margin."""

    def __init__(self) -> None:
        self._with: list[RowPlace] = []
        self._without: list[RowPlace] = []

    def add(self, place: RowPlace, margin: float | None) -> None:
        """Take one pair in."""
        (self._without if margin is None else self._with).append(place)

    def findings(self) -> Iterator[SetFinding]:
        """Rows without a margin where others have one."""
        if self._with and self._without:
            message = (
                f"{len(self._with):,} of {counted(len(self._with) + len(self._without), 'row')} have a margin, "
                f"{len(self._without):,} have none"
            )
            yield SetFinding("margin-missing", message, self._without)


@dataclass(slots=True)
class DataSetChecks:
    """All checks that need more than one row, fed sample by sample: training first, then evaluation."""

    pairs: bool
    lexical_stride: int = 1
    repetitions: Repetitions = field(init=False)
    margins: Margins = field(default_factory=Margins)
    labels: Labels = field(default_factory=Labels)
    extents: Extents = field(default_factory=Extents)
    lengths: PairLengths = field(default_factory=PairLengths)
    lexical: LexicalShortcut = field(default_factory=LexicalShortcut)
    _samples: int = 0

    def __post_init__(self) -> None:
        self.repetitions = Repetitions(self.pairs)

    def add(self, sample: Sample | None, encoded: EncodedRow, split: Split, *, margin_is_null: bool = False) -> None:
        """Take one sample in; None for a row of which no sample could be made.

        `margin_is_null` tells that the row has a margin column without a value, which is a reason to refuse it.
        """
        place = (encoded.id.dataset, encoded.id.row)
        if split == "train":
            self.extents.add(encoded)
            if sample is None and margin_is_null:
                self.margins.add(place, None)
        if sample is None or (encoded.refusal and encoded.refusal.reason in DROPPED_ON_REQUEST):
            return
        self.repetitions.add(place, identity_of(sample), split)
        if split == "eval":
            return
        if isinstance(sample, Steps):
            self.labels.add(sample)
            return
        self._add_pair(sample, encoded, place)

    def _add_pair(self, sample: Pair, encoded: EncodedRow, place: RowPlace) -> None:
        self.margins.add(place, sample.margin)
        encoding = encoded.encoding
        if isinstance(encoding, PairEncoding):
            chosen = len(encoding.chosen_ids) + encoding.chosen_cut
            rejected = len(encoding.rejected_ids) + encoding.rejected_cut
            self.lengths.add(chosen, rejected)
        self._samples += 1
        if self._samples % self.lexical_stride == 0:
            chosen_text, rejected_text = _judged_text(sample.chosen), _judged_text(sample.rejected)
            if chosen_text is not None and rejected_text is not None:
                self.lexical.add(chosen_text, rejected_text, place)

    def findings(self) -> Iterator[SetFinding]:
        """The findings about the whole, once all samples are in."""
        yield from self.repetitions.findings()
        yield from self.margins.findings()
        yield from self.labels.findings()
        for found in (*self.lengths.findings(), *self.lexical.findings()):
            yield SetFinding(found.code, found.message, found.rows, found.count)

    def statistics(self) -> dict[str, float]:
        """What was measured, by name."""
        return self.lengths.statistics() | self.labels.statistics()


def _judged_text(side: Side) -> str | None:
    """The text in which a shortcut is looked for: the last answer, without the prompt that layouts may carry in it."""
    messages = messages_of(side)
    if messages and not isinstance(side, Conversation):
        return str(messages[-1]["content"])
    return answer_text(side)
