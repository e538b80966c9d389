"""Where a sequence classification model reads the reward: a fact of its architecture, told by its config."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from transformers import AutoConfig

from engine.encode.encoding import NO_TOKEN
from engine.error import EngineError
from engine.model.locate import locate_model
from engine.preset.schema import Preset

Pooling = Literal["last", "first", "mean"]
"""The last token that is not padding (causal models), the first one, or the mean of all (encoders)."""

READS_FIRST = frozenset(
    [
        "albert",
        "bert",
        "big_bird",
        "camembert",
        "canine",
        "convbert",
        "data2vec-text",
        "deberta",
        "deberta-v2",
        "distilbert",
        "electra",
        "ernie",
        "esm",
        "esmc",
        "eurobert",
        "flaubert",
        "fnet",
        "funnel",
        "gte",
        "ibert",
        "jina_embeddings_v3",
        "layoutlm",
        "layoutlmv3",
        "lilt",
        "longformer",
        "luke",
        "markuplm",
        "megatron-bert",
        "mobilebert",
        "modernbert",
        "mpnet",
        "mra",
        "nomic_bert",
        "nystromformer",
        "rembert",
        "roberta",
        "roberta-prelayernorm",
        "roc_bert",
        "roformer",
        "squeezebert",
        "tapas",
        "xlm",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
        "yoso",
    ]
)
"""Model types whose classification head, in transformers, takes the first token's hidden state."""

IN_WORDS: dict[Pooling, str] = {
    "last": "at the last token",
    "first": "at the first token",
    "mean": "from the mean of all tokens",
}


def pooling_of(config: Any) -> Pooling:
    """Where a model of this config (`transformers.PreTrainedConfig`) reads the reward."""
    kind = getattr(config, "classifier_pooling", None)
    if kind in ("mean", "late"):
        return "mean"
    return "first" if kind == "cls" or config.model_type in READS_FIRST else "last"


def find_pooling(preset: Preset, base: Path) -> Pooling:
    """Where the preset's model reads the reward; "last", the usual place, where its config cannot be had.

    Looking at data takes a tokenizer alone: a model that is missing is the trainer's to refuse.
    """
    try:
        place = locate_model(preset.base_model, base, preset.revision_of_model)
        config = AutoConfig.from_pretrained(place, trust_remote_code=preset.trust_remote_code)
    except (EngineError, OSError, ValueError, KeyError):
        return "last"
    return pooling_of(config)


def pooled(ids: Sequence[int], pad: int | None, pooling: Pooling = "last") -> int:
    """The position whose hidden state the head reads: by "last" the rightmost token that is not padding, 0 where all
    of them are; NO_TOKEN for "mean".

    As `transformers.modeling_layers.GenericForSequenceClassification.forward` finds it; without a padding token, the
    last.
    """
    if pooling != "last":
        return 0 if pooling == "first" else NO_TOKEN
    return next((place for place in range(len(ids) - 1, -1, -1) if ids[place] != pad), 0)
