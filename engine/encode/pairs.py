"""Pairs: both sides as text, then as ids, then within the length limit."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.encode.conversation import settled
from engine.encode.encoding import EncodedRow, Extent, PairEncoding
from engine.encode.limits import Limits
from engine.encode.pooling import pooled
from engine.encode.setup import Setup
from engine.encode.tokens import Texts, last_divider, shared_length
from engine.finding import Finding, Refusal
from engine.finding_codes import finding
from engine.sample import Conversation, Pair, PlainText, SampleId, Side, TokenIds
from engine.template.render import TemplateError

WORTH_DIVIDING = 160
"""Characters that two sides must share for their tokens to be worth getting once."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A text asked for, whole or as a shared head and a tail that repeats the head's last token."""

    head: int | None
    tail: int

    def ids(self, found: Sequence[list[int]]) -> list[int]:
        """The text's ids."""
        tail = found[self.tail]
        return list(tail) if self.head is None else found[self.head] + tail[1:]


@dataclass(frozen=True, slots=True)
class PairPlan:
    """A pair between text and ids. A side is asked for, or has its ids already.

    `spliced`: the text that axolotl tokenises before the answers, asked for, so that its way can be compared.
    """

    setup: Setup
    where: SampleId
    pair: Pair
    findings: list[Finding]
    chosen: Asked | list[int]
    rejected: Asked | list[int]
    spliced: Asked | None

    def finish(self, limits: Limits, found: Sequence[list[int]]) -> EncodedRow:
        """The outcome, from the ids of all texts that were asked for."""
        chosen = self.chosen if isinstance(self.chosen, list) else self.chosen.ids(found)
        rejected = self.rejected if isinstance(self.rejected, list) else self.rejected.ids(found)
        if not chosen or not rejected:
            message = f"{'rejected' if chosen else 'chosen'} has no tokens"
            return EncodedRow(self.where, None, Refusal("empty-answer", message), tuple(self.findings))
        if self.spliced is not None:
            self._compare_splice(self.spliced.ids(found), chosen, rejected)
        self._look_at_ends(chosen, rejected)
        shared = shared_length(chosen, rejected)
        encoding, refusal = self._fit(limits, chosen, rejected, shared)
        self._look_at_pooled(encoding)
        extent = None if chosen == rejected else self._extent(limits, chosen, rejected, shared)
        return EncodedRow(self.where, encoding, refusal, tuple(self.findings), extent)

    def _extent(self, limits: Limits, chosen: list[int], rejected: list[int], shared: int) -> Extent:
        """What `_fit` would say at any other limit."""
        lengths = len(chosen), len(rejected)
        least = max(lengths)
        if limits.strategy == "truncate":
            least = shared + 1
        elif limits.strategy == "truncate_prompt":
            least -= min(shared, *(length - 1 for length in lengths))
        return Extent(lengths, least)

    def _fit(
        self, limits: Limits, chosen: list[int], rejected: list[int], shared: int
    ) -> tuple[PairEncoding, Refusal | None]:
        whole = self._encoding(chosen, rejected, shared, 0, 0)
        if chosen == rejected:
            return whole, Refusal("identical-pair", "chosen and rejected are the same tokens")
        longest = max(len(chosen), len(rejected))
        excess = limits.exceeded_by(longest)
        if not excess:
            return whole, None
        if limits.strategy == "truncate":
            return self._cut_right(limits, chosen, rejected, shared)
        if limits.strategy == "truncate_prompt" and excess <= whole.shared_prefix:
            self.findings.append(finding("truncated", f"the first {excess:,} tokens of the prompt are cut"))
            return self._encoding(chosen[excess:], rejected[excess:], shared - excess, excess, excess), None
        what = f"{longest:,} tokens, {excess:,} over `sequence_len`"
        if limits.strategy == "truncate_prompt":
            what += f", of which the shared prompt has only {whole.shared_prefix:,}"
        self.findings.append(finding("too-long", what))
        return whole, Refusal("too-long", what)

    def _cut_right(
        self, limits: Limits, chosen: list[int], rejected: list[int], shared: int
    ) -> tuple[PairEncoding, Refusal | None]:
        end = limits.sequence_len
        cuts = [limits.exceeded_by(len(side)) for side in (chosen, rejected)]
        cut = self._encoding(chosen[:end], rejected[:end], shared, *cuts)
        sides = [f"{cut:,} of {name}" for cut, name in zip(cuts, ("chosen", "rejected"), strict=True) if cut]
        self.findings.append(finding("truncated", f"the last tokens are cut: {', '.join(sides)}"))
        if cut.chosen_ids == cut.rejected_ids:
            message = f"chosen and rejected are the same in their first {end:,} tokens"
            return cut, Refusal("identical-after-truncation", message)
        mid_answer = [
            name
            for side, lost, name in zip((chosen, rejected), cuts, ("chosen", "rejected"), strict=True)
            if lost > self._template_tail(side)
        ]
        if mid_answer:
            self.findings.append(finding("answer-cut", f"the cut goes through {' and '.join(mid_answer)}"))
        return cut, None

    def _template_tail(self, ids: list[int]) -> int:
        """How many tokens after the answer are not its own."""
        if isinstance(self.pair.chosen, PlainText):
            return int(bool(ids) and ids[-1] in self.setup.added)
        suffix = list(self.setup.suffix)
        written = isinstance(self.pair.chosen, Conversation) and suffix and ids[-len(suffix) :] == suffix
        return len(suffix) if written else 0

    def _encoding(
        self, chosen: list[int], rejected: list[int], shared: int, chosen_cut: int, rejected_cut: int
    ) -> PairEncoding:
        return PairEncoding(
            chosen,
            rejected,
            pooled(chosen, self.setup.pad, self.setup.pooling),
            pooled(rejected, self.setup.pad, self.setup.pooling),
            min(shared, len(chosen) - 1, len(rejected) - 1),
            self.pair.margin,
            chosen_cut,
            rejected_cut,
        )

    def _compare_splice(self, prompt: list[int], chosen: list[int], rejected: list[int]) -> None:
        differing = [
            name
            for name, side in (("chosen", chosen), ("rejected", rejected))
            if side[: len(prompt)] != prompt[: len(side)] or len(side) < len(prompt)
        ]
        if differing:
            self.findings.append(finding("template-splice", f"axolotl's ids of {' and '.join(differing)} would differ"))

    def _look_at_ends(self, chosen: list[int], rejected: list[int]) -> None:
        bos = self.setup.bos
        if bos is not None:
            if [bos, bos] in (chosen[:2], rejected[:2]):
                self.findings.append(finding("bos-doubled"))
            elif self.setup.adds_bos and bos not in (chosen[0], rejected[0]):
                self.findings.append(finding("bos-missing"))
        if not all(self._ends(side) for side in (chosen, rejected)):
            self.findings.append(finding("eos-missing"))

    def _ends(self, ids: list[int]) -> bool:
        last = next((token for token in reversed(ids) if not self.setup.is_space(token)), None)
        return last in self.setup.added or last == self.setup.eos

    def _look_at_pooled(self, encoding: PairEncoding) -> None:
        if self.setup.pooling != "last":
            return
        sides = ((encoding.chosen_ids, encoding.chosen_pooled), (encoding.rejected_ids, encoding.rejected_pooled))
        if self.setup.pad == self.setup.eos and any(place < len(ids) - 1 for ids, place in sides):
            self.findings.append(finding("pad-is-eos", "the reward is read one token before the end token"))
        if any(self.setup.is_space(ids[place]) for ids, place in sides):
            self.findings.append(finding("pooled-on-whitespace"))


