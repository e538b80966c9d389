"""An encoding as a person looks at it: each token with its part, step, characters, origin and label, before any cut."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.encode.conversation import settled
from engine.encode.encoder import Encoder
from engine.encode.encoding import MASKED, NO_TOKEN, EncodedRow, PairEncoding, Part, StepsEncoding, TokenSequence
from engine.encode.pairs import side_text
from engine.encode.setup import Setup
from engine.encode.spans import Span, spans_of_conversation, spans_of_plain, spans_of_turn
from engine.encode.steps import carriers, head_ids, rendered_turn
from engine.encode.tokens import Offsets, token_offsets
from engine.sample import Conversation, PlainText, Side, Steps, TokenIds
from engine.source.row import Row

_PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_BYTES = {chr(byte): byte for byte in _PRINTABLE} | {
    chr(0x100 + n): byte for n, byte in enumerate(b for b in range(0x100) if b not in _PRINTABLE)
}
"""The letters that byte-level vocabularies (GPT-2's) spell bytes with."""


class ViewError(AssertionError):
    """The view's tokens are not those of `encode_batch`: what would be shown is not what would be trained."""


def token_sequences(encoder: Encoder, row: Row, encoded: EncodedRow) -> tuple[TokenSequence, ...]:
    """What `encoded` looks like token by token: chosen and rejected of a pair, the one sequence of steps.

    Empty for a sample that was refused before it had tokens. Raises ViewError if the tokens, cut as they were cut, are
    not those of `encoded`.
    """
    sample = encoder.sample(row, encoded.id.item)
    encoding = encoded.encoding
    if sample is None or encoding is None:
        return ()
    if isinstance(sample, Steps):
        assert isinstance(encoding, StepsEncoding)
        return (_steps(encoder, sample, encoding),)
    assert isinstance(encoding, PairEncoding)
    return _side(encoder, sample.chosen, "chosen", encoding), _side(encoder, sample.rejected, "rejected", encoding)


@dataclass(frozen=True, slots=True)
class _Marked:
    """A whole text with its tokens, and the spans of it that came from the row."""

    text: str
    offsets: Offsets
    spans: Sequence[Span]
    steps_of_tokens: Sequence[int] = ()


def _side(encoder: Encoder, side: Side, name: str, pair: PairEncoding) -> TokenSequence:
    if isinstance(side, TokenIds):
        marked = _given(encoder.setup, side, pair.shared_prefix)
    else:
        text, special = side_text(encoder.setup, side, None)
        marked = _Marked(text, token_offsets(encoder.tokenizer, text, special), _side_spans(encoder.setup, side, text))
    start = getattr(pair, f"{name}_cut") if encoder.limits.strategy == "truncate_prompt" else 0
    labels: list[int | float] = [MASKED] * len(marked.offsets.ids)
    sequence = _sequence(encoder.setup, marked, labels, start, getattr(pair, f"{name}_ids"))
    place: int = getattr(pair, f"{name}_pooled")
    return replace(sequence, pooled=place if place == NO_TOKEN else start + place)


def _side_spans(setup: Setup, side: Conversation | PlainText, text: str) -> list[Span]:
    if isinstance(side, PlainText):
        return spans_of_plain(side)
    return spans_of_conversation(setup, settled(setup, side), text)


def _given(setup: Setup, side: TokenIds, shared: int) -> _Marked:
    """A text for ids that came without one: what each token decodes to, one after the other."""
    pieces = [str(setup.tokenizer.decode([token])) for token in side.ids]
    places = [0]
    for piece in pieces:
        places.append(places[-1] + len(piece))
    border = places[min(shared, len(pieces))]
    spans = [Span(0, border, Part.PROMPT), Span(border, places[-1], Part.ANSWER)]
    return _Marked("".join(pieces), Offsets(list(side.ids), places[:-1], places[1:]), spans)


def _steps(encoder: Encoder, sample: Steps, encoding: StepsEncoding) -> TokenSequence:
    judged = encoder.steps.judged(sample.labels)
    if isinstance(sample.prompt, Conversation):
        marked, ends = _turn(encoder, sample)
    else:
        marked, ends = _pieces(encoder, sample)
    labels: list[int | float] = [MASKED] * len(marked.offsets.ids)
    for token, label in zip(ends, judged, strict=True):
        labels[token] = label
    sequence = _sequence(encoder.setup, marked, labels, 0, encoding.input_ids)
    if sequence.labels[: sequence.kept_end] != encoding.labels:
        raise ViewError("the labels shown are not those that are trained on")
    return sequence


def _turn(encoder: Encoder, sample: Steps) -> tuple[_Marked, list[int]]:
    """Steps in a rendered conversation, and for each the token that carries its label."""
    assert isinstance(sample.prompt, Conversation)
    turn = rendered_turn(encoder.setup, encoder.steps, sample, None)
    content = "".join(step + encoder.steps.separator for step in sample.steps)
    answer = {"role": "assistant", "content": content}
    whole = replace(sample.prompt, messages=(*sample.prompt.messages, answer))
    asked = spans_of_conversation(encoder.setup, settled(encoder.setup, whole), turn.text)
    before = min(turn.starts, default=len(turn.text))
    spans = [span for span in asked if span.end <= before] + spans_of_turn(sample, turn)
    offsets = token_offsets(encoder.tokenizer, turn.text, False)
    return _Marked(turn.text, offsets, spans), carriers(offsets.starts, offsets.ends, turn.ends)


def _pieces(encoder: Encoder, sample: Steps) -> tuple[_Marked, list[int]]:
    """Prompt, steps and separators as they are tokenised, each on its own, and the token that carries each label."""
    assert isinstance(sample.prompt, str)
    separator = encoder.steps.separator
    spans = [Span(0, len(sample.prompt), Part.PROMPT, sample.prompt_field)]
    texts = [sample.prompt]
    place = len(sample.prompt)
    for i, step in enumerate(sample.steps):
        spans.append(Span(place, place + len(step), Part.STEP, sample.step_fields[i], sample.step_offsets[i], i))
        place += len(step)
        spans.append(Span(place, place + len(separator), Part.SEPARATOR, step=i))
        place += len(separator)
        texts += [step, separator]
    head = head_ids(encoder.setup, [])
    ids, starts, ends = list(head), [0] * len(head), [0] * len(head)
    of_tokens, carrying = [-1] * len(head), []
    for number, (text, span) in enumerate(zip(texts, spans, strict=True)):
        offsets = token_offsets(encoder.tokenizer, text, False)
        ids += offsets.ids
        starts += [span.start + start for start in offsets.starts]
        ends += [span.start + end for end in offsets.ends]
        of_tokens += [number] * len(offsets.ids)
        if number and number % 2 == 0:
            carrying.append(len(ids) - 1)
    return _Marked("".join(texts), Offsets(ids, starts, ends), spans, of_tokens), carrying


def _sequence(
    setup: Setup, marked: _Marked, labels: list[int | float], kept_start: int, kept_ids: list[int]
) -> TokenSequence:
    offsets, text = marked.offsets, marked.text
    kept_end = kept_start + len(kept_ids)
    if offsets.ids[kept_start:kept_end] != kept_ids:
        raise ViewError("the tokens shown are not those that are trained on")
    starts, ends = _without_gaps(text, offsets)
    pieces = _pieces_of(setup, offsets.ids, text, list(zip(starts, ends, strict=True)))
    places = marked.steps_of_tokens or [
        _span_at(marked.spans, start, end) for start, end in zip(starts, ends, strict=True)
    ]
    spans = [marked.spans[place] if place >= 0 else None for place in places]
    return TokenSequence(
        text=text,
        ids=offsets.ids,
        pieces=pieces,
        starts=starts,
        ends=ends,
        parts=[span.part if span else Part.TEMPLATE for span in spans],
        steps=[span.step if span else -1 for span in spans],
        labels=labels,
        special=[token in setup.added for token in offsets.ids],
        fields=[span.field if span else "" for span in spans],
        field_starts=[
            span.field_start + max(start - span.start, 0) if span and span.field else 0
            for span, start in zip(spans, starts, strict=True)
        ],
        kept_start=kept_start,
        kept_end=kept_end,
    )


def _without_gaps(text: str, offsets: Offsets) -> tuple[list[int], list[int]]:
    """Where tokens start and end, with the characters between two of them that a tokenizer counts to neither.

    White space goes to the token after it, anything else (an accent that normalisation joined to its letter) to the
    tokens before it.
    """
    starts, ends = list(offsets.starts), list(offsets.ends)
    last = 0
    for i, (start, end) in enumerate(zip(offsets.starts, offsets.ends, strict=True)):
        if last < start < end:
            if i == 0 or text[last:start].isspace():
                starts[i] = last
            else:
                before = i - 1
                while before >= 0 and ends[before] == last:
                    ends[before] = start
                    before -= 1
        last = end
    return starts, ends


def _span_at(spans: Sequence[Span], start: int, end: int) -> int:
    """The span that most of the characters `start:end` are in, -1 where the template wrote most of them."""
    place = bisect_right(spans, start, key=lambda span: span.start) - 1
    best, overlap, covered = -1, 0, 0
    for i in range(max(place, 0), len(spans)):
        if spans[i].start >= max(end, start + 1):
            break
        shared = min(end, spans[i].end) - max(start, spans[i].start)
        covered += max(shared, 0)
        if shared > overlap:
            best, overlap = i, shared
    return best if overlap >= end - start - covered else -1


def _pieces_of(setup: Setup, ids: list[int], text: str, places: list[tuple[int, int]]) -> list[str]:
    """Tokens in letters: their characters; for further tokens of one character their bytes; else their spelling."""
    pieces: list[str] = []
    for i, (start, end) in enumerate(places):
        continued = i > 0 and places[i - 1] == (start, end)
        if start < end and not continued:
            pieces.append(text[start:end])
            continue
        spelling = str(setup.tokenizer.convert_ids_to_tokens(ids[i]))
        if continued and all(letter in _BYTES for letter in spelling):
            spelling = "".join(f"<0x{_BYTES[letter]:02X}>" for letter in spelling)
        pieces.append(spelling)
    return pieces
