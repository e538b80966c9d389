"""Which of a run's processes this one is, as the launcher (`accelerate launch`, torchrun) tells each."""

import os


def process_count() -> int:
    """The processes of the run, on all machines; 1 where none was told."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_process_count() -> int:
    """The processes of the run on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def local_rank() -> int:
    """The number of this process on this machine, from 0: that of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def is_first_process() -> bool:
    """Whether this process is the one of its run that speaks for all."""
    return int(os.environ.get("RANK", "0")) == 0
