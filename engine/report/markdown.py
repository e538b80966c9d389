"""The report as Markdown, for where HTML cannot be attached. Curves are a table and lines of blocks."""

import re
from collections.abc import Iterable, Mapping, Sequence

from engine.encode.encoding import MASKED, NO_TOKEN, TokenSequence
from engine.inspector.messages import RowView
from engine.report import facts
from engine.report.facts import RANKING_TITLES
from engine.report.story import Story
from engine.visible import visible

_BLOCKS = "▁▂▃▄▅▆▇█"
_SPARK = 40
_LONGEST = 4000


def markdown_report(
    story: Story, samples: Sequence[RowView], hard: Mapping[tuple[int, int, int], RowView], why_none: str = ""
) -> str:
    """The text; the arguments are those of the HTML page."""
    sections = [
        ("", _facts(facts.outcome(story))),
        ("Curves", _curves(story)),
        ("Results", _table(("", "training, at the end", "evaluation, last", "best"), facts.results(story))),
        ("Rows", _facts(facts.ledger(story))),
        ("Findings", _table(("", "what", "what to do"), facts.remarks(story)) or "No alarm, and nothing to remark."),
        ("What the preset sets", _changed(story)),
        ("Rows the model fought with", _hard(story, hard)),
        ("Samples", "\n\n".join(map(_sample, samples)) or escape(why_none)),
        ("Environment", _facts(facts.environment(story))),
        ("The whole preset", fenced(story.preset, "yaml")),
    ]
    body = "\n\n".join((f"## {title}\n\n" if title else "") + text for title, text in sections if text)
    return f"# {escape(story.name)}\n\n{body}\n"


def escape(text: str) -> str:
    """Text in a line or a table's cell: nothing in it is markup, and it stays on its line."""
    return re.sub(r"([\\`*_\[\]<>#|~&@])", r"\\\1", visible(text))


def fenced(text: str, kind: str = "") -> str:
    """A block of text as it is, within a fence longer than any in it."""
    shown = visible(text, keep="\n")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", shown)), default=0))
    return f"{fence}{kind}\n{shown.rstrip(chr(10))}\n{fence}"


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(escape(cell) or " " for cell in row) + " |" for row in rows]
    if not lines:
        return ""
    return "\n".join(["| " + " | ".join(heading) + " |", "| " + " | ".join("---" for _ in heading) + " |", *lines])


def _facts(rows: facts.Facts) -> str:
    return _table(("", ""), rows)


def _curves(story: Story) -> str:
    heading, rows = facts.course(story)
    sparks = [
        f"{name:<20} {_spark([value for _, value in points if value is not None])}"
        for name in facts.FIRST
        if (points := story.told.train.get(name))
    ]
    return "\n\n".join(part for part in (_table(heading, rows), fenced("\n".join(sparks)) if sparks else "") if part)


def _spark(values: list[float]) -> str:
    count = min(_SPARK, len(values))
    parts = [values[len(values) * i // count : len(values) * (i + 1) // count] for i in range(count)]
    means = [sum(part) / len(part) for part in parts]
    low, high = min(means, default=0.0), max(means, default=0.0)
    scale = (len(_BLOCKS) - 1) / (high - low) if high > low else 0.0
    ends = f"  {facts.number(means[0])} → {facts.number(means[-1])}" if means else ""
    return "".join(_BLOCKS[round((mean - low) * scale)] for mean in means) + ends


def _changed(story: Story) -> str:
    rows = [(each.key, facts.value_text(each.value), facts.value_text(each.default)) for each in story.changed]
    return _table(("key", "value", "default"), rows)


def _hard(story: Story, views: Mapping[tuple[int, int, int], RowView]) -> str:
    parts = []
    for name, rows in story.hard.items():
        if rows:
            heading = ("row", "seen", "mean margin", "variability", "forgotten", "loss", "P(data)", "text")
            table = _table(heading, [(*facts.hard_row(row), facts.head_of(row, views)) for row in rows])
            parts.append(f"### {RANKING_TITLES[name]}\n\n{table}")
    return "\n\n".join(parts)


def _sample(view: RowView) -> str:
    state = "trained on" if view.kept else f"left out: {view.reason}: {view.message or ''}"
    parts = [f"### row {view.dataset}:{view.row}{f'.{view.item}' if view.item else ''}: {escape(state)}"]
    names = ("chosen", "rejected") if view.model_kind == "pair" else ("steps",)
    for name, sequence in zip(names, view.sequences, strict=False):
        parts += [f"{name}, {sequence.kept_end - sequence.kept_start:,} tokens{_read_at(sequence)}", _text(sequence)]
        parts += [_labels(sequence)] if any(label != MASKED for label in sequence.labels) else []
    if not view.sequences:
        parts.append(fenced(view.raw[:_LONGEST], "json"))
    return "\n\n".join(parts)


def _read_at(sequence: TokenSequence) -> str:
    if sequence.pooled == NO_TOKEN:
        return ""
    return f"; the reward is read at token {sequence.pooled}, {escape(repr(sequence.pieces[sequence.pooled]))}"


def _text(sequence: TokenSequence) -> str:
    if not sequence.ids:
        return fenced("")
    low, high = sequence.starts[sequence.kept_start], sequence.ends[max(sequence.kept_start, sequence.kept_end - 1)]
    text = sequence.text[low:high]
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]}\n…\n{text[-_LONGEST // 2 :]}"
    return fenced(text)


def _labels(sequence: TokenSequence) -> str:
    carried = [
        (str(token), repr(sequence.pieces[token]), f"{label:g}")
        for token, label in enumerate(sequence.labels)
        if label != MASKED
    ]
    return _table(("token", "piece", "label"), carried[:40]) + "\n\nEvery other token is masked."