def plan_pair(
    setup: Setup, where: SampleId, pair: Pair, findings: list[Finding], texts: Texts, *, compare_splice: bool = False
) -> EncodedRow | PairPlan:
    """Render both sides of `pair`, and ask for their tokens.

    `compare_splice`: also find out whether axolotl's way, the generation prompt's tokens followed by the rest of the
    full render's, gives other ids. Its layout has one turn after a prompt that both sides share.
    """
    if isinstance(pair.chosen, TokenIds) and isinstance(pair.rejected, TokenIds):
        return _given(setup, where, pair, findings)
    rendering = "chosen"
    try:
        chosen, special = side_text(setup, pair.chosen, findings)
        rendering = "rejected"
        rejected, _ = side_text(setup, pair.rejected, None)
        prompt = _prompt_text(setup, pair) if compare_splice else None
    except TemplateError as error:
        return EncodedRow(where, None, refused_by_template(error, rendering), tuple(findings))
    for name, side, text in (("chosen", pair.chosen, chosen), ("rejected", pair.rejected, rejected)):
        if (bad := lone_surrogate(text)) is not None:
            message = f"{_suspect_field(side) or name} holds {bad}"
            return EncodedRow(where, None, Refusal("encoding-suspect", message), tuple(findings))
    if prompt is not None and (chosen.startswith(prompt) and rejected.startswith(prompt)):
        start, end = last_divider(prompt, setup.dividing, len(prompt))
        head, start = (texts.ask(prompt[:end]), start) if start >= 0 else (None, 0)
        first, second, before = (Asked(head, texts.ask(text[start:])) for text in (chosen, rejected, prompt))
        return PairPlan(setup, where, pair, findings, first, second, before)
    if prompt is not None:
        findings.append(finding("template-splice", "the generation prompt is not the head of the full render"))
    shared = shared_length(chosen, rejected) if setup.dividing and not special else 0
    start, end = last_divider(chosen, setup.dividing, shared) if shared >= WORTH_DIVIDING else (-1, -1)
    head, start = (texts.ask(chosen[:end]), start) if start >= 0 else (None, 0)
    first, second = (Asked(head, texts.ask(text[start:], special)) for text in (chosen, rejected))
    return PairPlan(setup, where, pair, findings, first, second, None)


