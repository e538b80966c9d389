"""Everything about the token under the cursor, in three lines."""

from textual.content import Content
from textual.widgets import Static

from engine.encode.encoding import MASKED, NO_TOKEN, Part, TokenSequence
from engine.inspector.messages import RowView
from workbench.screen_text import visible
from workbench.widgets.token_layout import quoted, shown
from workbench.widgets.token_marks import POOLED, label_badge, step_labels

_ROLES = {
    Part.SYSTEM: "system prompt",
    Part.USER: "user turn",
    Part.ASSISTANT: "assistant turn",
    Part.TOOL: "tool turn",
    Part.PROMPT: "prompt",
    Part.ANSWER: "answer",
    Part.TEMPLATE: "template",
    Part.SEPARATOR: "separator",
    Part.STEP: "step",
}


STEPS = "steps"
"""What stands for a side where there is one sequence: that of the steps."""


class TokenInspector(Static):
    """Text, place, id, piece and bytes; part and source; what the token is to the loss."""

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

    def show(self, side: str, sequence: TokenSequence | None, token: int, row: RowView | None = None) -> None:
        """Describe a token of the side named, in a row; a row without tokens says why it has none."""
        self.update(describe_token(side, sequence, token, row))


def describe_token(side: str, sequence: TokenSequence | None, token: int, row: RowView | None = None) -> Content:
    """What is known about a token, as text for three lines."""
    if row is not None and not row.sequences:
        return Content.assemble(
            ("No tokens: ", "bold $cut"),
            f"the row was dropped before it had any ({visible(row.reason or 'without a reason')}).\n",
            (visible(row.message or ""), "$quiet"),
        )
    if sequence is None or not 0 <= token < len(sequence.ids):
        return Content()
    text, piece = shown(sequence, token), sequence.pieces[token]
    what = [
        ("", quoted(text, 40), "bold"),
        ("token", f"{token:,} of {len(sequence.ids):,} ({side})", ""),
        ("id", str(sequence.ids[token]), ""),
        ("piece", quoted(piece, 40) if piece != text else "", ""),
        ("bytes", bytes_of(sequence, token), ""),
    ]
    step = sequence.steps[token]
    part = _ROLES[sequence.parts[token]]
    if step >= 0:
        part = f"step {step + 1}" if sequence.parts[token] is Part.STEP else f"{part}, step {step + 1}"
    where = [
        ("part", part, ""),
        ("from", _origin(sequence, token), ""),
        ("in the whole text", f"{sequence.starts[token]:,}-{sequence.ends[token]:,}", ""),
    ]
    return Content("\n").join([_facts(what), _facts(where), Content.assemble(*_verdict(side, sequence, token, row))])


def bytes_of(sequence: TokenSequence, token: int) -> str:
    """The UTF-8 bytes of a token's characters; a shared character is said to be shared."""
    start, end = sequence.starts[token], sequence.ends[token]
    if start == end:
        return "none in the text"
    raw = sequence.text[start : min(end, start + 16)].encode("utf-8", "surrogatepass")
    spelled = raw[:16].hex(" ") + (" …" if len(raw) > 16 or end - start > 16 else "")
    first = last = token
    while first and (sequence.starts[first - 1], sequence.ends[first - 1]) == (start, end):
        first -= 1
    while last + 1 < len(sequence.ids) and (sequence.starts[last + 1], sequence.ends[last + 1]) == (start, end):
        last += 1
    return f"{spelled} (shared by {last - first + 1} tokens)" if last > first else spelled


def _facts(facts: list[tuple[str, str, str]]) -> Content:
    parts: list[Content | str | tuple[str, str]] = []
    for name, value, style in facts:
        if value:
            parts += [(f"{name} " if name else "", "$quiet"), (value, style), "  "]
    return Content.assemble(*parts)


def _origin(sequence: TokenSequence, token: int) -> str:
    field = sequence.fields[token]
    if not field:
        return "no column of the row"
    start = sequence.field_starts[token]
    end = start + sequence.ends[token] - sequence.starts[token]
    return f"column {visible(field)}, characters {start:,}-{end:,}"


def _verdict(side: str, sequence: TokenSequence, token: int, row: RowView | None) -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = []
    if row is not None and not row.kept:
        said.append((f"the row is dropped ({visible(row.reason or 'without a reason')})", "bold $cut"))
    label = sequence.labels[token]
    if not sequence.kept_start <= token < sequence.kept_end:
        said.append(("× cut: the model never sees this token", "bold $cut"))
    elif token == sequence.pooled:
        said.append((f"{POOLED} the reward is read from this token's hidden state", "bold $pooled"))
    elif label != MASKED:
        style = {"✓": "$positive", "✗": "$negative"}.get(label_badge(label).text[0], "$foreground")
        said.append((f"label {label_badge(label).text}: the loss is taken here", f"bold {style}"))
    elif side == STEPS:
        said.append((f"masked (label {MASKED}): no loss here{_own_label(sequence, token)}", "$quiet"))
    elif sequence.pooled == NO_TOKEN:
        said.append((f"{POOLED} the reward is read from the mean of all tokens", "$quiet"))
    else:
        said.append((f"{POOLED} the reward is read {_way(sequence.pooled - token)}", "$quiet"))
    if sequence.special[token]:
        said.append(("special token", "$special"))
    if row is not None and len(row.sequences) == 2 and token < row.shared_prefix:
        said.append(("the same on both sides", "$quiet"))
    return [piece for one in said for piece in (one, ("   ", ""))] or [(" ", "")]


def _way(tokens: int) -> str:
    count = f"{abs(tokens):,} token{'s' if abs(tokens) > 1 else ''}"
    return f"{count} further on" if tokens > 0 else f"{count} before"


def _own_label(sequence: TokenSequence, token: int) -> str:
    """Where the label of a token's step is."""
    step = sequence.steps[token]
    labels = step_labels(sequence) if step >= 0 else {}
    own = next((at for at, label in labels.items() if sequence.steps[at] == step and label != MASKED), None)
    return f"; the step's label is {_way(own - token)}" if own is not None and own > token else ""
