"""Real models on human judgements, by us and by TRL with the same settings: held-out accuracy and CPU time.

    python benchmarks/recipes.py RECIPE [--materials DIR] [--trl DIR] [--rows N]

RECIPE is one of minilm-pairs, minilm-pairs-lora, smollm2-pairs-lora, minilm-steps, smollm2-steps-lora. Models and data
are fetched into DIR (kept for the next time; without it they are fetched anew). TRL trains on the token ids that our
preview shows. The two draw their batches in different orders, so that the losses are not compared here
(benchmarks/train.py does that); what counts is what each has learned, beside what the length or the majority alone
would give. CPU time is that of the whole command, from its start to the saved model.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import materials
from peers import install

ROOT = Path(__file__).parent.parent
TARGETS = {"minilm": ["query", "value"], "smollm2": ["q_proj", "v_proj"]}


class Recipe(NamedTuple):
    """A model, the kind of judgements, and how it is trained."""

    model: str
    kind: str
    lora: bool
    learning_rate: float
    batch: int
    epochs: int = 1
    rows: int | None = None


RECIPES = {
    "minilm-pairs": Recipe("minilm", "pairs", False, 5e-5, 16),
    "minilm-pairs-lora": Recipe("minilm", "pairs", True, 5e-4, 16),
    "smollm2-pairs-lora": Recipe("smollm2", "pairs", True, 5e-4, 16, rows=1600),
    "minilm-steps": Recipe("minilm", "steps", False, 5e-5, 8, epochs=3),
    "smollm2-steps-lora": Recipe("smollm2", "steps", True, 5e-4, 8),
}


def main() -> None:
    """Train both, and print what each reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("--materials", type=Path, help="folder to keep models and data in")
    parser.add_argument("--trl", type=Path, help="folder that trl was installed into (1.8.0 for steps)")
    parser.add_argument("--rows", type=int, help="train on the first rows only")
    parser.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    recipe = RECIPES[options.recipe]
    if options.peer:
        sys.path.insert(0, str(options.trl))
        train_trl(recipe, options.peer)
        return
    with tempfile.TemporaryDirectory() as scratch:
        kept = (options.materials or Path(scratch) / "materials").resolve()
        kept.mkdir(parents=True, exist_ok=True)
        package = "trl" if recipe.kind == "pairs" else "trl==1.8.0"
        trl = options.trl or install(Path(scratch) / "trl", package)
        work = Path(scratch) / "work"
        work.mkdir()
        write_preset(recipe._replace(rows=options.rows or recipe.rows), kept, work)
        ours, seconds = measured(lambda: train_ours(work))
        print_result("rm-workbench", ours, seconds)
        if trl:
            write_encodings(work)
            command = [sys.executable, __file__, options.recipe, "--trl", str(trl.resolve()), "--peer", str(work)]
            _, seconds = measured(lambda: subprocess.run(command, check=True))
            print_result("TRL", json.loads((work / "trl.json").read_text()), seconds)
        baselines = {name: value for name, value in ours.items() if name.endswith("_baseline")}
        print(*(f"{name.removeprefix('eval_')} {value:.3f}" for name, value in baselines.items()))


def print_result(name: str, result: dict[str, float], seconds: float) -> None:
    """One contestant's line."""
    values = {key: result[f"eval_{key}"] for key in ("accuracy", "balanced_accuracy") if f"eval_{key}" in result}
    shown = "  ".join(f"{key} {value:.3f}" for key, value in values.items())
    print(f"{name:<14}held out: {shown}   {seconds:.0f} CPU s", flush=True)


