"""The tokenizer of a preset, with the tokens that the preset adds and with a padding token."""

import re
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from engine.error import EngineError
from engine.hub import HubError, is_hub_id, model_on_hub

_RESERVED = re.compile(r"reserved|unused|extra_id|dummy|placeholder|<\|extra_", re.IGNORECASE)


class TokenizerError(EngineError):
    """A tokenizer that cannot be loaded, or that a preset asks something of which it cannot give."""


def load_tokenizer(preset: Any, base: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of `preset`: a hub id, a folder (looked up here, then in `base`), or a `demo:` reference.

    The preset's `special_tokens` and `tokens` are added. Without a padding token one is chosen, see `choose_pad`.
    Raises TokenizerError.
    """
    name = str(getattr(preset, "tokenizer_config", None) or preset.base_model)
    revision = str(getattr(preset, "revision_of_model", None) or "main")
    place = _place(name, base, revision)
    trust = bool(getattr(preset, "trust_remote_code", False))
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(place), trust_remote_code=trust, revision=revision)
    except Exception as error:
        raise _cannot_load(name, place, error) from error
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise TokenizerError(
            f"{name} loads as {type(tokenizer).__name__}, not as a tokenizer.",
            "base_model",
            "Name a tokenizer's folder or hub id in `tokenizer_config`.",
        )
    _add_tokens(tokenizer, preset)
    choose_pad(tokenizer)
    if getattr(tokenizer, "split_special_tokens", False):
        tokenizer.split_special_tokens = False
    return tokenizer


def choose_pad(tokenizer: PreTrainedTokenizerBase) -> str:
    """Give `tokenizer` a padding token if it has none, and return it.

    The model finds a sequence's last token by comparing with padding, so padding must be a token that ends no text:
    one named for padding, else the unknown token, else a reserved one. Only where the vocabulary has none of these is
    it the EOS token, which the finding pad-is-eos then tells of. Raises TokenizerError where there is no EOS either.
    """
    if tokenizer.pad_token is not None:
        return str(tokenizer.pad_token)
    taken = {tokenizer.eos_token, tokenizer.bos_token}
    special = [str(token.content) for token in tokenizer.added_tokens_decoder.values() if token.special]
    free = [token for token in special if token not in taken]
    named = [token for token in free if "pad" in token.lower()]
    ends = [token for token in free if token == "<|endoftext|>"]
    unknown = [str(tokenizer.unk_token)] if tokenizer.unk_token not in (None, *taken) else []
    reserved = [token for token in free if _RESERVED.search(token)]
    eos = [str(tokenizer.eos_token)] if tokenizer.eos_token is not None else []
    candidates = [*named, *ends, *unknown, *reserved, *eos]
    if not candidates:
        raise TokenizerError(
            "The tokenizer has no padding token, and no other token that could serve as one.",
            "special_tokens",
            "Name one in the preset: `special_tokens: {pad_token: …}`.",
        )
    tokenizer.pad_token = candidates[0]
    return candidates[0]


def _place(name: str, base: Path, revision: str) -> str | Path:
    if name.startswith("demo:"):
        from engine.demo.build import materialise

        return materialise(name)
    for folder in (Path(name).expanduser(), base / name):
        if folder.exists():
            return folder
    if not is_hub_id(name):
        raise TokenizerError(f"There is no folder {name}.", "base_model", "Give a model's folder, or a hub id.")
    try:
        found = model_on_hub(name, revision)
    except HubError as error:
        raise TokenizerError(f"{name}: {error.what}", "base_model", error.advice) from error
    return name if found == name else Path(found)


def _cannot_load(name: str, place: str | Path, error: Exception) -> TokenizerError:
    if isinstance(place, Path):
        if not place.is_dir():
            return TokenizerError(f"{name} is a file, not a model's folder.", str(place), "Give the folder it is in.")
        has = any((place / file).exists() for file in ("tokenizer.json", "tokenizer_config.json", "tokenizer.model"))
        if has:
            what = f"holds a tokenizer that cannot be loaded: {_first_line(error)}"
            return TokenizerError(f"The folder {name} {what}", str(place), "Save it anew, or name another folder.")
        return TokenizerError(
            f"The folder {name} holds no tokenizer.",
            str(place),
            "It has no tokenizer.json nor tokenizer.model: name a folder that has one in `tokenizer_config`.",
        )
    text = str(error)
    if "trust_remote_code" in text:
        return TokenizerError(
            f"{name} comes with Python code of its own, which is not run unless the preset says so.",
            "base_model",
            "If you trust it: `trust_remote_code: true`.",
        )
    if "gated" in text.lower() or "401" in text or "403" in text:
        return TokenizerError(f"{name} needs permission on the hub.", "base_model", "Log in: `hf auth login`.")
    return TokenizerError(
        f"{name} is not a folder here, and cannot be had from the hub: {_first_line(error)}",
        "base_model",
        "Check the name and the network, or give the folder of a downloaded model.",
    )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # transformers lists the causes below a first line that ends in a colon.
    said = " ".join(lines[:2]) if lines and lines[0].endswith(":") else "".join(lines[:1])
    said = said.rstrip(".")
    return f"{said[:200]}{' …' if len(said) > 200 else '.'}" if said else f"{type(error).__name__}."


def _add_tokens(tokenizer: PreTrainedTokenizerBase, preset: Any) -> None:
    special = {name: value for name, value in dict(getattr(preset, "special_tokens", None) or {}).items() if value}
    tokens = [str(token) for token in getattr(preset, "tokens", None) or ()]
    try:
        if special:
            tokenizer.add_special_tokens(special)
        if tokens:
            tokenizer.add_tokens(tokens)
    except Exception as error:
        raise TokenizerError(
            f"The tokens cannot be added: {_first_line(error)}", "special_tokens, tokens", "Give each token as text."
        ) from error
