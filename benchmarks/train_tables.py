"""What the training benchmark prints: a row a workload on the CPU, and for a model's shape a row a contestant."""

import statistics
from collections.abc import Callable

from train_contestants import Measured

PEAK_TFLOPS = {"H100": 989.0, "H200": 989.0, "A100": 312.0}
"""What a device multiplies in bf16 without sparsity, in 10^12 operations a second: its maker's figures (SXM)."""

Results = dict[str, list[Measured]]
"""A contestant's trainings, turn by turn; none where it ran out of memory."""


def apart(results: Results, contestant: str = "TRL") -> float:
    """How far the losses of a contestant's steps are from ours, at most."""
    both = zip(results["ours"][0].losses, results[contestant][0].losses, strict=True)
    return max(abs(ours - theirs) for ours, theirs in both)


def spread(turns: list[Measured], measure: Callable[[Measured], float]) -> float:
    """The largest over the smallest of the turns."""
    values = [measure(turn) for turn in turns]
    return max(values) / min(values)


def cpu_head() -> str:
    """The columns of `cpu_row`."""
    seconds = f"{'':<18}{'ours CPU s':>12}{'TRL':>9}{'sorted':>9}{'default':>9}"
    ratios = f"{'ratio':>8}{'sorted':>8}{'default':>9}{'wall':>8}{'tokens':>8}{'bound':>8}"
    return f"{seconds}{ratios}{'spread':>9}{'loss apart':>12}"


def cpu_row(name: str, results: Results, products: float) -> str:
    """CPU seconds of each, and how many times ours the others take; `products` are the least that ours could take."""
    cpu = {contestant: statistics.median(m.cpu for m in turns) for contestant, turns in results.items()}
    wall = {contestant: statistics.median(m.wall for m in turns) for contestant, turns in results.items()}
    tokens = results["TRL"][0].computed / results["ours"][0].computed
    worst = max(spread(turns, lambda m: m.cpu) for turns in results.values())
    return (
        f"{name:<18}{cpu['ours']:>12.2f}{cpu['TRL']:>9.2f}{cpu['sorted']:>9.2f}{cpu['default']:>9.2f}"
        f"{cpu['TRL'] / cpu['ours']:>7.2f}x{cpu['sorted'] / cpu['ours']:>7.2f}x{cpu['default'] / cpu['ours']:>8.2f}x"
        f"{wall['TRL'] / wall['ours']:>7.2f}x{tokens:>7.2f}x{cpu['TRL'] / products:>7.2f}x{worst:>8.2f}x"
        f"{apart(results):>12.1e}"
    )


def shape_head() -> str:
    """The columns of `shape_rows`."""
    return (
        f"{'':<18}{'tokens/s':>10}{'x ours':>8}{'step s':>9}{'spread':>8}{'peak GiB':>10}{'x ours':>8}"
        f"{'MFU':>7}{'computed':>10}{'loss apart':>12}"
    )


def shape_rows(name: str, results: Results, weights: int, tflops: float | None) -> list[str]:
    """A row a contestant, the first step of each turn left out.

    MFU: floating point operations that the rows' tokens take, 6 a token and weight of the layers (forward 2, backward
    4; Chowdhery et al. 2022, arXiv:2204.02311, appendix B, without attention's own), over what the device could do in
    the time. "computed" is the same of the positions that went through the model: without prompts that are shared, and
    with padding.
    """
    lines = [name]

    def speed(turn: Measured) -> float:
        return turn.tokens / sum(turn.step_seconds)

    for contestant, turns in results.items():
        if not turns:
            lines.append(f"  {contestant:<16}{'out of memory':>28}")
            continue
        rate, peak = statistics.median(map(speed, turns)), max(turn.peak for turn in turns)
        step = statistics.median(seconds for turn in turns for seconds in turn.step_seconds)
        of_ours = statistics.median(map(speed, results["ours"])) / rate if results["ours"] else float("nan")
        line = f"  {contestant:<16}{rate:>10.0f}{of_ours:>7.2f}x{step:>9.3f}{spread(turns, speed):>7.2f}x"
        ours_peak = max((turn.peak for turn in results["ours"]), default=0)
        line += f"{peak / 2**30:>10.2f}{ours_peak / peak:>7.2f}x" if peak else f"{'-':>10}{'-':>8}"
        if tflops:
            done = 6 * weights * rate / (tflops * 1e12)
            line += f"{done:>7.1%}{done * turns[0].positions / turns[0].tokens:>10.1%}"
        else:
            line += f"{'-':>7}{'-':>10}"
        same_rows = contestant != "sorted" and results["ours"]
        lines.append(line + (f"{apart(results, contestant):>12.1e}" if same_rows else f"{'-':>12}"))
    return lines
