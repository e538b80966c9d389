"""What is remarkable in a token sequence: where two sides part, where the reward is read, labels, cuts."""

from dataclasses import dataclass
from typing import NamedTuple

from engine.encode.encoding import MASKED, TokenSequence

DIVERGES = "◆"
POOLED = "▲"
RIGHT = "✓"
WRONG = "✗"
SOFT = "~"
UNJUDGED = "·"


class Badge(NamedTuple):
    """A word put beside a token. `kind` names its style: diverges, pooled, cut, right, wrong, soft, unjudged."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Marks:
    """Badges before and after tokens, and the tokens worth jumping to, in order."""

    before: dict[int, list[Badge]]
    after: dict[int, list[Badge]]
    landmarks: tuple[int, ...]


def label_badge(label: int | float) -> Badge:
    """A step's label: a right step, a wrong one, or a probability between."""
    if label == 1:
        return Badge("right", f"{RIGHT}{label:g}")
    if label == 0:
        return Badge("wrong", f"{WRONG}{label:g}")
    return Badge("soft", f"{SOFT}{label:.2f}")


def marks_of(sequence: TokenSequence, divergence: int = -1, limit: int = 0) -> Marks:
    """The marks of a sequence; `divergence` is the first token that differs from the other side (-1: none).

    `limit` is the length that a sequence may have (0: any): where nothing was cut, the tokens beyond it are pointed at.
    """
    before: dict[int, list[Badge]] = {}
    after: dict[int, list[Badge]] = {}
    length = len(sequence.ids)
    if 0 <= divergence < length:
        before[divergence] = [Badge("diverges", f"{DIVERGES} differs")]
    for token, label in step_labels(sequence).items():
        badge = label_badge(label) if label != MASKED else Badge("unjudged", UNJUDGED)
        kept = sequence.kept_start <= token < sequence.kept_end
        after[token] = [badge if kept else Badge("cut", f"{badge.text} lost")]
    if 0 <= sequence.pooled < length:
        after.setdefault(sequence.pooled, []).append(Badge("pooled", f"{POOLED} reward read here"))
    if 0 < sequence.kept_end < length:
        before.setdefault(sequence.kept_end, []).append(Badge("cut", f"cut: {length - sequence.kept_end} tokens lost"))
    if 0 < sequence.kept_start < length:
        after.setdefault(sequence.kept_start - 1, []).append(Badge("cut", f"cut: {sequence.kept_start} tokens lost"))
    if 0 < limit < length and sequence.kept_end - sequence.kept_start == length:
        before.setdefault(limit, []).append(Badge("cut", f"too long: {length - limit} tokens over {limit}"))
    return Marks(before, after, tuple(sorted({*before, *after})))


def step_labels(sequence: TokenSequence) -> dict[int, int | float]:
    """The label of each step by the token that carries it; MASKED at the last token of a step without a label."""
    labels = {token: label for token, label in enumerate(sequence.labels) if label != MASKED}
    judged = {sequence.steps[token] for token in labels}
    ends = {step: token for token, step in enumerate(sequence.steps) if step >= 0 and step not in judged}
    return dict(sorted({**labels, **dict.fromkeys(ends.values(), MASKED)}.items()))