def side_text(setup: Setup, side: Side, findings: list[Finding] | None) -> tuple[str, bool]:
    """The text of a side, and whether the tokenizer adds its special tokens to it. Raises TemplateError."""
    if isinstance(side, Conversation):
        return setup.rendered(settled(setup, side, findings)), False
    if isinstance(side, TokenIds):
        raise TemplateError("One side is text and the other is token ids.")
    eos = setup.tokenizer.eos_token
    end = str(eos) if side.append_eos and eos and not side.answer.endswith(str(eos)) else ""
    return side.prompt + side.answer + end, side.add_special_tokens


def lone_surrogate(text: str) -> str | None:
    """What makes `text` no valid Unicode, in words; None where it is."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"a lone surrogate (U+{ord(text[error.start]):04X}), which no tokenizer can read"
    return None


def _suspect_field(side: Side) -> str | None:
    """The column that a side's lone surrogate is from, where that is known."""
    if isinstance(side, Conversation):
        places = [(str(m.get("content")), field) for m, field in zip(side.messages, side.fields, strict=False)]
    elif isinstance(side, PlainText):
        whole = side.prompt + side.answer
        marked = [(whole[start:end], field) for start, end, _, field in side.marks]
        places = marked or [(side.prompt, side.prompt_field), (side.answer, side.answer_field)]
    else:
        places = []
    return next((f"`{field}`" for text, field in places if field and lone_surrogate(text)), None)


def refused_by_template(error: TemplateError, what: str = "it") -> Refusal:
    """The refusal of a row that the chat template does not take; `what` says which side of it."""
    return Refusal("template-error", f"the chat template does not take {what}: {error.what} ({error.where})")


def _given(setup: Setup, where: SampleId, pair: Pair, findings: list[Finding]) -> EncodedRow | PairPlan:
    assert isinstance(pair.chosen, TokenIds)
    assert isinstance(pair.rejected, TokenIds)
    vocabulary = len(setup.tokenizer)
    for name, side in (("chosen", pair.chosen), ("rejected", pair.rejected)):
        if (highest := max(side.ids)) >= vocabulary:
            message = f"{name} holds the token id {highest}; the tokenizer's vocabulary ends at {vocabulary - 1}"
            return EncodedRow(where, None, Refusal("wrong-type", message), tuple(findings))
    return PairPlan(setup, where, pair, findings, list(pair.chosen.ids), list(pair.rejected.ids), None)


def _prompt_text(setup: Setup, pair: Pair) -> str | None:
    """What axolotl renders before the answers, where both are one turn after the same prompt; else None."""
    chosen, rejected = pair.chosen, pair.rejected
    if not isinstance(chosen, Conversation) or not isinstance(rejected, Conversation):
        return None
    start = chosen.answer_start
    if not start:
        return None
    head = settled(setup, chosen)
    try:
        return setup.rendered(head, len(head.messages) - 1, add_generation_prompt=True)
    except TemplateError:
        return None
