"""What can be said of a data set as a whole, from one pass over its samples. Texts are kept as hashes only."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.check.shortcut import LexicalShortcut, PairLengths
from engine.check.texts import answer_text, asks, content_text, messages_of, prompt_text
from engine.encode.encoding import EncodedRow, PairEncoding, StepsEncoding
from engine.finding import Severity
from engine.sample import Conversation, Pair, Sample, Side, Split, Steps, TokenIds

RowPlace = tuple[int, int]
"""Data set (position in the preset) and row."""


@dataclass(frozen=True, slots=True)
class SetFinding:
    """A finding about the data set.

    `rows` are those it speaks of, all or some of them; `count` says how many there are where `rows` does not.
    `severity` is given where it is not the table's.
    """

    code: str
    message: str
    rows: Sequence[RowPlace] = ()
    count: int | None = None
    severity: Severity | None = None


def digest_of(*parts: Any) -> int:
    """64 bits that stand for `parts`."""
    data = repr(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big", signed=True)


@dataclass(frozen=True, slots=True)
class Identity:
    """A sample as hashes. For steps, `chosen` stands for the steps and `rejected` for their labels.

    `prompt` is None for a sample without one. `classes` are the steps' classes: 0, 1, or 2 for not judged.
    """

    prompt: int | None
    chosen: int
    rejected: int
    classes: bytes = b""


def identity_of(sample: Sample) -> Identity:
    """The hashes by which samples are compared. The margin does not count, nor white space in the prompt."""
    prompt = prompt_text(sample)
    key = digest_of(" ".join(prompt.split())) if prompt and asks(sample) else None
    if isinstance(sample, Steps):
        classes = bytes(2 if label is None else int(label >= 0.5) for label in sample.labels)
        return Identity(key, digest_of(sample.steps), digest_of(sample.labels), classes)
    return Identity(key, _side_digest(sample.chosen), _side_digest(sample.rejected))


def _side_digest(side: Side) -> int:
    if isinstance(side, TokenIds):
        return digest_of(side.ids)
    if isinstance(side, Conversation):
        answer = side.messages[side.answer_start :]
        return digest_of([(m.get("role"), content_text(m), m.get("tool_calls")) for m in answer])
    return digest_of(answer_text(side))


GENERIC_PROMPT = 64
"""A prompt with more training samples than this (or one in 200 of them) is an instruction that many rows share."""


class Repetitions:
    """Samples that occur more than once, or contradict each other, in training; and those evaluation shares with it."""

    def __init__(self, pairs: bool) -> None:
        self._pairs = pairs
        self._first: dict[tuple[int | None, int, int], RowPlace] = {}
        self._prompts: Counter[int] = Counter()
        self._train_samples = 0
        self._contents: dict[tuple[int | None, int], tuple[bytes, RowPlace]] = {}
        self._copies: list[RowPlace] = []
        self._conflicts: dict[RowPlace, None] = {}
        self._leaks: list[RowPlace] = []
        self._whole_leaks = 0
        self._eval_samples = 0

    def add(self, place: RowPlace, identity: Identity, split: Split) -> None:
        """Take one sample in. Training comes before evaluation."""
        key = (identity.prompt, identity.chosen, identity.rejected)
        if split == "eval":
            self._eval_samples += 1
            whole = key in self._first
            if whole or self._is_trained_on(identity.prompt):
                self._leaks.append(place)
                self._whole_leaks += whole
            return
        self._train_samples += 1
        if identity.prompt is not None:
            self._prompts[identity.prompt] += 1
        if key in self._first:
            self._copies.append(place)
            return
        self._first[key] = place
        if self._pairs:
            opposite = self._first.get((identity.prompt, identity.rejected, identity.chosen))
            if opposite is not None and identity.chosen != identity.rejected:
                self._conflicts |= {opposite: None, place: None}
        else:
            content = (identity.prompt, identity.chosen)
            classes, first = self._contents.setdefault(content, (identity.classes, place))
            if any({one, other} == {0, 1} for one, other in zip(classes, identity.classes, strict=False)):
                self._conflicts |= {first: None, place: None}

    def _is_trained_on(self, prompt: int | None) -> bool:
        """Whether training has the prompt, and not as an instruction that many rows share: that gives nothing away."""
        generic = max(GENERIC_PROMPT, self._train_samples // 200)
        return prompt is not None and 0 < self._prompts[prompt] <= generic

    def findings(self) -> Iterator[SetFinding]:
        """Duplicates, conflicts and leaks."""
        if self._copies:
            count = len(self._copies)
            message = f"{count} rows repeat an earlier one" if count > 1 else "1 row repeats an earlier one"
            yield SetFinding("duplicate-row", message, self._copies)
        if self._conflicts:
            what = "A over B in one and B over A in another" if self._pairs else "the same steps with other labels"
            rows = sorted(self._conflicts)
            yield SetFinding("conflicting-pair", f"{len(rows)} rows contradict each other: {what}", rows)
        if self._leaks:
            message = (
                f"{len(self._leaks)} of {self._eval_samples} evaluation samples have a prompt that is trained on"
                f" ({self._whole_leaks} are in training as they stand)"
            )
            yield SetFinding("eval-leak", message, self._leaks)


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
            message = f"{len(self._with)} rows have a margin and {len(self._without)} have none"
            yield SetFinding("margin-missing", message, self._without)


class Labels:
    """The step labels of the training rows."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._soft = 0
        self._rows = 0
        self.steps = array("I")

    def add(self, sample: Steps) -> None:
        """Take one sample's labels in."""
        self._rows += 1
        self.steps.append(len(sample.steps))
        for label in sample.labels:
            if label is not None:
                self._counts[int(label >= 0.5)] += 1
                self._soft += label not in (0.0, 1.0)

    def statistics(self) -> dict[str, float]:
        """Judged labels, the share of good ones, what always saying the majority gets, the share of soft labels."""
        judged = self._counts.total()
        if not judged:
            return {}
        positive = self._counts[1] / judged
        return {
            "labels": float(judged),
            "positive_rate": positive,
            "majority_baseline": max(positive, 1 - positive),
            "soft_share": self._soft / judged,
            "steps_per_row": sum(self.steps) / max(1, self._rows),
        }

    def findings(self) -> Iterator[SetFinding]:
        """A data set with one class only."""
        if self._counts.total() >= 2 and len(+self._counts) == 1:
            (label,) = self._counts
            what = "good" if label else "bad"
            message = f"all {self._counts.total()} labels of the data set are {what}: there is nothing to tell apart"
            yield SetFinding("one-class", message, count=self._rows, severity=Severity.WARNING)


