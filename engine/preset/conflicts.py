"""What the keys of a preset may not say together, each of them being right by itself."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.preset.schema import Preset

Conflict = tuple[tuple[str, ...], str]
"""Keys that do not go together (the first is where a person should look), and what is wrong with them."""


def conflicts(preset: "Preset") -> list[Conflict]:
    """What each key of a preset allows and their combination does not."""
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
        preset.shuffle_by == "prompt" and not preset.shuffle_merged_datasets,
        "shuffle_by shuffle_merged_datasets",
        "`shuffle_by: prompt` shuffles, and `shuffle_merged_datasets: false` keeps rows as they are: keep one",
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
