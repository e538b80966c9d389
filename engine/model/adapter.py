"""LoRA and QLoRA, with the head trained and saved."""

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model, prepare_model_for_kbit_training
from transformers import BitsAndBytesConfig, PreTrainedModel

from engine.model.error import ModelError
from engine.model.read import HEADS, before_head, head_name
from engine.preset.schema import Preset


def quantization(preset: Preset) -> BitsAndBytesConfig | None:
    """How the frozen weights are quantised, or None. The head is left out of it, since it is trained.

    Raises ModelError where bitsandbytes is not installed.
    """
    in_4bit = preset.load_in_4bit or (preset.adapter == "qlora" and not preset.load_in_8bit)
    if not in_4bit and not preset.load_in_8bit:
        return None
    try:
        return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=in_4bit,
            load_in_8bit=not in_4bit,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
            llm_int8_skip_modules=list(HEADS),
        )
    except ImportError as error:
        raise ModelError(str(error), "load_in_4bit", "Install bitsandbytes, or use `adapter: lora`.") from error


def add_adapter(model: PreTrainedModel, preset: Preset) -> PeftModel:
    """The model with a LoRA adapter as the preset describes it, its head trained in full and saved beside it.

    Raises ModelError where the preset's target modules are not in the model.
    """
    head = head_name(model)
    judges_sequences = preset.model_kind == "pair"
    if preset.lora_target_linear or not preset.lora_target_modules:
        targets: str | list[str] = "all-linear"
    else:
        targets = list(preset.lora_target_modules)
    if preset.adapter == "qlora" or preset.load_in_4bit or preset.load_in_8bit:
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)  # type: ignore[no-untyped-call]
    # What lies before the head is as new as the head is on most base models.
    saved = sorted({head, *before_head(model), *preset.lora_modules_to_save})
    within = [
        name for name, module in model.named_modules() if {*saved} & {*name.split(".")} and not [*module.children()]
    ]
    config = LoraConfig(
        r=preset.lora_r,
        lora_alpha=preset.lora_alpha,
        lora_dropout=preset.lora_dropout,
        target_modules=targets,
        modules_to_save=saved,
        exclude_modules=within,
        task_type=TaskType.SEQ_CLS if judges_sequences else TaskType.TOKEN_CLS,
    )
    try:
        adapted = get_peft_model(model, config)
    except ValueError as error:
        raise ModelError(
            f"The adapter does not fit the model: {error}", "lora_target_modules", "Use `lora_target_linear: true`."
        ) from error
    if not any(head in name and weight.requires_grad for name, weight in adapted.named_parameters()):
        raise AssertionError(f"the head {head} would not be trained")
    return adapted
