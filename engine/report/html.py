"""The report as one HTML file: its curves inline, its colours for light and dark, no script, nothing fetched."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape as _escape

from engine.encode.encoding import MASKED, NO_TOKEN, Part, TokenSequence
from engine.events.alarms import LN_2
from engine.inspector.messages import RowView
from engine.report import facts
from engine.report.curve import Line, curve_svg, histogram_svg
from engine.report.facts import RANKING_TITLES
from engine.report.story import Story
from engine.runs.hard_rows import RANKINGS
from engine.visible import visible

TOKENS = 600
"""Tokens of a sequence that are shown: its head and its tail."""

_STYLE = """
:root { color-scheme: light dark; --fg:#1d232a; --bg:#f8f9fb; --quiet:#6b7480; --line:#d5dae0; --panel:#eef0f3;
  --train:#0b5cad; --eval:#9a5b00; --error:#b3261e; --pooled:#9b2d86; --right:#1f6f5c; }
@media (prefers-color-scheme: dark) { :root { --fg:#d6dbe1; --bg:#0e1116; --quiet:#8b95a1; --line:#2b333e;
  --panel:#171b21; --train:#7cb7ff; --eval:#f0b35a; --error:#e0707a; --pooled:#e58fd0; --right:#8fc7b5; } }
body { background:var(--bg); color:var(--fg); font:15px/1.5 system-ui,sans-serif; margin:2em auto; max-width:64em;
  padding:0 1em; }
h1 { font-size:1.5em } h2 { font-size:1.15em; margin-top:2em; border-bottom:1px solid var(--line) }
table { border-collapse:collapse; margin:.5em 0; display:block; overflow-x:auto }
td,th { padding:.15em .8em .15em 0; text-align:left; vertical-align:top } th { color:var(--quiet); font-weight:normal }
td.n,th.n { text-align:right; font-variant-numeric:tabular-nums }
.charts { display:grid; grid-template-columns:repeat(auto-fit,minmax(22em,1fr)); gap:1em } figure { margin:0 }
figcaption { font-size:.9em } svg { width:100%; height:auto; background:var(--panel); border-radius:4px }
.tick { font:11px sans-serif; fill:var(--quiet) } .grid { stroke:var(--line) }
.reference { stroke:var(--quiet); stroke-dasharray:2 4 }
polyline { fill:none; stroke-width:1.6 } polyline.train { stroke:var(--train) } polyline.eval { stroke:var(--eval) }
.train.key { color:var(--train) } .eval.key { color:var(--eval) } .band { opacity:.22 } .bar { opacity:.55 }
.train.band,.train.dot,.train.bar { fill:var(--train) } .eval.band,.eval.dot,.eval.bar { fill:var(--eval) }
pre,code,.tokens { font:13px/1.55 ui-monospace,monospace } pre { background:var(--panel); padding:1em; overflow:auto }
.tokens { background:var(--panel); padding:.8em; white-space:pre-wrap; overflow-wrap:anywhere; border-radius:4px }
.template { color:var(--quiet) } .shared { opacity:.6 } .cut { text-decoration:line-through; color:var(--error) }
.pooled { background:var(--pooled); color:var(--bg); font-weight:bold } .label { font-weight:bold }
.label.right { background:var(--right); color:var(--bg) } .label.wrong { background:var(--error); color:var(--bg) }
.quiet { color:var(--quiet) } .error { color:var(--error) } .warning { color:var(--eval) }
details { margin:.5em 0 } summary { cursor:pointer }
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html_report(
    story: Story, samples: Sequence[RowView], hard: Mapping[tuple[int, int, int], RowView], why_none: str = ""
) -> str:
    """The page. `samples` are shown token by token; `hard` are the views of hard rows; `why_none` says why there are
    none of either.
    """
    sections = [
        ("", _facts(facts.outcome(story))),
        ("Curves", _curves(story)),
        ("Results", _results(story)),
        ("Rows", _facts(facts.ledger(story))),
        ("Findings", _remarks(story)),
        ("What the preset sets", _changed(story)),
        ("Rows the model fought with", _hard(story, hard)),
        ("Samples", "".join(map(_sample, samples)) or (f'<p class="quiet">{escape(why_none)}</p>' if why_none else "")),
        ("Environment", _facts(facts.environment(story))),
        ("The whole preset", f"<details><summary>preset.yaml</summary><pre>{escape(story.preset)}</pre></details>"),
    ]
    body = "\n".join((f"<h2>{title}</h2>\n" if title else "") + text for title, text in sections if text)
    name = escape(story.name)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{name}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{name}</h1>\n{body}\n</body>\n</html>\n"
    )


def escape(text: str) -> str:
    """Text that is shown as what it is: no markup, no control characters."""
    return _escape(visible(text, keep="\n"))


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]], numbers: Callable[[int], bool]) -> str:
    def cell(tag: str, place: int, text: str) -> str:
        return f"<{tag}{' class=n' if numbers(place) else ''}>{escape(text)}</{tag}>"

    head = "".join(cell("th", place, text) for place, text in enumerate(heading))
    body = "".join(f"<tr>{''.join(cell('td', place, text) for place, text in enumerate(row))}</tr>\n" for row in rows)
    return f"<table>{f'<tr>{head}</tr>' if head else ''}\n{body}</table>" if body else ""


def _facts(rows: facts.Facts) -> str:
    body = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>\n" for name, text in rows)
    return f"<table>{body}</table>" if body else ""


