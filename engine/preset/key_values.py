"""The types of values that one key alone takes: names, and mappings with names of their own."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from engine.preset.suggest import did_you_mean
from engine.preset.values import Count, Share, describe, expected, flag_or, one_of
from engine.preset.vocabulary import (
    CHAT_TEMPLATES,
    FALLBACK,
    FILE_TYPES,
    FORMATS,
    OPTIMIZERS,
    SCHEDULERS,
    TEMPLATES_ELSEWHERE,
)

SPECIAL_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token", "additional_special_tokens")


def _chat_template(value: object) -> object:
    if isinstance(value, str) and ("{%" in value or "{{" in value):
        raise PydanticCustomError("expected", "expected a template's name: put Jinja text into `chat_template_jinja`")
    name = value.removeprefix(FALLBACK) if isinstance(value, str) else value
    if name in TEMPLATES_ELSEWHERE:
        raise PydanticCustomError(
            "expected",
            "`{name}` is a template of axolotl's that is not here: `tokenizer_default` takes the model's own, or put "
            "its text into `chat_template_jinja`",
            {"name": name},
        )
    one_of(*CHAT_TEMPLATES)(name)
    return value


def _format_name(value: object) -> object:
    try:
        return one_of(*FORMATS)(value)
    except PydanticCustomError as error:
        advice = "leave `type` out to have the layout detected"
        raise PydanticCustomError("expected", "{why}; {advice}", {"why": error.message(), "advice": advice}) from None


def _warmup_steps(value: object) -> object:
    if isinstance(value, float) and 0 < value < 1:
        found = {"found": describe(value)}
        raise PydanticCustomError(
            "expected", "expected a whole number, found {found}: a share of all steps is `warmup_ratio`", found
        )
    return value


def _gradient_checkpointing(value: object) -> object:
    """Whether to checkpoint; axolotl's ways to offload checkpoints are plain checkpointing here."""
    return flag_or("offload", "offload_disk")(value) is not False


def _special_tokens(value: object) -> object:
    if not isinstance(value, dict):
        raise expected("a mapping", value)
    for name, token in value.items():
        if name not in SPECIAL_TOKENS:
            hint = did_you_mean(str(name), SPECIAL_TOKENS)
            raise PydanticCustomError("expected", "unknown special token `{name}`{hint}", {"name": name, "hint": hint})
        texts = token if name == "additional_special_tokens" else [token]
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) and text for text in texts):
            found = expected("a list of texts" if texts is token else "text", token)
            raise PydanticCustomError("expected", "{name}: {why}", {"name": name, "why": found.message()})
    return value


def _class_weights(value: object) -> object:
    if value == "balanced":
        return value
    if not isinstance(value, dict) or set(value) != {"wrong", "right"}:
        raise expected("`balanced`, or a mapping such as {wrong: 2.0, right: 1.0}", value)
    for name, weight in value.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < float("inf"):
            raise expected(f"a number above 0 for `{name}`", weight)
    return {name: float(weight) for name, weight in value.items()}


def _below_half(share: float) -> float:
    if share >= 0.5:
        raise expected("a probability below 0.5", share)
    return share


ChatTemplateName = Annotated[str, BeforeValidator(_chat_template)]
Checkpointing = Annotated[bool, BeforeValidator(_gradient_checkpointing)]
SpecialTokens = Annotated[dict[str, Any], BeforeValidator(_special_tokens)]
ClassWeights = Annotated[Literal["balanced"] | dict[str, float], BeforeValidator(_class_weights)]
LabelSmoothing = Annotated[Share, AfterValidator(_below_half)]
Optimizer = Annotated[str, BeforeValidator(one_of(*OPTIMIZERS))]
Scheduler = Annotated[str, BeforeValidator(one_of(*SCHEDULERS))]
FileType = Annotated[str, BeforeValidator(one_of(*FILE_TYPES))]
FormatName = Annotated[str, BeforeValidator(_format_name)]
WarmupSteps = Annotated[Count, BeforeValidator(_warmup_steps)]
