"""The preset: one schema for validation, defaults, hover help, the resolved preset and the reference page.

The keys, their meanings and their defaults are axolotl's (0.18, reward modelling); the section "Ours" holds the few
that are not. A key without a value means its default, as in axolotl.
"""

from collections.abc import Mapping as MappingABC
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from engine.preset.conflicts import conflicts
from engine.preset.key_values import (
    SPECIAL_TOKENS,
    ChatTemplateName,
    Checkpointing,
    ClassWeights,
    FileType,
    FormatName,
    LabelSmoothing,
    Optimizer,
    Scheduler,
    SpecialTokens,
    WarmupSteps,
)
from engine.preset.values import (
    AutoFlag,
    Bf16,
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
)
from engine.preset.vocabulary import CHAT_TEMPLATES, FALLBACK, FILE_TYPES, FORMATS, OPTIMIZERS, SCHEDULERS

ModelKind = Literal["pair", "steps"]
ExcessLength = Literal["drop", "truncate", "truncate_prompt", "raise"]
ShuffleBy = Literal["row", "prompt"]

PAIR_MODEL = "AutoModelForSequenceClassification"
STEPS_MODEL = "AutoModelForTokenClassification"


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
    shuffle_by: Annotated[ShuffleBy, *choice(ShuffleBy).__metadata__] = _ours(
        "What an epoch shuffles: each `row`; or each `prompt`, whose rows stay together, so that its tokens are "
        "computed once for those of a batch. Worth it where a prompt has several rows.",
        "row",
    )
    disable_dropout: Flag = _ours(
        "Train without the dropout that the model's config asks for, as TRL does. `lora_dropout` is not meant.", True
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
        found = conflicts(self)
        if found:
            text = "; ".join(message for _, message in found)
            raise PydanticCustomError("conflict", "{text}", {"text": text, "conflicts": found})
        return self


def _true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() in {"yes", "true", "on"})


def _with_inline_template(data: Any) -> Any:
    if isinstance(data, dict) and data.get("chat_template_jinja") and data.get("chat_template") is None:
        return data | {"chat_template": "jinja"}
    return data


def field_notes(model: type[BaseModel], name: str) -> MappingABC[str, Any]:
    """What the schema says about a key beside its type: section, choices, no_effect, default_text."""
    extra = model.model_fields[name].json_schema_extra
    return extra if isinstance(extra, dict) else {}