def _curves(story: Story) -> str:
    told = story.told
    pairs = story.manifest.model_kind == "pair"
    charts: dict[str, str] = {}
    for name in facts.metric_names(story):
        if "/" in name or name in ("tokens", "epoch", "chosen_reward", "rejected_reward"):
            continue
        lines = [Line("train", told.train[name], "train")] if name in told.train else []
        lines += [Line("eval", told.evals[name], "eval", dots=True)] if name in told.evals else []
        references = ((LN_2, "ln 2"),) if name == "loss" and pairs else ()
        charts[name] = curve_svg(name.replace("_", " "), lines, references)
    sides = [("chosen", "train"), ("rejected", "eval")]
    rewards = [Line(side, told.train[f"{side}_reward"], kind) for side, kind in sides if f"{side}_reward" in told.train]
    charts["rewards"] = curve_svg("rewards in training", rewards, ((0.0, "0"),))
    for split, histogram in told.histograms.items():
        title = f"{'rewards' if pairs else 'P(right)'} at the end, {'training' if split == 'train' else 'evaluation'}"
        charts[f"histogram {split}"] = histogram_svg(title, histogram)
    drawn = {name: chart for name, chart in charts.items() if chart}
    first = "".join(drawn[name] for name in _FIRST if name in drawn)
    more = "".join(chart for name, chart in drawn.items() if name not in _FIRST)
    count = sum(name not in _FIRST for name in drawn)
    rest = f'<details><summary>{count} more</summary><div class="charts">{more}</div></details>'
    return f'<div class="charts">{first}</div>{rest if more else ""}' if drawn else ""


_FIRST = ("loss", "accuracy", "margin", "rewards", "balanced_accuracy", "f1_error", "histogram train", "histogram eval")


def _results(story: Story) -> str:
    heading = ("", "training, at the end", "evaluation, last", "evaluation, best")
    return _table(heading, facts.results(story), lambda place: place > 0)


def _remarks(story: Story) -> str:
    rows = [
        f'<tr><td class="{severity}">{severity}</td><td>{escape(message)}</td><td>{escape(advice)}</td></tr>\n'
        for severity, message, advice in facts.remarks(story)
    ]
    return f"<table>{''.join(rows)}</table>" if rows else '<p class="quiet">No alarm, and nothing to remark.</p>'


def _changed(story: Story) -> str:
    rows = [(each.key, facts.value_text(each.value), facts.value_text(each.default)) for each in story.changed]
    return _table(("key", "value", "default"), rows, lambda place: False)


def _hard(story: Story, views: Mapping[tuple[int, int, int], RowView]) -> str:
    parts = []
    for name, rows in story.hard.items():
        if not rows:
            continue
        heading = ("row", "seen", "mean margin", "variability", "forgotten", "loss", "P(data)", "")
        body = [(*facts.hard_row(row), facts.head_of(row, views)) for row in rows]
        table = _table(heading, body, lambda place: 0 < place < 7)
        title = f"{escape(RANKING_TITLES[name])}: <span class=quiet>{escape(RANKINGS[name])}</span>"  # type: ignore[index]
        parts.append(f"<h3>{title}</h3>{table}")
    return "".join(parts)


def _sample(view: RowView) -> str:
    state = "trained on" if view.kept else f"left out: {view.reason}: {view.message or ''}"
    codes = ", ".join(finding.code for finding in view.findings)
    head = f"row {view.dataset}:{view.row}" + (f".{view.item}" if view.item else "")
    parts = [
        f"<h3>{escape(head)} <span class=quiet>{escape(state)}{escape(f' · {codes}' if codes else '')}</span></h3>"
    ]
    names = ("chosen", "rejected") if view.model_kind == "pair" else ("steps",)
    for name, sequence in zip(names, view.sequences, strict=False):
        where = ""
        if sequence.pooled != NO_TOKEN:
            where = f", the reward is read at token {sequence.pooled}"
        count = sequence.kept_end - sequence.kept_start
        parts.append(f"<p>{name} <span class=quiet>{count:,} tokens{where}</span></p>")
        parts.append(f'<div class="tokens">{_tokens(sequence, view.shared_prefix)}</div>')
    if not view.sequences:
        parts.append(f"<pre>{escape(view.raw[:2000])}</pre>")
    return "".join(parts)


def _tokens(sequence: TokenSequence, shared: int) -> str:
    count = len(sequence.ids)
    shown = list(range(count))
    if count > TOKENS:
        shown = [*shown[: TOKENS // 2], -1, *shown[-TOKENS // 2 :]]
    parts: list[str] = []
    before = None
    for token in shown:
        if token < 0:
            parts.append(f'<span class="quiet"> … {count - TOKENS:,} tokens … </span>')
            before = None
            continue
        span = sequence.starts[token], sequence.ends[token]
        # Tokens that share a character have the same span: it is written once.
        text = "" if span == before else sequence.text[slice(*span)]
        before = span
        parts.append(_token(sequence, token, text, shared))
    return "".join(parts)


def _token(sequence: TokenSequence, token: int, text: str, shared: int) -> str:
    classes = []
    label = sequence.labels[token]
    note = ""
    if not sequence.kept_start <= token < sequence.kept_end:
        classes.append("cut")
    elif token == sequence.pooled:
        classes.append("pooled")
    elif label != MASKED:
        classes += ["label", "right" if label >= 0.5 else "wrong"]
        note = f"<sup>{label:g}</sup>"
    else:
        classes += [name for name, there in (("template", sequence.parts[token] is Part.TEMPLATE),
                                             ("shared", token < shared)) if there]  # fmt: skip
    shown = escape(text)
    line_end = "\n" if shown.endswith("\n") else ""
    shown = shown.removesuffix("\n").replace("\n", "↵\n") + ("↵" if line_end else "")
    return (f'<span class="{" ".join(classes)}">{shown}</span>' if classes else shown) + note + line_end
