"""Numbers as a person reads them, on the screens, in the command line and in reports."""

import math


def counted(number: int, thing: str) -> str:
    """`1 row`, `1,200 rows`: `thing` is the singular, its plural ends in s."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def share(part: float) -> str:
    """A share in per cent: `12 %`, `0.4 %`; never rounded up to all of it, nor down to nothing."""
    percent = 100 * part
    if 99 < percent < 100:
        return f"{min(percent, 99.9):.1f} %"
    return f"{percent:.0f} %" if percent >= 1 or percent == 0 else f"{percent:.1g} %"


def short_number(value: float | None, digits: int = 4) -> str:
    """A number in at most about seven characters: 0.4231, 12.35, 8,120, 81.2k, 1.5M, 2e-5; "–" for None."""
    if value is None:
        return "–"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    if size == 0:
        return "0"
    if size < 1e-3:
        return scientific(value, 1) if size >= 1e-99 else "0"
    for bound, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= bound:
            scaled = size / (1e3 if suffix == "k" else bound)
            sign = "-" if value < 0 else ""
            return scientific(value, 1) if scaled >= 1e4 else sign + f"{scaled:.3g}" + suffix
    if value == int(value) and size >= 1:
        return f"{int(value):,}"
    whole = len(str(int(size)))
    return f"{value:,.{max(0, digits - (whole if size >= 1 else 0))}f}"


def fraction(value: float | None) -> str:
    """An accuracy or a probability, in the width of its column: 0.967; "–" for None."""
    return "–" if value is None else f"{value:.3f}"


def scientific(value: float, digits: int) -> str:
    """With at most so many digits after the first: 1.2e-5, 3e7."""
    number, _, power = f"{value:.{digits}e}".partition("e")
    return f"{number.rstrip('0').rstrip('.') if digits else number}e{int(power)}"
