"""Importing what takes seconds, in less of them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Import the large libraries within this, as a process begins.

    What they make stays to the process's end. Looking through it for garbage, again and again as it grows, takes a
    quarter of the time of importing torch and transformers; and 0.2 s each time later, as when a training starts. A
    screen stands still meanwhile.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