@dataclass(slots=True)
class Cuts:
    """How much of the training data the length limit costs."""

    rows: int = 0
    rows_cut: int = 0
    rows_dropped: int = 0
    tokens: int = 0
    tokens_lost: int = 0

    def add(self, encoded: EncodedRow) -> None:
        """Take one sample in, kept or dropped."""
        self.rows += 1
        encoding = encoded.encoding
        if isinstance(encoding, PairEncoding):
            left = len(encoding.chosen_ids) + len(encoding.rejected_ids)
            cut = encoding.chosen_cut + encoding.rejected_cut
        elif isinstance(encoding, StepsEncoding):
            left, cut = len(encoding.input_ids), encoding.cut
        else:
            return
        self.tokens += left + cut
        self.rows_cut += bool(cut)
        if encoded.refusal and encoded.refusal.reason == "too-long":
            self.rows_dropped += 1
            self.tokens_lost += left + cut
        else:
            self.tokens_lost += cut

    def statistics(self) -> dict[str, float]:
        """Shares of rows dropped for their length, of rows cut, and of tokens that training does not see."""
        if not self.rows:
            return {}
        return {
            "too_long_share": self.rows_dropped / self.rows,
            "cut_share": self.rows_cut / self.rows,
            "tokens_lost_share": self.tokens_lost / max(1, self.tokens),
        }


@dataclass(slots=True)
class DataSetChecks:
    """All checks that need more than one row, fed sample by sample: training first, then evaluation."""

    pairs: bool
    lexical_stride: int = 1
    repetitions: Repetitions = field(init=False)
    margins: Margins = field(default_factory=Margins)
    labels: Labels = field(default_factory=Labels)
    cuts: Cuts = field(default_factory=Cuts)
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
            self.cuts.add(encoded)
            if sample is None and margin_is_null:
                self.margins.add(place, None)
        if sample is None or (encoded.refusal and encoded.refusal.reason == "duplicate-row"):
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
        return self.lengths.statistics() | self.labels.statistics() | self.cuts.statistics()


def _judged_text(side: Side) -> str | None:
    """The text in which a shortcut is looked for: the last answer, without the prompt that layouts may carry in it."""
    messages = messages_of(side)
    if messages and not isinstance(side, Conversation):
        return str(messages[-1]["content"])
    return answer_text(side)
