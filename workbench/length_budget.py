"""What a length limit would keep of a data set, from the histogram of its lengths."""

from dataclasses import dataclass

from engine.inspector.check_messages import Lengths


@dataclass(frozen=True, slots=True)
class Budget:
    """Shares (0 to 1) of sequences that stay whole and of tokens that stay if longer ones are cut; approximate."""

    whole: float
    tokens: float


def budget_at(lengths: Lengths, limit: int) -> Budget:
    """What `limit` tokens keep. Within a bin, lengths are taken as evenly spread."""
    sequences = sum(lengths.counts)
    if not sequences:
        return Budget(1.0, 1.0)
    if limit >= lengths.maximum:
        return Budget(1.0, 1.0)
    whole = kept = total = 0.0
    for low, after, count in zip(lengths.edges, lengths.edges[1:], lengths.counts, strict=False):
        first, last = max(low, lengths.minimum), min(after - 1, lengths.maximum)
        share = min(max((limit - first + 1) / max(last - first + 1, 1), 0.0), 1.0)
        middle = (first + last) / 2
        whole += count * share
        kept += count * (share * min(middle, (first + min(last, limit)) / 2) + (1 - share) * limit)
        total += count * middle
    return Budget(whole / sequences, min(kept / total, 1.0) if total else 1.0)
