"""Steps: prompt, steps and separators as ids, each step's label at the last token of its separator."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain

from transformers import PreTrainedTokenizerBase

from engine.encode.conversation import settled
from engine.encode.encoding import MASKED, EncodedRow, Extent, StepsEncoding
from engine.encode.limits import Limits
from engine.encode.pairs import lone_surrogate, refused_by_template
from engine.encode.setup import Setup
from engine.encode.tokens import Texts, token_ids, token_offsets
from engine.finding import Finding, Refusal
from engine.finding_codes import finding
from engine.sample import Conversation, SampleId, Steps
from engine.template.render import TemplateError


@dataclass(frozen=True, slots=True)
class StepsRules:
    """The preset's three knobs: what follows each step, where to cut the steps together, whose label counts."""

    separator: str
    max_completion_length: int | None
    last_only: bool

    def judged(self, labels: Sequence[float | None]) -> list[int | float]:
        """Labels as they are trained on: hard ones as int, soft ones as float, MASKED where not judged."""
        shown = [MASKED if label is None else int(label) if label in (0.0, 1.0) else label for label in labels]
        return [MASKED] * (len(shown) - 1) + shown[-1:] if self.last_only else shown


@dataclass(frozen=True, slots=True)
class StepsPlan:
    """A steps sample between text and ids: prompt, steps and separator each asked for on its own.

    With `rendered`, the ids and labels are there already.
    """

    setup: Setup
    rules: StepsRules
    where: SampleId
    labels: list[int | float]
    findings: list[Finding]
    prompt: int = 0
    steps: tuple[int, ...] = ()
    separator: int = 0
    rendered: "Labelled | None" = None

    def finish(self, limits: Limits, found: Sequence[list[int]]) -> EncodedRow:
        """The outcome, from the ids of all texts that were asked for."""
        if self.rendered is not None:
            whole, cut_by = self.rendered, 0
        else:
            if not found[self.separator] and (empty := [n for n, s in enumerate(self.steps, 1) if not found[s]]):
                message = f"step {empty[0]} is empty, and so is the separator: no token can carry its label"
                return EncodedRow(self.where, None, Refusal("empty-step", message), tuple(self.findings))
            if not found[self.separator] and self.rules.separator:
                what = f"the tokenizer makes nothing of the separator {self.rules.separator!r}"
                self.findings.append(finding("separator-missing", what))
            whole, cut_by = self._joined(found)
        encoding, refusal = self._fit(limits, whole, cut_by)
        return EncodedRow(self.where, encoding, refusal, tuple(self.findings), _extent(limits, whole))

    def _joined(self, found: Sequence[list[int]]) -> tuple["Labelled", int]:
        """All ids and labels, within `max_completion_length`, and how many tokens that removed."""
        head = head_ids(self.setup, found[self.prompt])
        if self.setup.bos is not None and head[:2] == [self.setup.bos] * 2:
            self.findings.append(finding("bos-doubled", "the prompt's text already begins with the BOS token"))
        pieces = [found[step] + found[self.separator] for step in self.steps]
        ids = list(chain.from_iterable(pieces))
        labels = list(chain.from_iterable(_at_end(len(p), label) for p, label in zip(pieces, self.labels, strict=True)))
        end = len(ids) if self.rules.max_completion_length is None else self.rules.max_completion_length
        kept = Labelled([*head, *ids[:end]], [MASKED] * len(head) + labels[:end])
        return kept, max(len(ids) - end, 0)

    def _fit(self, limits: Limits, whole: "Labelled", cut_by: int) -> tuple[StepsEncoding, Refusal | None]:
        judged = sum(label != MASKED for label in self.labels)
        excess = limits.exceeded_by(len(whole.ids))
        if excess and limits.strategy != "truncate":
            what = f"{len(whole.ids):,} tokens, {excess:,} over `sequence_len`"
            self.findings.append(finding("too-long", what))
            return StepsEncoding(whole.ids, whole.labels, cut_by), Refusal("too-long", what)
        end = len(whole.ids) - excess
        ids, labels = whole.ids[:end], whole.labels[:end]
        left = len(labels) - labels.count(MASKED)
        encoding = StepsEncoding(ids, labels, cut_by + excess, judged - left)
        if encoding.cut:
            self.findings.append(finding("truncated", f"the last {encoding.cut:,} tokens are cut"))
        if encoding.labels_cut:
            self.findings.append(finding("labels-cut", f"{encoding.labels_cut} of {judged} labels are cut away"))
        if float in map(type, labels):
            self.findings.append(finding("soft-label"))
        if not left:
            why = "every label was cut away" if judged else "no step is judged" if self.labels else "there are no steps"
            return encoding, Refusal("no-labels", why)
        return encoding, None


