"""Numbers as a person reads them."""


def counted(number: int, thing: str) -> str:
    """`1 row`, `1,200 rows`: `thing` is the singular, its plural ends in s."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def share(part: float) -> str:
    """A share in per cent: `12 %`, `0.4 %`; never rounded up to all of it, nor down to nothing."""
    percent = 100 * part
    if 99 < percent < 100:
        return f"{min(percent, 99.9):.1f} %"
    return f"{percent:.0f} %" if percent >= 1 or percent == 0 else f"{percent:.1g} %"
