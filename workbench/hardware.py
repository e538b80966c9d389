"""What this machine has to train with, in one line."""

import platform
import subprocess
from dataclasses import dataclass

NVIDIA_QUERY = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")


@dataclass(frozen=True, slots=True)
class Hardware:
    """Cores this process may use, memory in bytes (in all, and free now), the GPUs' names with their memory."""

    cores: int
    memory: int
    free: int
    gpus: tuple[str, ...]

    def __str__(self) -> str:
        """One line: "2 cores · 6.1 of 15.6 GiB free · no GPU: training runs on the CPU"."""
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        memory = f"{self.free / 2**30:.1f} of {self.memory / 2**30:.1f} GiB free"
        gpus = ", ".join(self.gpus) or "no GPU: training runs on the CPU"
        return f"{cores} · {memory} · {gpus}"


def look_at_hardware() -> Hardware:
    """What is here. Takes a moment (a process is asked about GPUs): call it in a thread."""
    import psutil

    process = psutil.Process()
    cores = len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else psutil.cpu_count() or 1
    memory = psutil.virtual_memory()
    return Hardware(cores, memory.total, memory.available, _gpus())


def _gpus() -> tuple[str, ...]:
    try:
        listed = subprocess.run(NVIDIA_QUERY, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ("Apple GPU",) if platform.system() == "Darwin" and platform.machine() == "arm64" else ()
    gpus = []
    for line in listed.splitlines():
        name, _, mebibytes = line.rpartition(",")
        size = f" {int(mebibytes) / 1024:.0f} GiB" if mebibytes.strip().isdigit() else ""
        gpus.append(f"{name.strip()}{size}")
    return tuple(gpus)
