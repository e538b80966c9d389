"""Loading the model that a preset names, with the head that its kind needs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from engine.model.adapter import add_adapter, quantization
from engine.model.error import ModelError
from engine.model.precision import Precision
from engine.model.read import before_head, head_name, install_reader
from engine.preset.schema import Preset

Loaded = TypeVar("Loaded")

LABELS = {"pair": 1, "steps": 2}
"""Outputs of the head: a pair's model gives one reward; a step's model the logits of wrong and right."""

NAMES = ["wrong", "right"]
"""What the outputs of a step's head are called, as its config.json says."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """`model` is ready to train and to be read (see engine/model/read.py), adapter included.

    `new_head` says whether the head starts from random weights, as it does on every base model; `untrained_tokens`
    names the embeddings where the adapter leaves those of tokens that the preset adds as they were drawn.
    """

    model: Any
    new_head: bool
    parameters: int
    trained_parameters: int
    untrained_tokens: str = ""


def load_model(
    preset: Preset, folder: str | Path, tokenizer: PreTrainedTokenizerBase, precision: Precision
) -> LoadedModel:
    """Load the model at `folder` (a folder, or a hub id) for training.

    Weights are read from safetensors only, and remote code runs only if the preset says so. The head computes in fp32
    whatever the model's format. Raises ModelError.
    """
    where = str(preset.base_model)
    remote = bool(preset.trust_remote_code)
    config: PretrainedConfig = _or_model_error(
        where,
        lambda: AutoConfig.from_pretrained(
            folder,
            trust_remote_code=remote,
            num_labels=LABELS[preset.model_kind],
            revision=preset.revision_of_model or "main",
        ),
    )
    refuse_type(config, preset)
    set_padding(config, tokenizer)
    kind = AutoModelForSequenceClassification if preset.model_kind == "pair" else AutoModelForTokenClassification
    options: dict[str, Any] = {"dtype": precision.weights, "use_safetensors": True, "trust_remote_code": remote}
    if preset.attn_implementation:
        options["attn_implementation"] = preset.attn_implementation
    if preset.revision_of_model:
        options["revision"] = preset.revision_of_model
    if quantized := quantization(preset):
        options["quantization_config"] = quantized
    model, loading = _or_model_error(
        where, lambda: kind.from_pretrained(folder, config=config, output_loading_info=True, **options)
    )
    head = head_name(model)
    missing = {str(name) for name in loading["missing_keys"]}
    of_head = {head, *before_head(model)}
    body = sorted(
        name for name in missing if not of_head & {*name.removeprefix(f"{model.base_model_prefix}.").split(".")[:1]}
    )
    if body:
        raise ModelError(
            f"{len(body)} weights of {type(model).__name__} are not in the model's files (first: {body[0]}).",
            where,
            "The folder is incomplete, or holds another kind of model than its config.json says.",
        )
    if preset.gradient_checkpointing and not model.supports_gradient_checkpointing:
        raise ModelError(
            f"{type(model).__name__} has no gradient checkpointing.",
            "gradient_checkpointing",
            "Set `gradient_checkpointing: false`; a smaller `micro_batch_size` needs less memory too.",
        )
    if missing and preset.model_kind == "steps":
        model.config.id2label = dict(enumerate(NAMES))
        model.config.label2id = {name: output for output, name in enumerate(NAMES)}
    added = fit_vocabulary(model, tokenizer, preset)
    getattr(model, head).to(torch.float32)
    model.config.use_cache = False
    if preset.disable_dropout:
        disable_dropout(model)
    install_reader(model)
    trained = add_adapter(model, preset) if preset.adapter else model
    counts = [(weight.numel(), weight.requires_grad) for weight in trained.parameters()]
    return LoadedModel(
        trained,
        bool(missing),
        parameters=sum(n for n, _ in counts),
        trained_parameters=sum(n for n, trains in counts if trains),
        untrained_tokens=_untrained_embeddings(trained) if added else "",
    )


def refuse_type(config: PretrainedConfig, preset: Preset) -> None:
    """Raise ModelError where transformers has no class of the config's type for the preset's kind."""
    auto, known, what = {
        "pair": ("AutoModelForSequenceClassification", MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING, "a text"),
        "steps": ("AutoModelForTokenClassification", MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING, "steps"),
    }[preset.model_kind]
    its_own = preset.trust_remote_code and auto in (getattr(config, "auto_map", None) or {})
    if type(config) not in known and not its_own:
        raise ModelError(
            f"transformers has no model of the type {config.model_type} that scores {what} ({auto}).",
            str(preset.base_model),
            "Use a model of another type: llama, mistral, qwen2, qwen3, gemma2 and many more have one.",
        )


def set_padding(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> None:
    """Let the config (and a text model's inside it) name the tokenizer's padding token, which pooling relies on."""
    for part in (config, config.get_text_config()):
        part.pad_token_id = tokenizer.pad_token_id


def disable_dropout(model: nn.Module) -> None:
    """Set every dropout of a model to zero: modules of it, and the rates that attention layers keep as numbers.

    The config, which is saved with the model, keeps what it says.
    """
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        for name, value in vars(module).items():
            if "dropout" in name and isinstance(value, float):
                setattr(module, name, 0.0)


def fit_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, preset: Preset) -> bool:
    """Give tokens that the preset adds their embeddings, and say whether there are any; refuse a tokenizer that is not
    the model's.

    Raises ModelError where the tokenizer has tokens beyond the model's vocabulary that no key of the preset added, or
    the model has no vocabulary.
    """
    try:
        embeddings: Any = model.get_input_embeddings()
    except NotImplementedError as error:
        raise ModelError(
            f"{type(model).__name__} has no embeddings of tokens to begin with.",
            str(preset.base_model),
            "Use a model that reads the ids of a tokenizer.",
        ) from error
    rows = embeddings.weight.shape[0]
    beyond = {token for token, index in tokenizer.get_vocab().items() if index >= rows}
    if not beyond:
        return False
    added = {*preset.tokens}
    for token in preset.special_tokens.values():
        added |= {token} if isinstance(token, str) else {*token}
    if foreign := sorted(beyond - added):
        raise ModelError(
            f"The tokenizer has {rows + len(beyond)} tokens, the model {rows}: it could not read {foreign[0]!r}"
            + (f" and {len(foreign) - 1} others." if len(foreign) > 1 else "."),
            str(preset.base_model),
            "Use the model's own tokenizer, or name the new tokens under `tokens` or `special_tokens`.",
        )
    model.resize_token_embeddings(len(tokenizer))
    return True


def _untrained_embeddings(model: Any) -> str:
    """The name of the module that holds the embeddings of tokens, where no weight of it is trained; else empty."""
    embeddings: nn.Module = model.get_input_embeddings()
    if any(weight.requires_grad for weight in embeddings.parameters()):
        return ""
    path: str = next(name for name, module in model.named_modules() if module is embeddings)
    return path.rpartition(".")[2]


def _or_model_error(where: str, load: Callable[[], Loaded]) -> Loaded:
    try:
        return load()
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        if "ignore_mismatched_sizes" in str(error):
            raise ModelError(
                "Weights in the model's files have other shapes than its config.json and the preset ask for: most often"
                " a head with another number of outputs.",
                where,
                "A pair's head has 1 output and a step's 2: start from the base model, or see train.log for the names.",
            ) from error
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"The model cannot be loaded: {reason[0]}",
            where,
            "base_model is a hub id, or a folder with config.json and *.safetensors weights"
            " (other weight formats can run code when they are loaded, and are not read).",
        ) from error
