"""The versions of what a training's result depends on, as manifests and events record them."""

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("rm-workbench", "torch", "transformers", "datasets", "accelerate", "peft", "tokenizers")


def versions() -> dict[str, str]:
    """Python's version, and those of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