@dataclass(frozen=True, slots=True)
class Labelled:
    """Ids with a label each."""

    ids: list[int]
    labels: list[int | float]


def _extent(limits: Limits, whole: Labelled) -> Extent | None:
    """What `StepsPlan.finish` would say at any other limit."""
    first = next((place for place, label in enumerate(whole.labels) if label != MASKED), None)
    if first is None:
        return None
    length = len(whole.ids)
    return Extent((length,), first + 1 if limits.strategy == "truncate" else length)


@dataclass(frozen=True, slots=True)
class Turn:
    """The steps in a rendered conversation: its text, and for each step the character it begins at in the text, and
    the character at which its separator ends.
    """

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]


def plan_steps(
    setup: Setup, where: SampleId, sample: Steps, findings: list[Finding], texts: Texts, *, rules: StepsRules
) -> EncodedRow | StepsPlan:
    """Ask for the tokens of prompt, steps and separator; a conversation is rendered and tokenised at once."""
    labels = rules.judged(sample.labels)
    parts = list(zip(sample.step_fields or ("",) * len(sample.steps), sample.steps, strict=True))
    if isinstance(sample.prompt, str):
        parts.insert(0, (sample.prompt_field, sample.prompt))
    for field, text in parts:
        if (bad := lone_surrogate(text)) is not None:
            message = f"`{field}` holds {bad}" if field else f"the row holds {bad}"
            return EncodedRow(where, None, Refusal("encoding-suspect", message), tuple(findings))
    if (merged := merged_step(setup.tokenizer, sample.steps, rules.separator)) is not None:
        findings.append(
            finding("separator-merged", f"the separator would merge with the text around step {merged + 1}")
        )
    if not isinstance(sample.prompt, Conversation):
        steps = tuple(texts.ask(step) for step in sample.steps)
        places = (texts.ask(sample.prompt), steps, texts.ask(rules.separator))
        return StepsPlan(setup, rules, where, labels, findings, *places)
    if not sample.steps:
        return EncodedRow(where, None, Refusal("no-labels", "there are no steps"), tuple(findings))
    if not rules.separator and any(not step.strip() for step in sample.steps):
        refusal = Refusal("empty-step", "a step is empty, and so is the separator: no token can carry its label")
        return EncodedRow(where, None, refusal, tuple(findings))
    try:
        turn = rendered_turn(setup, rules, sample, findings)
    except TemplateError as error:
        return EncodedRow(where, None, refused_by_template(error), tuple(findings))
    if (bad := lone_surrogate(turn.text)) is not None:
        return EncodedRow(where, None, Refusal("encoding-suspect", f"the prompt holds {bad}"), tuple(findings))
    offsets = token_offsets(setup.tokenizer, turn.text, False)
    carrying = carriers(offsets.starts, offsets.ends, turn.ends)
    if len(set(carrying)) < len(carrying):
        refusal = Refusal("empty-step", "two steps end in the same token, which can carry only one label")
        return EncodedRow(where, None, refusal, tuple(findings))
    given: list[int | float] = [MASKED] * len(offsets.ids)
    for token, label in zip(carrying, labels, strict=True):
        given[token] = label
    return StepsPlan(setup, rules, where, labels, findings, rendered=Labelled(offsets.ids, given))


