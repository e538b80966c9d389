"""What holds for every test."""

import os

# Before torch is imported: two test processes with two spinning threads each would fight over two cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