def measured(work: Callable[[], Any]) -> tuple[Any, float]:
    """What `work` returns, and the CPU seconds of the processes it started and waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return result, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def write_preset(recipe: Recipe, kept: Path, work: Path) -> None:
    """The preset of a recipe, as JSON, which is YAML."""
    model = (materials.minilm if recipe.model == "minilm" else materials.smollm2)(kept)
    pairs = recipe.kind == "pairs"
    train, test = (materials.sentence_pairs if pairs else materials.solution_steps)(kept)
    if recipe.rows:
        lines = train.read_text(encoding="utf-8").splitlines(keepends=True)[: recipe.rows]
        train = work / "train.jsonl"
        train.write_text("".join(lines), encoding="utf-8")
    type_ = "bradley_terry" if pairs else "stepwise_supervised"
    preset: dict[str, Any] = {
        "base_model": str(model),
        "reward_model" if pairs else "process_reward_model": True,
        "num_labels": 1 if pairs else 2,
        "datasets": [{"path": str(train), "type": type_}],
        "test_datasets": [{"path": str(test), "type": type_}],
        "sequence_len": 512,
        "excess_length_strategy": "truncate",
        "micro_batch_size": recipe.batch,
        "num_epochs": recipe.epochs,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler": "linear",
        "warmup_ratio": 0.1,
        "optimizer": "adamw_torch",
        "weight_decay": 0.0,
        "output_dir": str(work / "run"),
        "device": "cpu",
        "bf16": False,
        "seed": 0,
    }
    if recipe.lora:
        targets = TARGETS[recipe.model]
        preset |= {"adapter": "lora", "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.0}
        preset["lora_target_modules"] = targets
    (work / "recipe.yaml").write_text(json.dumps(preset, indent=1), encoding="utf-8")


def rm_workbench(work: Path, *arguments: str) -> Iterator[dict[str, Any]]:
    """What a command of ours prints with --json."""
    command = [sys.executable, "-m", "workbench", *arguments, "--json"]
    environment = {"PYTHONPATH": str(ROOT)}

    done = subprocess.run(
        command, cwd=work, env=os.environ | environment, stdout=subprocess.PIPE, check=True, text=True
    )
    return map(json.loads, done.stdout.splitlines())


def train_ours(work: Path) -> dict[str, float]:
    """Train the preset in a process that we wait for, so that its CPU time is known; the last evaluation's values."""
    run = Path(next(iter(rm_workbench(work, "train", "recipe.yaml", "--no-launch")))["path"])
    command = [sys.executable, "-m", "engine", "run", str(run)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "PASSIVE"}
    subprocess.run(command, cwd=work, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    events = map(json.loads, (run / "events.jsonl").read_text(encoding="utf-8").splitlines())
    values: dict[str, float] = [event["values"] for event in events if event["kind"] == "eval"][-1]
    return values


def write_encodings(work: Path) -> None:
    """The token ids of both splits, as the preview shows them."""
    for split in ("train", "eval"):
        rows = rm_workbench(work, "preview", "recipe.yaml", "--split", split, "--rows", "0:100000")
        names = ("chosen_ids", "rejected_ids", "input_ids", "labels")
        kept = [{name: row[name] for name in names if name in row} for row in rows if row.get("kept")]
        (work / f"{split}.json").write_text(json.dumps(kept), encoding="utf-8")


def train_trl(recipe: Recipe, work: Path) -> None:
    """Through TRL, on the same token ids with the same settings."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

    preset = json.loads((work / "recipe.yaml").read_text())
    train, test = (json.loads((work / f"{split}.json").read_text()) for split in ("train", "eval"))
    pairs = recipe.kind == "pairs"
    common: dict[str, Any] = {
        "output_dir": str(work / "trl"),
        "per_device_train_batch_size": recipe.batch,
        "num_train_epochs": recipe.epochs,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": "linear",
        "warmup_steps": 0.1,
        "optim": "adamw_torch",
        "bf16": False,
        "use_cpu": True,
        "gradient_checkpointing": False,
        "report_to": [],
        "save_strategy": "no",
        "disable_tqdm": True,
        "max_length": 512,
        "seed": 0,
    }
    lora = {"r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "target_modules": TARGETS[recipe.model]}
    adapter = LoraConfig(**lora, task_type="SEQ_CLS" if pairs else "TOKEN_CLS") if recipe.lora else None
    auto = AutoModelForSequenceClassification if pairs else AutoModelForTokenClassification
    tokenizer = AutoTokenizer.from_pretrained(preset["base_model"])
    model = auto.from_pretrained(preset["base_model"], num_labels=1 if pairs else 2, dtype=torch.float32)
    model.config.pad_token_id = tokenizer.pad_token_id
    if pairs:
        from trl import RewardConfig as Config
        from trl import RewardTrainer as Trainer
    else:
        from trl.experimental.prm import PRMConfig as Config  # type: ignore[no-redef]
        from trl.experimental.prm import PRMTrainer as Trainer  # type: ignore[no-redef]
    trainer: Any = Trainer(
        model=model,
        args=Config(**common),
        train_dataset=Dataset.from_list(train),
        processing_class=tokenizer,
        peft_config=adapter,
    )
    trainer.train()
    result = held_out(trainer.model.eval(), test, tokenizer.pad_token_id)
    (work / "trl.json").write_text(json.dumps(result))


def held_out(model: Any, rows: list[dict[str, Any]], pad: int) -> dict[str, float]:
    """Accuracy on rows of token ids, scored one batch of padded sequences at a time."""
    import torch

    def scores(sequences: list[list[int]]) -> Any:
        width = max(map(len, sequences))
        ids = torch.tensor([row + [pad] * (width - len(row)) for row in sequences])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in sequences])
        with torch.no_grad():
            return model(input_ids=ids, attention_mask=mask).logits

    if "chosen_ids" in rows[0]:
        right = 0.0
        for start in range(0, len(rows), 16):
            batch = rows[start : start + 16]
            chosen, rejected = (scores([row[f"{side}_ids"] for row in batch])[:, 0] for side in ("chosen", "rejected"))
            right += ((chosen > rejected) + 0.5 * (chosen == rejected)).sum().item()
        return {"eval_accuracy": right / len(rows)}
    hits: dict[int, list[bool]] = {0: [], 1: []}
    for row in rows:
        predicted = scores([row["input_ids"]])[0].argmax(-1).tolist()
        for token, label in zip(predicted, row["labels"], strict=True):
            if label != -100:
                hits[label].append(token == label)
    found = hits[0] + hits[1]
    recalls = [sum(part) / len(part) for part in hits.values() if part]
    return {"eval_accuracy": sum(found) / len(found), "eval_balanced_accuracy": sum(recalls) / len(recalls)}


if __name__ == "__main__":
    main()
