"""The preset: one schema for validation, defaults, hover help, the resolved preset and the reference page.

The keys, their meanings and their defaults are axolotl's (0.18, reward modelling); the section "Ours" holds the few
that are not. A key without a value means its default, as in axolotl.
"""

from collections.abc import Mapping as MappingABC
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from engine.preset.suggest import did_you_mean
from engine.preset.values import (
    AutoFlag,
    Bf16,
    Count,
    CountOrShare,
    Flag,
    Mapping,
    NonNegative,
    Positive,
    PositiveNumber,
    Share,
    SizeOrShare,
    SomeText,
    Text,
    TextOrMapping,
    Texts,
    Whole,
    choice,
    describe,
    expected,
    flag_or,
    one_of,
)
from engine.preset.vocabulary import (
    CHAT_TEMPLATES,
    FALLBACK,
    FILE_TYPES,
    FORMATS,
    OPTIMIZERS,
    SCHEDULERS,
    TEMPLATES_ELSEWHERE,
)

ModelKind = Literal["pair", "steps"]
ExcessLength = Literal["drop", "truncate", "truncate_prompt", "raise"]

PAIR_MODEL = "AutoModelForSequenceClassification"
STEPS_MODEL = "AutoModelForTokenClassification"

Conflict = tuple[tuple[str, ...], str]
"""Keys that do not go together (the first is where a person should look), and what is wrong with them."""


def _key(
    description: str,
    default: Any = None,
    *,
    section: str,
    choices: tuple[str, ...] = (),
    no_effect: str = "",
    default_text: str = "",
) -> Any:
    """A key of the schema. `choices` completes text that is not limited to them; `default_text` says a default that
    depends on other keys; `no_effect` says why a key that is accepted changes nothing.
    """
    extra: dict[str, Any] = {
        "section": section,
        "choices": list(choices),
        "no_effect": no_effect,
        "default_text": default_text,
    }
    return Field(default, description=description, json_schema_extra=extra)


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


SPECIAL_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token", "additional_special_tokens")

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

_TEMPLATES = (*CHAT_TEMPLATES, f"{FALLBACK}chatml")
_data = partial(_key, section="Data set")


