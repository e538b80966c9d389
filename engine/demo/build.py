"""Build the demo's files on first use, into the user's cache."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from engine.demo.pairs import pair_rows
from engine.demo.steps import steps_rows
from engine.error import EngineError
from engine.preset.suggest import did_you_mean

SEED = 20_260_101
TRAIN_ROWS, TEST_ROWS = 6000, 400
REFERENCES = ("demo:pairs", "demo:steps", "demo:model")


def materialise(reference: str, cache: Path | None = None) -> Path:
    """The folder of `demo:pairs` or `demo:steps` (train.jsonl, test.jsonl) or `demo:model` (model and tokenizer).

    Built from the seed if it is not there yet: all of it in a folder beside, which then gets its name, so that two
    processes may do this at once and neither sees half of it. `cache` is a folder; without it, the environment's
    RM_WORKBENCH_CACHE, or the user's cache. Raises EngineError for an unknown reference or an unwritable cache.
    """
    if reference not in REFERENCES:
        hint = did_you_mean(reference, REFERENCES).removeprefix("; ")
        raise EngineError("no such demo data", reference, hint or f"there are {', '.join(REFERENCES)}")
    folder = (cache or _cache()) / f"demo-{_digest()}" / reference.removeprefix("demo:")
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
        try:
            _build(reference, building)
            _take_name(building, folder)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    except OSError as error:
        advice = "make room or set RM_WORKBENCH_CACHE to a folder that can be written"
        raise EngineError(f"the demo cannot be built: {error.strerror or error}", str(folder), advice) from error
    return folder


@lru_cache
def _digest() -> str:
    """Of the code that builds the demo, so that what another version built is never taken for it."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def _cache() -> Path:
    chosen = os.environ.get("RM_WORKBENCH_CACHE")
    return Path(chosen) if chosen else user_cache_path("rm-workbench")


def _take_name(building: Path, folder: Path) -> None:
    building.chmod(0o755)
    try:
        building.rename(folder)
    except OSError:
        # Another process was first: what it built is the same.
        if not folder.is_dir():
            raise


def _build(reference: str, folder: Path) -> None:
    if reference == "demo:model":
        from engine.demo.model import write_model
        from engine.demo.tokenizer import write_tokenizer

        write_tokenizer(folder, _texts())
        write_model(folder, SEED)
        return
    for name, rows in zip(("train", "test"), _splits(reference), strict=True):
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _splits(reference: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Training and test rows; no prompt is in both."""
    make, seed = (pair_rows, SEED) if reference == "demo:pairs" else (steps_rows, SEED + 10)
    seen: set[str] = set()
    return list(make(seed, TRAIN_ROWS, seen)), list(make(seed + 1, TEST_ROWS, seen))


def _texts() -> Iterable[str]:
    """What the tokenizer is trained on: the training rows' texts."""
    for row in _splits("demo:pairs")[0]:
        yield from (
            f"system\n{row['system'] or ''}",
            f"user\n{row['input']}",
            f"assistant\n{row['chosen']}",
            row["rejected"],
        )
    for row in _splits("demo:steps")[0]:
        yield "\n".join((row["prompt"], *row["completions"]))
