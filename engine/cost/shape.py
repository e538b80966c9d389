"""A model's shape, from the files beside its weights: config.json and the headers of its safetensors files."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEADER_BYTES = 100_000_000
"""What safetensors itself allows a header to have."""

LANGUAGE_HEADS = ("lm_head.", "embed_out.", "output.", "cls.", "score.", "classifier.")
"""Weights that training does not load, or replaces: what stands on top of the base model."""

INPUTS_FIRST = {"gpt2"}
"""Families that keep a matrix as inputs by outputs."""

Matrix = tuple[str, int, int, int]
"""A module's name, its inputs, its outputs, and how many of them there are."""


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What the cost of a model depends on: `layers` of `hidden` units; `queries` and `keys` are the widths of all query
    and all key heads; `inner` that of the feed-forward part (of all experts that a token goes through).

    `parameters` counts the base model's weights; `matrices` are those that an adapter may stand beside.
    """

    family: str
    layers: int
    hidden: int
    heads: int
    queries: int
    keys: int
    inner: int
    vocabulary: int
    parameters: int
    matrices: tuple[Matrix, ...]


def read_shape(folder: Path) -> ModelShape | None:
    """The shape of the model in a folder; None where that does not tell it."""
    try:
        whole = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tensors = {name: shape for file in sorted(folder.glob("*.safetensors")) for name, shape in _header(file)}
        return _shape(whole, tensors) if tensors else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _shape(whole: dict[str, Any], tensors: dict[str, list[int]]) -> ModelShape:
    config = {**whole, **(whole.get("text_config") or {})}
    hidden = int(_first(config, "hidden_size", "n_embd", "d_model"))
    heads = int(_first(config, "num_attention_heads", "n_head"))
    keys = int(config.get("num_key_value_heads") or heads)
    size = int(config.get("head_dim") or hidden // heads)
    experts = int(config.get("num_experts_per_tok") or 1)
    inner = int(config.get("moe_intermediate_size") or config.get("intermediate_size") or config.get("n_inner") or 0)
    body = {name: shape for name, shape in tensors.items() if not name.startswith(LANGUAGE_HEADS)}
    matrices = Counter(
        (name.removesuffix(".weight").split(".")[-1], shape[1], shape[0])
        for name, shape in body.items()
        if len(shape) == 2 and "embed" not in name and not name.startswith(("wte.", "wpe.", "transformer.w"))
    )
    family = str(config["model_type"])
    if family in INPUTS_FIRST:
        matrices = Counter({(name, outputs, inputs): count for (name, inputs, outputs), count in matrices.items()})
    return ModelShape(
        family=family,
        layers=int(_first(config, "num_hidden_layers", "n_layer")),
        hidden=hidden,
        heads=heads,
        queries=heads * size,
        keys=keys * size,
        inner=(inner or 4 * hidden) * experts,
        vocabulary=int(config["vocab_size"]),
        parameters=sum(_product(shape) for shape in body.values()),
        matrices=tuple((*matrix, count) for matrix, count in matrices.items()),
    )


def _header(file: Path) -> list[tuple[str, list[int]]]:
    with file.open("rb") as opened:
        size = int.from_bytes(opened.read(8), "little")
        if size > HEADER_BYTES:
            raise ValueError(f"{file} has no safetensors header")
        header = json.loads(opened.read(size))
    return [(name, entry["shape"]) for name, entry in header.items() if name != "__metadata__"]


def _first(config: dict[str, Any], *names: str) -> Any:
    return next(config[name] for name in names if config.get(name))


def _product(shape: list[int]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product
