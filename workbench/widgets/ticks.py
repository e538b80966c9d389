"""Round numbers along an axis, durations and the labels of a time axis."""

import math

from engine.words import scientific, short_number


def nice_ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` multiples of 1, 2 or 5 times a power of ten within [low, high]; at least one where it spans."""
    if not (math.isfinite(low) and math.isfinite(high)) or high < low or most < 1:
        return []
    if high == low:
        return [low]
    rough = (high - low) / max(most, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1, 2, 5, 10, 20, 50, 100):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            # The product of integers with the step, not a running sum: 0.3 must not become 0.30000000000000004.
            return [_round(index * step, step) for index in range(first, last + 1)]
    return []


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` powers of ten (or, over a short range, 1, 2 and 5 times them) within [low, high], both > 0."""
    if not 0 < low <= high:
        return []
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    fine = [f * 10.0**e for e in range(first, last + 1) for f in (1, 2, 5)]
    within = [tick for tick in fine if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
    if 2 <= len(within) <= most:
        return within
    if len(within) < 2:
        return nice_ticks(low, high, most)
    powers = [10.0**e for e in range(first, last + 1) if low * (1 - 1e-9) <= 10.0**e <= high * (1 + 1e-9)]
    return powers[:: -(-len(powers) // most)] if powers else within[:most]


def time_ticks(low: float, high: float, most: int) -> list[float]:
    """Like `nice_ticks`, for seconds: multiples of seconds, minutes, hours or days that a clock has."""
    if high <= low or most < 1:
        return [low] if high == low else []
    for step in _CLOCK:
        first, last = math.ceil(low / step), math.floor(high / step)
        if last - first + 1 <= most:
            return [index * step for index in range(first, last + 1)]
    return nice_ticks(low, high, most)


_CLOCK: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
_CLOCK += tuple(h * 3600.0 for h in (2, 3, 6, 12, 24, 48, 96, 168))


def tick_labels(ticks: list[float]) -> list[str]:
    """The ticks as text, all with as many decimals as the finest needs."""
    if not ticks:
        return []
    largest = max(abs(tick) for tick in ticks)
    if largest >= 1e6:
        return [short_number(tick) for tick in ticks]
    if 0 < largest < 1e-2:
        return [scientific(tick, 4) if tick else "0" for tick in ticks]
    if largest >= 10_000:
        return [f"{tick / 1000:g}k" if tick else "0" for tick in ticks]
    decimals = max(_decimals(tick) for tick in ticks)
    return [f"{tick:,.{decimals}f}" if tick else "0" for tick in ticks]


def short_duration(seconds: float) -> str:
    """Seconds as 48 s, 3 m 05 s, 2 h 10 m or 3 d 4 h."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def clock_label(seconds: float) -> str:
    """A tick of a time axis: 30s, 5m, 1h30, 2d."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m" + (f"{whole % 60:02}" if whole % 60 else "")
    if whole < 86400:
        return f"{whole // 3600}h" + (f"{whole % 3600 // 60:02}" if whole % 3600 >= 60 else "")
    return f"{whole // 86400}d" + (f"{whole % 86400 // 3600}h" if whole % 86400 >= 3600 else "")


def _decimals(tick: float) -> int:
    text = f"{tick:.10f}".rstrip("0")
    return min(len(text.split(".")[1]), 6)


def _round(value: float, step: float) -> float:
    return round(value, max(0, 2 - math.floor(math.log10(step)))) if step < 1e15 else value
