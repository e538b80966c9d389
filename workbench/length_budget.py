"""What a cut at some length would keep, in words: exactly what training would keep, as the check counted it."""

from bisect import bisect_left

from engine.inspector.check_messages import KeptAt, LengthBudget
from engine.words import counted, share


def stop_beside(budget: LengthBudget, cut: int, by: int) -> int:
    """The length `by` stops away from `cut` among those that were counted, or the outermost one."""
    stops = [at.sequence_len for at in budget.at]
    return stops[min(max(bisect_left(stops, cut) + by, 0), len(stops) - 1)]


def stop_near(budget: LengthBudget, length: float) -> int:
    """The counted length that is nearest to `length`."""
    return min((at.sequence_len for at in budget.at), key=lambda stop: abs(stop - length))


def kept_at(budget: LengthBudget, cut: int) -> KeptAt:
    """What `cut`, one of the lengths that were counted, keeps."""
    return next(at for at in budget.at if at.sequence_len == cut)


def caption(budget: LengthBudget, cut: int, rows: int, *, wide: bool = True) -> str:
    """What training would keep of `rows` samples with `cut` for `sequence_len`, and what becomes of the others."""
    at = kept_at(budget, cut)
    longer, lost = budget.samples - at.whole, budget.samples - at.samples
    tokens = f"{share(at.tokens / budget.tokens)} of tokens" if budget.tokens else "no tokens"
    if budget.strategy == "raise":
        refusal = f"{counted(longer, 'row')} longer: training would not start" if longer else "no row is longer"
        return f"{refusal} (`excess_length_strategy: raise`)" if wide else refusal
    kept = f"{counted(at.samples, 'row')} kept"
    if rows:
        kept += f" ({share(at.samples / rows)})"
    if budget.strategy == "drop":
        return f"{kept}, {tokens}; {lost:,} too long, dropped" if wide else f"{kept}, {tokens}"
    cut_rows = at.samples - at.whole
    return (
        f"{kept}, {tokens}; {cut_rows:,} cut" + (f", {lost:,} lost by it" if lost else "")
        if wide
        else (f"{kept}, {cut_rows:,} cut, {tokens}")
    )
