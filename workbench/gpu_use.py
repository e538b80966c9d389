"""How busy this machine's GPUs are now: what a run's own numbers cannot tell."""

import subprocess
from dataclasses import dataclass

QUERY = (
    "nvidia-smi",
    "--query-gpu=index,utilization.gpu,memory.used,memory.total,temperature.gpu",
    "--format=csv,noheader,nounits",
)


@dataclass(frozen=True, slots=True)
class GpuUse:
    """One GPU: percent of the time that it computed of late, GiB of memory taken and in all, degrees Celsius."""

    index: int
    percent: float
    used_gib: float
    total_gib: float
    celsius: float | None


def look_at_gpus() -> tuple[GpuUse, ...] | None:
    """The GPUs that are here, None where there is nobody to ask. Takes a moment: call it in a thread."""
    try:
        listed = subprocess.run(QUERY, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return parse(listed)


def parse(listed: str) -> tuple[GpuUse, ...]:
    """What `nvidia-smi` listed; a GPU that does not tell its use or its memory is left out."""
    found = []
    for line in listed.splitlines():
        fields = [field.strip() for field in line.split(",")]
        try:
            index, percent, used, total = int(fields[0]), *(float(field) for field in fields[1:4])
        except (ValueError, IndexError):
            continue
        celsius = float(fields[4]) if len(fields) > 4 and fields[4].isdigit() else None
        found.append(GpuUse(index, percent, used / 1024, total / 1024, celsius))
    return tuple(found)
