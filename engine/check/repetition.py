"""Samples that occur more than once, contradict each other, or leak. Texts are kept as hashes only."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engine.check.found import RowPlace, SetFinding
from engine.check.texts import answer_text, asks, content_text, prompt_text
from engine.sample import Conversation, Sample, Side, Split, Steps, TokenIds
from engine.words import counted


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
            repeat = "repeats" if len(self._copies) == 1 else "repeat"
            message = f"{counted(len(self._copies), 'row')} {repeat} an earlier one"
            yield SetFinding("duplicate-row", message, self._copies)
        if self._conflicts:
            what = "A over B in one and B over A in another" if self._pairs else "the same steps with other labels"
            rows = sorted(self._conflicts)
            yield SetFinding("conflicting-pair", f"{counted(len(rows), 'row')} contradict each other: {what}", rows)
        if self._leaks:
            message = (
                f"{len(self._leaks):,} of {counted(self._eval_samples, 'evaluation sample')} have a prompt that is "
                f"trained on ({self._whole_leaks:,} of them are in training as they stand)"
            )
            yield SetFinding("eval-leak", message, self._leaks, split="eval")
