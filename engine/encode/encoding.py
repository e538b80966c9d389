"""An encoding: the token ids a model is fed, and everything a person needs to see about each of them."""

from dataclasses import dataclass
from enum import StrEnum

from engine.encode.prompt import NO_PROMPT
from engine.finding import Finding, Refusal
from engine.sample import SampleId

MASKED = -100
"""The label of a token that takes no part in the loss (the ignore index of PyTorch's cross entropy)."""

NO_TOKEN = -1
"""The pooled token's position where the model reads no single token, but the mean of all."""


class Part(StrEnum):
    """What a token belongs to. `template` is text written by the chat template, BOS and EOS included."""

    TEMPLATE = "template"
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    PROMPT = "prompt"
    ANSWER = "answer"
    STEP = "step"
    SEPARATOR = "separator"


@dataclass(frozen=True, slots=True)
class PairEncoding:
    """What a Bradley-Terry model is fed for one pair, after any cut.

    `chosen_pooled` and `rejected_pooled` are the positions whose hidden state the model's head reads (NO_TOKEN: the
    mean of all). The first `shared_prefix` ids of both sides are equal; it is one short of the shorter side at most, so
    that each side has a token of its own. `*_cut` counts the tokens that the length limit removed.
    """

    chosen_ids: list[int]
    rejected_ids: list[int]
    chosen_pooled: int
    rejected_pooled: int
    shared_prefix: int
    margin: float | None = None
    chosen_cut: int = 0
    rejected_cut: int = 0


@dataclass(frozen=True, slots=True)
class StepsEncoding:
    """What a process reward model is fed for one sample, after any cut.

    `labels` is as long as `input_ids`: MASKED, or the step's label (int for hard labels, float for soft ones) at the
    token that carries it. `cut` counts the removed tokens, `labels_cut` the judged steps among them.
    """

    input_ids: list[int]
    labels: list[int | float]
    cut: int = 0
    labels_cut: int = 0


Encoding = PairEncoding | StepsEncoding


@dataclass(frozen=True, slots=True)
class Extent:
    """How `sequence_len` decides about a sample: `lengths` are the tokens of its sequences as the limit finds them
    (chosen and rejected; or the one of steps), `least` is the smallest `sequence_len` at which it reaches training.
    """

    lengths: tuple[int, ...]
    least: int


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """The outcome for one sample: an encoding, or the refusal that keeps it out of training; findings either way.

    An over-long pair that is dropped has both: the encoding that was too long, and the refusal. `extent` is None for
    a sample that no `sequence_len` would bring to training, and for one that comes back from the disk. `prompt` is the
    number of its prompt (engine/encode/prompt.py).
    """

    id: SampleId
    encoding: Encoding | None
    refusal: Refusal | None
    findings: tuple[Finding, ...] = ()
    extent: Extent | None = None
    prompt: int = NO_PROMPT

    @property
    def kept(self) -> bool:
        """Whether the sample reaches training."""
        return self.refusal is None


@dataclass(frozen=True, slots=True)
class TokenSequence:
    """One token sequence as a person looks at it: columns of equal length, one entry a token, before any cut.

    `starts[i]:ends[i]` are the characters of token i in `text` (the rendered text); tokens that share a multi-byte
    character have the same span. `fields` and `field_starts` point into the row: the column (or dotted path) the
    token's text came from, "" for template text, and the character offset there. `step` is -1 outside steps.
    `kept_start:kept_end` are the tokens left by the cut. `pooled` is where the reward is read (NO_TOKEN: nowhere),
    counted in this sequence.
    """

    text: str
    ids: list[int]
    pieces: list[str]
    starts: list[int]
    ends: list[int]
    parts: list[Part]
    steps: list[int]
    labels: list[int | float]
    special: list[bool]
    fields: list[str]
    field_starts: list[int]
    kept_start: int
    kept_end: int
    pooled: int = NO_TOKEN
