"""What a cached result depends on beside data and preset: the programs, and the tokenizer's content."""

import os
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import tokenizers
import transformers
from platformdirs import user_cache_path

from engine.source.row import fingerprint_of

_ENGINE = Path(__file__).resolve().parent


def cache_folder(kind: str) -> Path:
    """Where results of one kind are kept: a folder in RM_WORKBENCH_CACHE, or in the user's cache."""
    chosen = os.environ.get("RM_WORKBENCH_CACHE")
    return (Path(chosen) if chosen else user_cache_path("rm-workbench")) / kind


@cache
def programs() -> str:
    """The identity of the engine's own files and of the libraries that tokenise: no result outlives them."""
    files = sorted(file for file in _ENGINE.rglob("*") if file.suffix in (".py", ".jinja"))
    stamps = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return fingerprint_of(stamps, transformers.__version__, tokenizers.__version__)


@lru_cache(maxsize=8)
def tokenizer_content(tokenizer: Any) -> str | None:
    """A digest of all that a fast tokenizer is; None for another one, whose content cannot be told.

    Found once for each tokenizer: not for one that is changed afterwards.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return None
    special = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    return fingerprint_of(backend.to_str(), special, bool(tokenizer.split_special_tokens))
