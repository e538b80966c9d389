"""TRL's side of a recipe: python recipe_trl.py WORK TRL, in a process of its own.

Reads WORK/recipe.yaml and WORK/train.json (token ids), trains, and saves the model as WORK/trl/model.
"""

import json
import sys
from pathlib import Path
from typing import Any


def main(work: Path) -> None:
    """Train with the preset's settings, and save."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import (
        AutoModelForSequenceClassification,
        AutoModelForTokenClassification,
        AutoTokenizer,
        set_seed,
    )

    preset = json.loads((work / "recipe.yaml").read_text(encoding="utf-8"))
    rows = json.loads((work / "train.json").read_text(encoding="utf-8"))
    pairs = "reward_model" in preset
    common: dict[str, Any] = {
        "output_dir": str(work / "trl"),
        "per_device_train_batch_size": preset["micro_batch_size"],
        "num_train_epochs": preset["num_epochs"],
        "learning_rate": preset["learning_rate"],
        "lr_scheduler_type": preset["lr_scheduler"],
        "warmup_steps": preset["warmup_ratio"],
        "weight_decay": preset["weight_decay"],
        "optim": preset["optimizer"],
        "max_length": preset["sequence_len"],
        "seed": preset["seed"],
        # What accelerate adds an epoch's number to, for the order of its rows: so it is the order of ours.
        "data_seed": preset["seed"] * 1_000_003,
        "bf16": False,
        "use_cpu": True,
        "gradient_checkpointing": False,
        "report_to": [],
        "save_strategy": "no",
        "disable_tqdm": True,
    }
    set_seed(preset["seed"])
    auto = AutoModelForSequenceClassification if pairs else AutoModelForTokenClassification
    tokenizer = AutoTokenizer.from_pretrained(preset["base_model"])
    model = auto.from_pretrained(preset["base_model"], num_labels=1 if pairs else 2, dtype=torch.float32)
    model.config.pad_token_id = tokenizer.pad_token_id
    adapter = None
    if "adapter" in preset:
        adapter = LoraConfig(
            r=preset["lora_r"],
            lora_alpha=preset["lora_alpha"],
            lora_dropout=0.0,
            target_modules=preset["lora_target_modules"],
            task_type="SEQ_CLS" if pairs else "TOKEN_CLS",
            # As here: an encoder's pooler trains with the head.
            modules_to_save=[name for name, _ in model.base_model.named_children() if name == "pooler"] or None,
        )
    if pairs:
        from trl import RewardConfig as Config
        from trl import RewardTrainer as Trainer
    else:
        from trl.experimental.prm import PRMConfig as Config
        from trl.experimental.prm import PRMTrainer as Trainer
    trainer: Any = Trainer(
        model=model,
        args=Config(**common),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=adapter,
    )
    if preset.get("class_weights") == "balanced":
        trainer.compute_loss_func = balanced_loss([label for row in rows for label in row["labels"] if label != -100])
    trainer.train()
    trainer.save_model(str(work / "trl" / "model"))


def balanced_loss(labels: list[int]) -> Any:
    """Cross entropy in which both labels weigh alike, as `class_weights: balanced` has it; TRL has no key for it."""
    import torch
    from torch.nn.functional import cross_entropy

    weight = torch.tensor([len(labels) / (2 * labels.count(side)) for side in (0, 1)])

    def loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        losses = cross_entropy(outputs.logits.flatten(0, 1), labels.flatten(), weight, reduction="none")
        return losses.sum() / (labels != -100).sum()

    return loss


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[2])
    main(Path(sys.argv[1]))
