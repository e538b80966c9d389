"""Everything about the token under the cursor, in two or three lines."""

from textual.content import Content
from textual.widgets import Static

from engine.encode.encoding import MASKED, Part, TokenSequence
from workbench.screen_text import visible
from workbench.widgets.token_layout import NEWLINE, shown
from workbench.widgets.token_marks import label_badge


class TokenInspector(Static):
    """Id, piece, bytes, characters, part, step, label and source of one token."""

    DEFAULT_CSS = """
    TokenInspector {
        height: 3;
        padding: 0 1;
        background: $panel;
        color: $foreground;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def show(self, side: str, sequence: TokenSequence | None, token: int) -> None:
        """Describe a token of the side named."""
        self.update(describe_token(side, sequence, token))


def describe_token(side: str, sequence: TokenSequence | None, token: int) -> Content:
    """What is known about a token, as text for three lines."""
    if sequence is None or not 0 <= token < len(sequence.ids):
        return Content()
    what = [
        ("token", f"{token} of {len(sequence.ids)} ({side})"),
        ("id", str(sequence.ids[token])),
        ("piece", _repr(sequence.pieces[token])),
        ("bytes", bytes_of(sequence, token)),
        ("text", _repr(shown(sequence, token))),
    ]
    part = sequence.parts[token].value
    step = sequence.steps[token]
    where = [
        ("part", f"{part}, step {step + 1}" if step >= 0 and sequence.parts[token] is not Part.TEMPLATE else part),
        ("characters", f"{sequence.starts[token]}-{sequence.ends[token]}"),
        ("from", _origin(sequence, token)),
    ]
    lines = [_facts(what), _facts(where), Content.assemble(*_verdict(sequence, token))]
    return Content("\n").join(lines)


def bytes_of(sequence: TokenSequence, token: int) -> str:
    """The UTF-8 bytes of a token's characters; a shared character is said to be shared."""
    start, end = sequence.starts[token], sequence.ends[token]
    if start == end:
        return "none in the text"
    raw = sequence.text[start:end].encode("utf-8", "surrogatepass")
    spelled = raw[:16].hex(" ") + (" …" if len(raw) > 16 else "")
    sharing = sum(s == start and e == end for s, e in zip(sequence.starts, sequence.ends, strict=True))
    return f"{spelled} (shared by {sharing} tokens)" if sharing > 1 else spelled


def _facts(facts: list[tuple[str, str]]) -> Content:
    parts: list[Content | str | tuple[str, str]] = []
    for name, value in facts:
        parts += [(f"{name} ", "$quiet"), (value, ""), "  "]
    return Content.assemble(*parts)


def _origin(sequence: TokenSequence, token: int) -> str:
    field = sequence.fields[token]
    if not field:
        return "the template or separator"
    return f"column {visible(field)}, character {sequence.field_starts[token]}"


def _verdict(sequence: TokenSequence, token: int) -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = []
    if not sequence.kept_start <= token < sequence.kept_end:
        said.append(("cut: the model never sees this token", "bold $cut"))
    if token == sequence.pooled:
        said.append(("▲ the reward is read from this token's hidden state", "bold $pooled"))
    label = sequence.labels[token]
    if label != MASKED:
        style = {"✓": "$positive", "✗": "$negative"}.get(label_badge(label).text[0], "$foreground")
        said.append((f"label {label_badge(label).text}: the loss is taken here", f"bold {style}"))
    elif sequence.pooled < 0:
        said.append(("masked (label -100): no loss here", "$quiet"))
    if sequence.special[token]:
        said.append(("special token", "$special"))
    return [piece for one in said for piece in (one, ("   ", ""))] or [(" ", "")]


def _repr(text: str) -> str:
    text = text if len(text) <= 40 else f"{text[:39]}…"
    safe = visible(text.replace("\n", NEWLINE))
    return f"‹{safe}›"