class DatasetConfig(BaseModel):
    """One entry of `datasets` or `test_datasets`.

    `type` may also be a mapping of the `field_*` keys, as in axolotl; they are then those of the data set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    path: SomeText = _data(
        "Where the data are: a hub id, a file (JSON, JSON lines, CSV, Parquet, Arrow), a folder of such files, or a "
        "saved data set. A relative path is looked up in the current folder, then beside the preset.",
        ...,
    )
    name: Text | None = _data("The configuration of a hub data set that has several.")
    split: Text | None = _data("The split to read.", default_text="`train`, or the only one there is")
    type: FormatName | None = _data(
        "How a row becomes a sample. Without it the layout is detected from the columns, and shown.", choices=FORMATS
    )
    data_files: Texts | None = _data("The files to read within `path`: one, or a list; patterns are allowed.")
    ds_type: FileType | None = _data("What the files hold, where their names do not tell.", choices=FILE_TYPES)
    revision: Text | None = _data("The commit, tag or branch of a hub data set.")
    chat_template: ChatTemplateName | None = _data(
        "A chat template for this data set alone.", choices=_TEMPLATES, default_text="the preset's"
    )
    chat_template_jinja: Text | None = _data("Jinja text, or a file of it, for `chat_template: jinja`.")
    drop_system_message: Flag = _data("Leave out the row's system message.", False)
    field_system: Text | None = _data("The column of the system message.", default_text="`system`")
    field_input: Text | None = _data("The column of the user's message.", default_text="`input`")
    field_prompt: Text | None = _data("The column of the prompt.", default_text="`prompt`")
    field_chosen: Text | None = _data("The column of the better answer.", default_text="`chosen`")
    field_rejected: Text | None = _data("The column of the worse answer.", default_text="`rejected`")
    field_margin: Text | None = _data("The column of the margin by which chosen is better.", default_text="`margin`")
    field_tools: Text | None = _data("The column of the tools offered to the model.", default_text="`tools`")
    field_subset: Text | None = _data(
        "The column that says which subset a row belongs to: evaluation reports each subset's accuracy."
    )
    field_completions: Text | None = _data("The column of the list of steps.", default_text="`completions`")
    field_labels: Text | None = _data("The column of the list of step labels.", default_text="`labels`")
    message_property_mappings: dict[str, str] | None = _data(
        "For messages whose keys have other names: `{role: from, content: value}`."
    )
    roles: dict[str, tuple[str, ...]] | None = _data(
        "For messages whose roles have other names: `{user: [human], assistant: [gpt]}`."
    )
    step_separator: Text = _data("Written after each step; its last token carries the step's label.", "\n")
    max_completion_length: Positive | None = _data("Cut the steps together to this many tokens, from the right.")
    train_on_last_step_only: Flag = _data("Judge the last step only. Applies to training rows.", False)

    def column(self, name: str) -> str:
        """The column for what layouts call `name`: the one that `field_NAME` says, else that of this very name."""
        return getattr(self, f"field_{name}", None) or name

    @model_validator(mode="before")
    @classmethod
    def _take_fields_from_type(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("type"), dict):
            fields = {name: value for name, value in data["type"].items() if value is not None}
            return {**data, "type": None, **fields}
        return data

    @model_validator(mode="before")
    @classmethod
    def _inline_template(cls, data: Any) -> Any:
        return _with_inline_template(data)


_model = partial(_key, section="Model")
_loss = partial(_key, section="Loss")
_datasets = partial(_key, section="Data")
_length = partial(_key, section="Length")
_training = partial(_key, section="Training")
_precision = partial(_key, section="Precision and memory")
_saving = partial(_key, section="Evaluation and checkpoints")
_adapter = partial(_key, section="Adapters")
_devices = partial(_key, section="Several devices")
_tracking = partial(_key, section="Tracking")
_ours = partial(_key, section="Ours")


class Preset(BaseModel):
    """A preset: model, data, format, loss and training of one run."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    base_model: SomeText = _model("The model to start from: a hub id or a folder.", ...)
    reward_model: Flag = _model("Train a reward model on pairs (Bradley-Terry).", False)
    process_reward_model: Flag = _model("Train a process reward model on labelled steps.", False)
    model_type: Text | None = _model(
        "The class the model is loaded with.",
        choices=(PAIR_MODEL, STEPS_MODEL),
        default_text=f"`{PAIR_MODEL}` for pairs, `{STEPS_MODEL}` for steps",
    )
    num_labels: Positive | None = _model(
        "Outputs of the head: 1 for pairs, 2 for steps.", default_text="1 for pairs, 2 for steps"
    )
    revision_of_model: Text | None = _model("The commit, tag or branch of a hub model.")
    tokenizer_type: Text = _model(
        "The class the tokenizer is loaded with.", "AutoTokenizer", choices=("AutoTokenizer",)
    )
    tokenizer_config: Text | None = _model(
        "Where the tokenizer is, if not with the model.", default_text="`base_model`"
    )
    trust_remote_code: Flag = _model("Allow Python code that comes with the model to run.", False)
    special_tokens: SpecialTokens = _model("Special tokens to set: " + ", ".join(SPECIAL_TOKENS) + ".", {})
    tokens: Texts = _model("Tokens to add to the vocabulary.", ())
    chat_template: ChatTemplateName | None = _model(
        "The chat template: a name, `tokenizer_default`, `tokenizer_default_fallback_NAME`, or `jinja`.",
        choices=_TEMPLATES,
        default_text="`tokenizer_default`",
    )
    chat_template_jinja: Text | None = _model("Jinja text, or a file of it, for `chat_template: jinja`.")

    center_rewards_coefficient: NonNegative | None = _loss(
        "Pull rewards toward a mean of zero, with this weight (0.01 is usual). Pairs only."
    )
    label_smoothing: LabelSmoothing = _loss(
        "The probability that a label is wrong (0.1, say): being surer than that is then no longer rewarded.", 0.0
    )
    focal_gamma: NonNegative = _loss(
        "Count a pair less, the more surely it is told apart already (2 is usual; 0 counts all alike). Pairs only.", 0.0
    )
    class_weights: ClassWeights | None = _loss(
        "Weights of the labels in the loss: `{wrong: 2.0, right: 1.0}`, or `balanced`, by which both classes weigh "
        "alike in the training data. Steps only.",
        choices=("balanced",),
    )

    datasets: tuple[DatasetConfig, ...] = _datasets("The data to train on: a list of data sets.", ...)
    test_datasets: tuple[DatasetConfig, ...] = _datasets("Data to evaluate on, in place of `val_set_size`.", ())
    val_set_size: SizeOrShare = _datasets("Hold out this share of the data (or this many samples) to evaluate on.", 0.0)
    shuffle_merged_datasets: Flag = _datasets("Shuffle the training samples.", True)
    dataset_exact_deduplication: Flag = _datasets("Drop rows that are exactly alike.", False)
    dataset_prepared_path: Text | None = _datasets(
        "axolotl's cache of prepared data.", no_effect="encoded data are cached by their content"
    )
    seed: Whole = _datasets("Seed of shuffling, held-out rows and new weights.", 42)

    sequence_len: Positive = _length("The longest sequence, in tokens.", 512)
    excess_length_strategy: Annotated[ExcessLength, *choice(ExcessLength).__metadata__] | None = _length(
        "What becomes of a longer one: `drop` it; `truncate` its end; `truncate_prompt` (pairs) cuts the prompt's "
        "oldest tokens and keeps the answer whole; `raise` an error.",
        choices=("drop", "truncate", "truncate_prompt", "raise"),
        default_text="`drop` for pairs, `truncate` for steps",
    )
    sample_packing: Flag | None = _length(
        "Lay the samples of a batch in one row of tokens, without padding, and what they begin with alike only once. "
        "The loss stays the same.",
        default_text="on, where the model and the device are known to take it",
    )
    eval_sample_packing: Flag | None = _length("The same for evaluation.", default_text="as `sample_packing`")
    pad_to_sequence_len: Flag | None = _length(
        "Pad each batch to `sequence_len`.", no_effect="a batch is as long as its longest sample"
    )
    remove_unused_columns: Flag | None = _length(
        "Columns that the model does not take.", no_effect="columns are chosen by the format"
    )

    micro_batch_size: Positive = _training("Samples a device takes at once (a pair is one sample).", 1)
    gradient_accumulation_steps: Positive = _training("Batches summed up before the weights change.", 1)
    eval_batch_size: Positive | None = _training(
        "Samples a device takes at once in evaluation.", default_text="`micro_batch_size`"
    )
    num_epochs: PositiveNumber = _training("How often to go through the data.", 1.0)
    max_steps: Positive | None = _training("Stop after this many optimizer steps, whatever `num_epochs` says.")
    learning_rate: PositiveNumber = _training("The highest learning rate.", 2e-5)
    optimizer: Optimizer = _training("The optimizer.", "adamw_torch_fused", choices=OPTIMIZERS)
    lr_scheduler: Scheduler = _training("How the learning rate changes.", "cosine", choices=SCHEDULERS)
    lr_scheduler_kwargs: Mapping = _training("Further arguments of the schedule.", {})
    warmup_steps: WarmupSteps | None = _training("Steps over which the learning rate rises.")
    warmup_ratio: Share | None = _training("The same, as a share of all steps.")
    weight_decay: NonNegative = _training("Weight decay.", 0.0)
    adam_beta1: Share = _training("Adam's first decay rate.", 0.9)
    adam_beta2: Share = _training("Adam's second decay rate.", 0.999)
    adam_epsilon: PositiveNumber = _training("Adam's epsilon.", 1e-8)
    max_grad_norm: NonNegative = _training("Clip the gradient's norm to this.", 1.0)

    bf16: Bf16 = _precision("Compute in bfloat16: true, false, or where the device can.", "auto")
    fp16: Flag = _precision("Compute in float16.", False)
    tf32: AutoFlag = _precision("Let matrix products use TF32 on CUDA.", "auto")
    load_in_8bit: Flag = _precision("Load the model in 8 bits (with an adapter).", False)
    load_in_4bit: Flag = _precision("Load the model in 4 bits (with an adapter).", False)
    gradient_checkpointing: Checkpointing = _precision("Recompute activations instead of keeping them.", False)
    gradient_checkpointing_kwargs: Mapping = _precision("Its arguments, such as `use_reentrant: false`.", {})
    attn_implementation: Text | None = _precision(
        "The attention implementation.",
        choices=("sdpa", "flash_attention_2", "flash_attention_3", "flex_attention", "eager"),
        default_text="the model's own choice",
    )

    output_dir: Text | None = _saving("Where the run's folder is made.", default_text="`./runs`")
    logging_steps: Positive | None = _saving("Steps between two metrics.", default_text="from the number of steps")
    eval_steps: CountOrShare | None = _saving("Steps between two evaluations, or a share of all steps.")
    evals_per_epoch: Positive | None = _saving("Evaluations in an epoch, in place of `eval_steps`.")
    save_steps: CountOrShare | None = _saving("Steps between two checkpoints, or a share of all steps.")
    saves_per_epoch: Positive | None = _saving("Checkpoints in an epoch, in place of `save_steps`.")
    save_total_limit: Positive = _saving("Checkpoints to keep.", 4)
    save_first_step: Flag = _saving(
        "Save a checkpoint after the first step.", False, no_effect="checkpoints come as `save_steps` says"
    )
    load_best_model_at_end: Flag = _saving("End with the checkpoint that evaluated best.", False)
    early_stopping_patience: Positive | None = _saving("Stop after this many evaluations without a better one.")
    resume_from_checkpoint: Text | None = _saving("Continue from this checkpoint.")
    hub_model_id: Text | None = _saving("Push the trained model to this hub repository.")

    adapter: Annotated[Literal["lora", "qlora"], *choice(Literal["lora", "qlora"]).__metadata__] | None = _adapter(
        "Train an adapter: `lora`, or `qlora` on a model in 4 bits."
    )
    lora_r: Positive = _adapter("Rank of the adapter.", 8)
    lora_alpha: Positive = _adapter("Scale of the adapter.", 16)
    lora_dropout: Share = _adapter("Dropout of the adapter.", 0.0)
    lora_target_modules: Texts | None = _adapter("The modules that get an adapter.")
    lora_target_linear: Flag = _adapter("Give every linear module an adapter.", False)
    lora_modules_to_save: Texts = _adapter("Modules trained and saved whole; the head always is.", ())

    deepspeed: TextOrMapping | None = _devices("A DeepSpeed configuration: a file or a mapping.")
    fsdp: Texts = _devices("FSDP options, such as `full_shard` and `auto_wrap`.", ())
    fsdp_config: Mapping = _devices("FSDP's configuration.", {})

    wandb_project: Text | None = _tracking("Report to this Weights & Biases project.")
    wandb_entity: Text | None = _tracking("Its entity.")
    wandb_name: Text | None = _tracking("The run's name there.", default_text="the run's name")
    wandb_watch: Text | None = _tracking("What Weights & Biases watches: `gradients`, `all`.")
    wandb_log_model: Text | None = _tracking("What it stores: `checkpoint`, `end`.")
    use_tensorboard: Flag = _tracking("Write TensorBoard logs into the run's folder.", False)
    use_trackio: Flag = _tracking("Report to trackio.", False)
    trackio_project_name: Text | None = _tracking("The trackio project.", default_text="`rm-workbench`")

    device: Annotated[
        Literal["auto", "cuda", "mps", "cpu"], *choice(Literal["auto", "cuda", "mps", "cpu"]).__metadata__
    ] = _ours("Where to train. `auto` takes CUDA, then MPS, then the CPU, and says so.", "auto")
    num_processes: Positive = _ours("Train in this many processes, through `accelerate launch`.", 1)
    leave_out: Text | None = _ours(
        "A file of rows to leave out of training and evaluation: JSON lines with `dataset` (0 is the first of "
        "`datasets`; `test_datasets` count on) and `row`, as `rm-workbench runs rows --out` writes them."
    )
    micro_batch_tokens: Positive | None = _ours(
        "Tokens a device takes at once. The rows of a step (`micro_batch_size` x `gradient_accumulation_steps` x "
        "processes) stay the same, and so does its loss; they go through the model in as many batches as that takes.",
        default_text="no limit: `micro_batch_size` samples at once",
    )
    halve_micro_batch_on_oom: Flag = _ours(
        "Halve `micro_batch_tokens` and go on where a batch does not fit into the device's memory. One process only.",
        False,
    )
    num_threads: Positive | None = _ours("CPU threads of a training process.", default_text="PyTorch's choice")

    @property
    def model_kind(self) -> ModelKind:
        """What is trained: a reward model on pairs, or a process reward model on steps."""
        return "pair" if self.reward_model else "steps"

    @model_validator(mode="before")
    @classmethod
    def _inline_template(cls, data: Any) -> Any:
        return _with_inline_template(data)

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_kind(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        pairs = _true(data.get("reward_model"))
        if pairs == _true(data.get("process_reward_model")):
            return data
        of_kind = {
            "model_type": PAIR_MODEL if pairs else STEPS_MODEL,
            "num_labels": 1 if pairs else 2,
            "excess_length_strategy": "drop" if pairs else "truncate",
        }
        return data | {name: value for name, value in of_kind.items() if data.get(name) is None}

    @model_validator(mode="after")
    def _refuse_conflicts(self) -> "Preset":
        conflicts = list(_conflicts(self))
        if conflicts:
            text = "; ".join(message for _, message in conflicts)
            raise PydanticCustomError("conflict", "{text}", {"text": text, "conflicts": conflicts})
        return self


def _true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() in {"yes", "true", "on"})


