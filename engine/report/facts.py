"""What both reports say, in plain text: outcome, numbers, ledger, findings, environment."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from engine.inspector.messages import RowView
from engine.report.story import PLACEHOLDER, Points, Story
from engine.runs.hard_rows import HardRow
from engine.words import short_number

RANKING_TITLES = {"worst": "Worst", "mislabelled": "Perhaps mislabelled", "forgotten": "Most forgotten"}
FIRST = ("loss", "accuracy", "margin", "balanced_accuracy", "f1_error", "chosen_reward", "rejected_reward", "grad_norm")
"""The metrics that are looked at first, in their order."""
PROGRESS = ("epoch", "tokens", "learning_rate")
"""What says how far a run is: a mean over steps would say where it was."""

Facts = list[tuple[str, str]]


def outcome(story: Story) -> Facts:
    """How the run ended, and what it was."""
    told, start = story.told, story.told.start
    steps = f"{told.steps:,}" + (f" of {start.total_steps:,}" if start else "")
    weights = ""
    if start:
        share = "" if start.trained_parameters == start.parameters else f", {start.trained_parameters:,} trained"
        weights = f"{start.parameters:,}{share}"
    rows = [
        ("outcome", story.status.state.value + (f": {story.status.message}" if story.status.message else "")),
        ("what to do", story.status.advice),
        ("trains", "pairs (Bradley-Terry)" if story.manifest.model_kind == "pair" else "steps (process reward model)"),
        ("steps", steps),
        ("time", duration(told.seconds) + (f", in {told.attempts} attempts" if told.attempts > 1 else "")),
        ("weights", weights),
        ("device", start.device if start else ""),
        ("training set", f"digest {start.digest}" if start and start.digest else ""),
        ("tags", " ".join(f"#{tag}" for tag in story.said.tags)),
        ("note", story.said.note),
    ]
    return [(name, text) for name, text in rows if text]


def metric_names(story: Story) -> list[str]:
    """The metrics that were told, those that are looked at first at the head."""
    told = dict.fromkeys((*story.told.train, *story.told.evals))
    return sorted(told, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))


def results(story: Story) -> list[tuple[str, str, str, str]]:
    """For each metric what it was in training at the end (a mean of the last tenth, or where it arrived), its last
    evaluation, and the best of them.
    """
    rows = []
    for name in metric_names(story):
        train, held_out = story.told.train.get(name, []), story.told.evals.get(name, [])
        trained = _last(train) if name in PROGRESS else _settled(train)
        rows.append((name, number(trained), number(_last(held_out)), best(name, held_out)))
    return rows


def best(name: str, points: Points) -> str:
    """The best evaluation of a metric that has one, with its step."""
    finite = [(value, step) for step, value in points if value is not None]
    lower = name.startswith("loss")
    if not finite or not (lower or name.partition("/")[0] in ("accuracy", "balanced_accuracy", "f1_error", "margin")):
        return ""
    value, step = min(finite) if lower else max(finite, key=lambda pair: (pair[0], -pair[1]))
    return f"{number(value)} at step {step:,}"


def course(story: Story, rows: int = 10) -> tuple[list[str], list[list[str]]]:
    """The course of the metrics that come first, in some rows: the heading, and a row a stretch of steps."""
    names = [name for name in FIRST[:5] if name in story.told.train]
    told = sorted({step for name in names for step, _ in story.told.train[name]})
    if not told:
        return [], []
    count = min(rows, len(told))
    bounds = [told[len(told) * (i + 1) // count - 1] for i in range(count)]
    table = []
    before = 0
    for bound in bounds:
        cells = [f"{bound:,}"]
        for name in names:
            inside = [value for step, value in story.told.train[name] if before < step <= bound and value is not None]
            held = [value for step, value in story.told.evals.get(name, []) if before < step <= bound]
            cells.append(number(fmean(inside)) if inside else "")
            cells.append(number(held[-1]) if held else "")
        table.append(cells)
        before = bound
    return ["to step", *(f"{what}{name}" for name in names for what in ("", "eval "))], table


def ledger(story: Story) -> Facts:
    """How many rows came in, how many were trained on, and where the others went; then the same of held-out rows."""
    start = story.told.start
    training = (start.ledger if start else None) or story.manifest.ledger or {}
    held_out = (start.eval_ledger if start else None) or {}
    return [*_counts(training), *((f"held out: {name}", count) for name, count in _counts(held_out))]


def _counts(ledger: dict[str, Any]) -> Facts:
    facts = [(name, f"{ledger[name]:,}") for name in ("rows", "kept") if isinstance(ledger.get(name), int)]
    dropped = ledger.get("dropped")
    if isinstance(dropped, dict):
        facts += [(f"dropped: {reason}", f"{count:,}") for reason, count in dropped.items() if isinstance(count, int)]
    return facts


def remarks(story: Story) -> list[tuple[str, str, str]]:
    """Alarms and findings: how grave, what, what to do (or the rows)."""
    found: list[tuple[str, str, str]] = [(alarm.severity, alarm.message, alarm.advice) for alarm in story.told.alarms]
    for finding in story.told.findings:
        rows = ", ".join(f"{dataset}:{row}" for dataset, row in finding.rows[:10])
        found.append((finding.severity, finding.message, f"rows {rows}" if rows else ""))
    order = ["error", "warning", "info"]
    return sorted(found, key=lambda remark: order.index(remark[0]))


def environment(story: Story) -> Facts:
    """What the run was trained with."""
    start = story.told.start
    versions = {**story.manifest.versions, **(start.versions if start else {})}
    return sorted(versions.items())


def value_text(value: object) -> str:
    """A value of the preset as YAML would have it, near enough; "" for the default of what has none."""
    if value in (None, PLACEHOLDER):
        return "null" if value is None else ""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def number(value: float | None) -> str:
    """A metric in four digits or so; "" where there is none."""
    return "" if value is None else short_number(value)


def duration(seconds: float) -> str:
    """Seconds as 48 s, 3 min 5 s or 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def _settled(points: Points) -> float | None:
    values: Sequence[float] = [value for _, value in points if value is not None]
    return fmean(values[-max(1, len(values) // 10) :]) if values else None


def _last(points: Points) -> float | None:
    return points[-1][1] if points else None


def hard_row(row: HardRow) -> tuple[str, ...]:
    """A hard row in short: place, visits, mean margin, variability, times forgotten, loss, probability of the data."""
    item = f".{row.id.item}" if row.id.item else ""
    step = f" (step {row.step})" if row.step is not None else ""
    return (
        f"{row.id.dataset}:{row.id.row}{item}",
        str(len(row.record.steps)),
        number(row.mean_margin),
        number(row.variability),
        str(row.forgotten),
        number(row.mean_loss),
        f"{number(row.confidence)}{step}" if row.confidence is not None else "",
    )


def snippet(view: RowView, length: int = 90) -> str:
    """The part of a sample that tells it from others, in one line: from where the two sides part, or the last steps."""
    if not view.sequences:
        return view.raw[:length]
    texts = []
    for sequence in view.sequences:
        if not sequence.ids:
            continue
        begin = min(view.shared_prefix, len(sequence.ids) - 1) if view.model_kind == "pair" else 0
        text = " ".join(sequence.text[sequence.starts[begin] :].split())
        room = length // len(view.sequences)
        texts.append(text if len(text) <= room else text[: room - 1] + "…")
    return "  ≠  ".join(texts)


def head_of(row: HardRow, views: Mapping[tuple[int, int, int], RowView]) -> str:
    """The beginning of a hard row's text; empty where its view is not at hand."""
    view = views.get((row.id.dataset, row.id.row, row.id.item))
    return snippet(view) if view else ""
