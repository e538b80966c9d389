"""Which devices of this machine a run takes, told without torch, so that runs that want the same can take turns."""

import os
import re
import sys
from pathlib import Path

from engine.preset.schema import Preset

CPU = "cpu"


def wanted_devices(preset: Preset) -> tuple[str, ...]:
    """The devices that a run of `preset` launched from here takes: `("cpu",)`, or a name a GPU.

    The GPUs are the first `num_processes` of those that CUDA_VISIBLE_DEVICES shows, named as it names them (a number,
    or a GPU's or a MIG instance's own id); without it, of all that the driver has.
    """
    if preset.device == "cpu":
        return (CPU,)
    return _gpus()[: preset.num_processes] or (CPU,)


def is_gpu(device: str) -> bool:
    """Whether a device is one that runs take turns on without being asked to."""
    return device != CPU


def in_words(device: str) -> str:
    """The device as a person calls it."""
    return "the CPU" if device == CPU else device.replace("gpu-", "GPU ")


def _gpus() -> tuple[str, ...]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        named = [name.strip() for name in visible.split(",")]
        # CUDA reads the list up to the first entry that names none.
        shown = named[: named.index("-1")] if "-1" in named else named
        return tuple(f"gpu-{re.sub(r'[^0-9A-Za-z-]', '-', name)}" for name in shown if name)
    if sys.platform == "darwin":
        return ("gpu-mps",)
    return tuple(f"gpu-{number}" for number, _ in enumerate(Path("/dev").glob("nvidia[0-9]*")))
