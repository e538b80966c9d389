"""The report of a check, from what the pass over the samples left behind."""

from engine.check.apart import rows_apart
from engine.check.budget import length_budget
from engine.check.found import LOCATED_ROWS, SetFinding
from engine.check.gathered import Gathered, Occurrences
from engine.check.lengths import lengths
from engine.cost.counts import counts_of
from engine.finding import Ledger, Severity
from engine.finding_codes import CODES, advice, gravest_first
from engine.inspector.check_messages import CheckReport, FindingSummary, KeptAt, LengthBudget, Lengths, SampleCounts
from engine.prepare.opened import Opened
from engine.words import counted, share

ENOUGH = 0.99
"""The share of samples that a suggested `sequence_len` leaves whole."""


def report(gathered: Gathered, opened: Opened, *, complete: bool = True) -> CheckReport:
    """The report of all rows, or (not `complete`) of those seen so far."""
    preset, checks = opened.loaded.preset, gathered.checks
    fates = gathered.fates
    train, held_out = fates["train"].of_rows, fates["eval"].of_rows
    histograms = _histograms(gathered, preset.sequence_len)
    edges = [edge for name in ("longer", "sequence") if name in histograms for edge in histograms[name].edges]
    budget = length_budget(checks.extents, str(preset.excess_length_strategy), preset.sequence_len, edges)
    cost = _cost_of_limit(gathered, budget)
    rows = train.rows + held_out.rows
    summaries = {code: _of_rows(code, seen, rows, budget, cost) for code, seen in gathered.occurrences.items()}
    summaries |= {found.code: _of_set(found) for found in checks.findings()}
    tokens = counts_of(gathered.kept.rows) if complete else None
    if tokens and (apart := rows_apart(preset, tokens)):
        summaries[apart.code] = _of_set(apart)
    if complete and not train.kept:
        message = f"none of {counted(train.rows, 'training row')} can be trained on"
        summaries["nothing-to-train"] = _of_set(SetFinding("nothing-to-train", message, count=train.rows))
    if complete and not held_out.kept and (preset.test_datasets or preset.val_set_size):
        message = f"none of {counted(held_out.rows, 'held-out row')} can be evaluated on"
        summaries["nothing-to-evaluate"] = _of_set(SetFinding("nothing-to-evaluate", message, count=held_out.rows))
    return CheckReport(
        rows=train.rows,
        kept=train.kept,
        dropped=dict(train.dropped),
        digest=gathered.kept.digest.hexdigest() if complete else "",
        findings=tuple(summaries[code] for code in gravest_first(summaries)),
        lengths=histograms,
        statistics=checks.statistics() | cost,
        eval_rows=held_out.rows,
        eval_kept=held_out.kept,
        eval_dropped=dict(held_out.dropped),
        samples=_samples(fates["train"].of_samples),
        eval_samples=_samples(fates["eval"].of_samples),
        budget=budget,
        positions=checks.labels.positions(),
        dropped_rows={
            split: {reason: tuple(places) for reason, places in of_split.rows.items()}
            for split, of_split in fates.items()
        },
        tokens=tokens,
        complete=complete,
        planned=len(opened.train) + len(opened.eval),
    )


def _samples(ledger: Ledger) -> SampleCounts:
    return SampleCounts(ledger.rows, ledger.kept, dict(ledger.dropped))


def _histograms(gathered: Gathered, limit: int) -> dict[str, Lengths]:
    """The length that `sequence_len` decides by comes first."""
    found = {name: lengths(counts, 0 if name == "step" else limit) for name, counts in gathered.counts.items()}
    if "chosen" in found:
        found = {"longer": lengths(gathered.checks.extents.longer, limit)} | found
    steps = gathered.checks.labels.steps
    return found | ({"steps": lengths(steps, 0)} if len(steps) else {})


def _cost_of_limit(gathered: Gathered, budget: LengthBudget) -> dict[str, float]:
    """Shares of samples dropped for their length, of samples cut, and of tokens that training does not see."""
    samples = gathered.fates["train"].of_samples.rows
    if not samples:
        return {}
    kept = next(at for at in budget.at if at.sequence_len == budget.limit)
    return {
        "too_long_share": gathered.fates["train"].reasons["too-long"] / samples,
        "cut_share": gathered.checks.extents.rows_cut / samples,
        "tokens_lost_share": 1 - kept.tokens / budget.tokens if budget.tokens else 0.0,
    }


def _of_rows(code: str, seen: Occurrences, rows: int, budget: LengthBudget, cost: dict[str, float]) -> FindingSummary:
    title = CODES[code].title if code in CODES else seen.said
    message = f"{title} ({share(seen.count / max(1, rows))} of rows)"
    severity, what_to_do = seen.severity, advice(code)
    if code in ("too-long", "truncated"):
        message += f"; training does not see {share(cost.get('tokens_lost_share', 0.0))} of the tokens"
    if code in ("too-long", "truncated", "no-labels"):
        what_to_do = f"{_longer_limits(budget)}{what_to_do}"
    if code == "too-long" and budget.strategy == "raise":
        severity = Severity.ERROR
        message += "; training refuses to start: `excess_length_strategy: raise`"
    if seen.said != title:
        message += f"; the first: {seen.said}"
    train, held_out = (tuple(seen.rows[split]) for split in ("train", "eval"))
    return FindingSummary(code, severity.value, seen.count, train, message, what_to_do, held_out)


def _longer_limits(budget: LengthBudget) -> str:
    """Which `sequence_len` would leave nearly all samples whole, and which all; empty where the limit does already."""
    enough = next((at for at in budget.at if _is_round(at, budget) and at.whole >= ENOUGH * budget.samples), None)
    longest = budget.at[-1]
    if longest.sequence_len <= budget.limit:
        return ""
    if enough is not None and budget.limit < enough.sequence_len < longest.sequence_len:
        part = share(enough.whole / budget.samples)
        return f"`sequence_len: {enough.sequence_len}` would leave {part} whole, and `{longest.sequence_len}` all. "
    return f"`sequence_len: {longest.sequence_len}` would leave all of them whole. "


def _is_round(at: KeptAt, budget: LengthBudget) -> bool:
    return at.sequence_len % 64 == 0 or at is budget.at[-1]


def _of_set(found: SetFinding) -> FindingSummary:
    severity = found.severity or CODES[found.code].severity
    count = len(found.rows) if found.count is None else found.count
    rows = tuple(found.rows[:LOCATED_ROWS])
    rows, eval_rows = ((), rows) if found.split == "eval" else (rows, ())
    return FindingSummary(found.code, severity.value, count, rows, found.message, advice(found.code), eval_rows)
