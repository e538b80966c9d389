"""Which device trains, and in which number formats: decided from the preset and what is there, and said."""

import platform
from dataclasses import dataclass
from typing import Literal

import torch

from engine.model.error import ModelError
from engine.preset.schema import Preset

FORMATS = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}
"""What the formats that a model is held in are called."""


@dataclass(frozen=True, slots=True)
class Precision:
    """`weights` is the format the model is held in, `autocast` the one its layers compute in ("no": that of the
    weights). Head, loss and adapters are fp32 whatever these are.
    """

    device: Literal["cuda", "mps", "cpu"]
    weights: torch.dtype
    autocast: Literal["bf16", "fp16", "no"]

    def __str__(self) -> str:
        """As the run's start says it: `cpu, fp32`, or `cuda (NVIDIA H100), bf16 on fp32 weights`."""
        name = f"{self.device} ({torch.cuda.get_device_name()})" if self.device == "cuda" else self.device
        held = FORMATS[self.weights]
        return f"{name}, {held}" if self.autocast == "no" else f"{name}, {self.autocast} on {held} weights"


def emulates_bf16(precision: Precision) -> bool:
    """Whether bf16 is computed on a CPU that has no instructions for it, as far as that can be told (x86)."""
    in_bf16 = precision.autocast == "bf16" or precision.weights == torch.bfloat16
    if precision.device != "cpu" or not in_bf16 or platform.machine() not in ("x86_64", "AMD64"):
        return False
    return not torch.cpu._is_avx512_bf16_supported() and not torch.cpu._is_amx_tile_supported()


def choose_device(preset: Preset) -> Literal["cuda", "mps", "cpu"]:
    """The preset's device, or the first there is of CUDA, MPS and CPU. Raises ModelError where the preset's is not."""
    there: dict[Literal["cuda", "mps", "cpu"], bool] = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    wanted = preset.device
    for device, available in there.items():
        if wanted in ("auto", device) and available:
            return device
    found = ", ".join(device for device, available in there.items() if available)
    raise ModelError(
        f"The preset asks for device {wanted}, which is not there (found: {found}).",
        "device",
        "Remove `device` to let the first that is there be taken, or check the driver with `nvidia-smi`.",
    )


def choose_precision(preset: Preset) -> Precision:
    """The formats that `bf16`, `fp16` and `adapter` ask for on the chosen device.

    `bf16: auto` is bf16 on a CUDA device that has it, else fp32. A full training keeps fp32 weights, since
    a bf16 weight swallows most updates of a usual learning rate; `bf16: full` holds the weights in bf16 all the same.
    Under an adapter the frozen weights are held in the computing format. Raises ModelError.
    """
    device = choose_device(preset)
    if preset.bf16 in (True, "full") and device == "cuda" and not torch.cuda.is_bf16_supported():
        raise ModelError(f"{torch.cuda.get_device_name()} has no bf16.", "bf16", "Use `fp16: true`, or `bf16: auto`.")
    if preset.fp16 and device != "cuda":
        raise ModelError(
            f"fp16 training needs a CUDA device, and this runs on {device}.", "fp16", "Use `bf16: auto`, or neither."
        )
    automatic = preset.bf16 == "auto" and not preset.fp16
    wants_bf16 = device == "cuda" and torch.cuda.is_bf16_supported() if automatic else bool(preset.bf16)
    autocast: Literal["bf16", "fp16", "no"] = "bf16" if wants_bf16 else "fp16" if preset.fp16 else "no"
    computing = {"bf16": torch.bfloat16, "fp16": torch.float16, "no": torch.float32}[autocast]
    held = computing if preset.adapter or preset.bf16 == "full" else torch.float32
    return Precision(device, held, autocast)