def rendered_turn(setup: Setup, rules: StepsRules, sample: Steps, findings: list[Finding] | None) -> Turn:
    """The conversation with the steps as the assistant's turn. Raises TemplateError where the steps are not in it."""
    assert isinstance(sample.prompt, Conversation)
    content = "".join(step + rules.separator for step in sample.steps)
    answer = {"role": "assistant", "content": content}
    side = settled(setup, replace(sample.prompt, messages=(*sample.prompt.messages, answer)), findings)
    text = setup.rendered(side)
    at, skipped = text.rfind(content), 0
    if at < 0:
        bare = content.strip()
        at, skipped, content = text.rfind(bare) if bare else -1, len(content) - len(content.lstrip()), bare
    if at < 0:
        return _found_one_by_one(setup, rules, sample, text)
    starts, ends, place = [], [], at - skipped
    for step in sample.steps:
        starts.append(max(place, at))
        place += len(step) + len(rules.separator)
        ends.append(min(place, at + len(content)))
    return Turn(text, tuple(starts), tuple(ends))


def _found_one_by_one(setup: Setup, rules: StepsRules, sample: Steps, text: str) -> Turn:
    """Steps in a text that has them in order, though not together as they were written."""
    starts, ends, place = [], [], 0
    for number, step in enumerate(sample.steps, start=1):
        at = text.find(step.strip(), place)
        if at < 0:
            where = setup.template.origin if setup.template else ""
            raise TemplateError(f"The chat template changes the text of step {number}.", where)
        starts.append(at)
        place = at + len(step.strip())
        after = text.find(rules.separator, place) if rules.separator else -1
        if after >= 0 and not text[place:after].strip():
            place = after + len(rules.separator)
        ends.append(place)
    return Turn(text, tuple(starts), tuple(ends))


def carriers(starts: Sequence[int], ends: Sequence[int], step_ends: Sequence[int]) -> list[int]:
    """For each step the token that holds its last character (of the separator, where there is one)."""
    found: list[int] = []
    token = 0
    for end in step_ends:
        while token + 1 < len(starts) and starts[token + 1] < end:
            token += 1
        # A character that several tokens share belongs to the last of them; a token without characters to none.
        while token and ends[token] <= starts[token]:
            token -= 1
        found.append(token)
    return found


def head_ids(setup: Setup, prompt: list[int]) -> list[int]:
    """The prompt's ids, after BOS if the tokenizer has one."""
    return prompt if setup.bos is None else [setup.bos, *prompt]


def merged_step(tokenizer: PreTrainedTokenizerBase, steps: Sequence[str], separator: str) -> int | None:
    """The first step whose separator would merge with the text around it if they were tokenised together.

    Tried on the text next to the separator: from the last letter or digit before it to the first character after it.
    """
    for number, step in enumerate(steps):
        after = steps[number + 1] if number + 1 < len(steps) else ""
        if separator and _merges(tokenizer, _tail(step), separator, _head(after)):
            return number
    return None


def _tail(step: str) -> str:
    place = len(step)
    while place and len(step) - place < 8 and not step[place - 1].isalnum():
        place -= 1
    return step[max(place - 1, 0) :]


def _head(step: str) -> str:
    place = 0
    while place < min(len(step), 8) and not step[place].isalnum():
        place += 1
    return step[: place + 1]


@lru_cache(maxsize=65536)
def _merges(tokenizer: PreTrainedTokenizerBase, before: str, separator: str, after: str) -> bool:
    whole, *pieces = token_ids(tokenizer, [before + separator + after, before, separator, after], False)
    return whole != list(chain.from_iterable(pieces))


def _at_end(length: int, label: int | float) -> list[int | float]:
    return [MASKED] * (length - 1) + [label]