def _with_inline_template(data: Any) -> Any:
    if isinstance(data, dict) and data.get("chat_template_jinja") and data.get("chat_template") is None:
        return data | {"chat_template": "jinja"}
    return data


def _conflicts(preset: Preset) -> list[Conflict]:
    """What each key allows and their combination does not."""
    found: list[Conflict] = []

    def refuse(condition: object, keys: str, message: str) -> None:
        if condition:
            found.append((tuple(keys.split()), message))

    refuse(
        preset.reward_model and preset.process_reward_model,
        "process_reward_model reward_model",
        "`reward_model` and `process_reward_model` are both true: keep the first for pairs, the second for steps",
    )
    neither = not preset.reward_model and not preset.process_reward_model
    refuse(
        neither,
        "reward_model process_reward_model",
        "what to train is not said: add `reward_model: true` (pairs) or `process_reward_model: true` (steps)",
    )
    if found:
        return found
    pairs = preset.reward_model
    labels, head = (1, "SequenceClassification") if pairs else (2, "TokenClassification")
    kind = "`reward_model` (one reward a sample)" if pairs else "`process_reward_model` (right or wrong, each step)"
    refuse(preset.num_labels != labels, "num_labels", f"{kind} needs `num_labels: {labels}`")
    refuse(
        not str(preset.model_type).endswith(f"For{head}"),
        "model_type",
        f"{kind} needs `model_type: AutoModelFor{head}`",
    )
    refuse(not preset.datasets, "datasets", "`datasets` is empty: add at least one data set with a `path`")
    refuse(preset.bf16 is True and preset.fp16, "fp16 bf16", "`bf16` and `fp16` are both true: keep one")
    refuse(
        preset.micro_batch_tokens and (preset.deepspeed or preset.fsdp),
        "micro_batch_tokens",
        "`micro_batch_tokens` does not go together with `deepspeed` or `fsdp`, which want batches of one number on all "
        "processes: use `micro_batch_size` and `gradient_accumulation_steps`",
    )
    refuse(
        preset.halve_micro_batch_on_oom and not preset.micro_batch_tokens,
        "halve_micro_batch_on_oom",
        "`halve_micro_batch_on_oom` halves `micro_batch_tokens`: say where it begins",
    )
    refuse(
        preset.warmup_steps and preset.warmup_ratio,
        "warmup_steps warmup_ratio",
        "`warmup_steps` and `warmup_ratio` say the same thing: keep one",
    )
    refuse(
        preset.eval_steps is not None and preset.evals_per_epoch is not None,
        "evals_per_epoch eval_steps",
        "`eval_steps` and `evals_per_epoch` say the same thing: keep one",
    )
    refuse(
        preset.save_steps is not None and preset.saves_per_epoch is not None,
        "saves_per_epoch save_steps",
        "`save_steps` and `saves_per_epoch` say the same thing: keep one",
    )
    refuse(
        preset.test_datasets and preset.val_set_size,
        "val_set_size test_datasets",
        "`test_datasets` and `val_set_size` both say what to evaluate on: keep one",
    )
    refuse(
        preset.chat_template == "jinja" and not preset.chat_template_jinja,
        "chat_template",
        "`chat_template: jinja` needs the template in `chat_template_jinja`",
    )
    refuse(
        preset.load_in_4bit and preset.load_in_8bit,
        "load_in_8bit load_in_4bit",
        "`load_in_4bit` and `load_in_8bit` are both true: keep one",
    )
    refuse(
        (preset.load_in_4bit or preset.load_in_8bit) and preset.adapter is None,
        "load_in_4bit load_in_8bit" if preset.load_in_4bit else "load_in_8bit load_in_4bit",
        "a model in 4 or 8 bits can only be trained through an adapter: add `adapter: qlora` or `adapter: lora`",
    )
    refuse(
        preset.center_rewards_coefficient is not None and not pairs,
        "center_rewards_coefficient",
        "`center_rewards_coefficient` is for pairs",
    )
    refuse(preset.focal_gamma and not pairs, "focal_gamma", "`focal_gamma` is for pairs")
    refuse(
        preset.class_weights is not None and pairs,
        "class_weights",
        "`class_weights` is for steps: a pair has one right and one wrong side",
    )
    refuse(
        preset.focal_gamma and preset.label_smoothing,
        "focal_gamma label_smoothing",
        "`focal_gamma` and `label_smoothing` do not go together: the one leaves certain pairs alone, the other makes "
        "them less certain. Keep one",
    )
    refuse(
        preset.excess_length_strategy == "truncate_prompt" and not pairs,
        "excess_length_strategy",
        "`truncate_prompt` is for pairs: use `drop`, `truncate` or `raise`",
    )
    evaluates = preset.test_datasets or preset.val_set_size
    for name in ("early_stopping_patience", "load_best_model_at_end"):
        refuse(
            getattr(preset, name) and not evaluates,
            name,
            f"`{name}` needs data to evaluate on: add `val_set_size` or `test_datasets`",
        )
    return found


def field_notes(model: type[BaseModel], name: str) -> MappingABC[str, Any]:
    """What the schema says about a key beside its type: section, choices, no_effect, default_text."""
    extra = model.model_fields[name].json_schema_extra
    return extra if isinstance(extra, dict) else {}
