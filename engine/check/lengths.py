"""Token counts as histograms."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.inspector.check_messages import Lengths

BINS = 32


def lengths(counts: "Sequence[int] | npt.NDArray[np.int64]", limit: int) -> Lengths:
    """The histogram of `counts` (tokens before a cut), in about `BINS` bins of one round width, the last open-ended.

    `limit` is the length beyond which sequences are cut or dropped; 0 where there is none.
    """
    values = np.asarray(counts, dtype=np.int64)
    if not len(values):
        return Lengths((0, 1), (0,), 0, 0, 0, 0, 0, limit)
    low, high = int(values.min()), int(values.max())
    p99 = int(np.percentile(values, 99, method="higher"))
    width = round_width((max(p99, low + 1) - low + 1) / (BINS - 1))
    first = low - low % width
    edges = list(range(first, p99 + width + 1, width))
    if edges[-1] <= high:
        edges.append(high + 1)
    histogram, _ = np.histogram(values, bins=np.asarray(edges, dtype=np.float64) - 0.5)
    return Lengths(
        edges=tuple(edges),
        counts=tuple(int(count) for count in histogram),
        minimum=low,
        median=int(np.percentile(values, 50, method="lower")),
        p95=int(np.percentile(values, 95, method="higher")),
        maximum=high,
        tokens=int(values.sum()),
        limit=limit,
    )


def round_width(least: float) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50 and so on that is at least `least`."""
    scale = 1
    while True:
        for step in (1, 2, 5):
            if step * scale >= least:
                return step * scale
        scale *= 10
