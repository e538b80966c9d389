"""The peers that are compared with, installed for the moment beside the libraries that are there."""

import subprocess
import sys
from pathlib import Path


def install(folder: Path, *packages: str) -> Path | None:
    """Install packages alone, on top of the libraries that we have; None where that fails."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        print(f"{packages[0]} cannot be installed: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return folder
