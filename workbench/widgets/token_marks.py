"""What is remarkable in a token sequence: where two sides part, where the reward is read, labels, cuts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from engine.encode.encoding import MASKED, Part, TokenSequence

DIVERGES = "◆"
POOLED = "▲"
RIGHT = "✓"
WRONG = "✗"
SOFT = "~"
UNJUDGED = "·"
SHARED, OWN, CUT = "┆", "│", "×"
"""The ruler's signs: a line that both sides have, one of a side's own, one that is cut."""

_OF = {
    Part.TEMPLATE: "template",
    Part.SYSTEM: "system",
    Part.USER: "prompt",
    Part.PROMPT: "prompt",
    Part.TOOL: "tool",
    Part.ASSISTANT: "answer",
    Part.ANSWER: "answer",
    Part.STEP: "steps",
    Part.SEPARATOR: "separators",
}


class Badge(NamedTuple):
    """A word put beside a token. `kind` names its style: diverges, pooled, cut, right, wrong, soft, unjudged; agrees or
    disagrees, of a run's model with the data.
    """

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


def marks_of(
    sequence: TokenSequence, divergence: int = -1, limit: int = 0, run: Mapping[int, Badge] | None = None
) -> Marks:
    """The marks of a sequence; `divergence` is the first token that differs from the other side (-1: none).

    `limit` is the length that a sequence may have (0: any): where nothing was cut, the tokens beyond it are pointed at.
    `run` has what a run made of the sample, by the token that it stands beside.
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
    for token, badge in (run or {}).items():
        after.setdefault(token, []).append(badge)
    if 0 < sequence.kept_end < length:
        before.setdefault(sequence.kept_end, []).append(Badge("cut", _lost(sequence, sequence.kept_end, length)))
    if 0 < sequence.kept_start < length:
        after.setdefault(sequence.kept_start - 1, []).append(Badge("cut", _lost(sequence, 0, sequence.kept_start)))
    if 0 < limit < length and sequence.kept_end - sequence.kept_start == length:
        before.setdefault(limit, []).append(Badge("cut", f"too long: {length - limit} tokens over {limit}"))
    return Marks(before, after, tuple(sorted({*before, *after})))


def lost_parts(sequence: TokenSequence, start: int, stop: int) -> str:
    """Which parts the tokens `start:stop` belong to, most of them first: "40 answer, 3 template"."""
    counts = Counter(_OF[part] for part in sequence.parts[start:stop])
    return ", ".join(f"{count:,} {part}" for part, count in counts.most_common())


def _lost(sequence: TokenSequence, start: int, stop: int) -> str:
    tokens = f"{stop - start:,} token{'s' if stop - start > 1 else ''}"
    return f"cut: {tokens} lost ({lost_parts(sequence, start, stop)})"


def step_labels(sequence: TokenSequence) -> dict[int, int | float]:
    """The label of each step by the token that carries it; MASKED at the last token of a step without a label."""
    labels = {token: label for token, label in enumerate(sequence.labels) if label != MASKED}
    judged = {sequence.steps[token] for token in labels}
    ends = {step: token for token, step in enumerate(sequence.steps) if step >= 0 and step not in judged}
    return dict(sorted({**labels, **dict.fromkeys(ends.values(), MASKED)}.items()))
