"""The contestants of the training benchmark: a random model, trained by the engine's trainer and by TRL's.

Each training is a call in the contestant's own process, from loading the model to the last step; what is measured is
the training alone.
"""

import argparse
import gc
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from train_rows import PAD, VOCABULARY, tokens_of

SHAPES: dict[str, dict[str, Any]] = {
    "tiny": {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2}
    | {"num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": VOCABULARY},
    "qwen2.5-0.5b": {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24}
    | {"num_attention_heads": 14, "num_key_value_heads": 2, "vocab_size": 151936},
    "qwen2.5-3b": {"hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36}
    | {"num_attention_heads": 16, "num_key_value_heads": 2, "vocab_size": 151936},
}
"""The published sizes of the models, as in their config.json; "tiny" is for trying the benchmark out."""


PRODUCTS = ("aten::mm", "aten::addmm", "aten::bmm")


class Measured(NamedTuple):
    """One training: seconds of CPU and of the clock, the loss of each step, positions that went through the model.

    The last four leave the first step out, which warms up: seconds of each step, tokens of the rows' sequences,
    positions, and the most bytes that tensors have taken on the device (0 on a CPU). `said` is how batches were laid
    out, in the trainer's words.
    """

    cpu: float
    wall: float
    losses: list[float]
    computed: int
    step_seconds: list[float]
    tokens: int
    positions: int
    peak: int
    said: str = ""


def in_turn(train: Callable[..., Measured], *args: Any, **options: Any) -> Measured | None:
    """A training that leaves no memory taken behind; None where there is not enough."""
    import torch

    try:
        return train(*args, **options)
    except torch.OutOfMemoryError:
        return None
    finally:
        gc.collect()
        torch.cuda.empty_cache()


def quietly(options: argparse.Namespace) -> None:
    """Use as many threads as asked for, and say nothing."""
    import datasets
    import torch
    import transformers

    torch.set_num_threads(options.threads)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()


def save_model(folder: Path, options: argparse.Namespace) -> int:
    """A random Qwen2 and a tokenizer that gives it a padding token; the weights that its layers multiply by."""
    quietly(options)
    import torch
    from tokenizers import Tokenizer, models
    from transformers import (
        AutoModelForSequenceClassification,
        AutoModelForTokenClassification,
        PreTrainedTokenizerFast,
        Qwen2Config,
    )

    sizes = (
        SHAPES[options.shape]
        if options.shape
        else {
            "vocab_size": VOCABULARY,
            "hidden_size": options.hidden,
            "intermediate_size": options.hidden * 4,
            "num_hidden_layers": options.layers,
            "num_attention_heads": options.hidden // 64,
            "num_key_value_heads": max(1, options.hidden // 128),
        }
    )
    torch.manual_seed(0)
    config = Qwen2Config(
        **sizes,
        max_position_embeddings=4096,
        pad_token_id=PAD,
        classifier_dropout=0.0,
        num_labels=1 if options.kind == "pairs" else 2,
    )
    auto = AutoModelForSequenceClassification if options.kind == "pairs" else AutoModelForTokenClassification
    with torch.device(options.device):
        model = auto.from_config(config)
    model.save_pretrained(folder)
    end = "<|endoftext|>"
    words = {"<pad>": PAD, end: 1, **{f"w{i}": i for i in range(2, VOCABULARY)}}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token=end)), pad_token="<pad>", eos_token=end
    )
    tokenizer.save_pretrained(folder)
    return sum(weight.numel() for name, weight in model.named_parameters() if weight.ndim == 2 and "embed" not in name)


def begin_as_a_run() -> None:
    """Import the engine's trainer in the way in which a run's process begins."""
    from engine.importing import importing

    with importing():
        import engine.trainer.process  # noqa: F401


def seconds_of_products(rows: list[dict[str, Any]], folder: Path, options: argparse.Namespace) -> float:
    """CPU seconds that the matrix products of a training of ours would take by themselves, at the rate of one that is
    measured here: (tokens, hidden) by (hidden, 4 hidden).
    """
    import torch
    from torch.profiler import ProfilerActivity, profile

    profiled = profile(activities=[ProfilerActivity.CPU], with_flops=True)
    tokens = train_ours(rows, folder, options, within=profiled).computed // options.optimizer_steps
    one, other = torch.randn(tokens, options.hidden), torch.randn(options.hidden, 4 * options.hidden)
    times = 2 + int(1e11 / (2 * one.numel() * other.shape[1]))
    # Into memory that is there already, which the products of a training have only after their first steps.
    product = one @ other
    began = time.process_time()
    for _ in range(times):
        torch.mm(one, other, out=product)
    rate = times * 2 * one.numel() * other.shape[1] / (time.process_time() - began)
    return sum(event.flops for event in profiled.key_averages() if event.key in PRODUCTS) / rate


def train_ours(
    rows: list[dict[str, Any]],
    folder: Path,
    options: argparse.Namespace,
    within: AbstractContextManager[Any] | None = None,
) -> Measured:
    """Through the engine's trainer, as a run would; the training alone `within` something that looks on."""
    quietly(options)
    from transformers import AutoTokenizer

    from engine.batch.pack import PackCollator
    from engine.cost.plan import plan
    from engine.encode.encoding import EncodedRow, PairEncoding, StepsEncoding
    from engine.model.load import load_model
    from engine.model.packing import choose_packing
    from engine.model.precision import choose_precision
    from engine.objective.choose import Objective
    from engine.preset.schema import Preset
    from engine.sample import SampleId
    from engine.trainer.arguments import training_arguments
    from engine.trainer.train import RewardTrainer

    def encode(row: dict[str, Any]) -> PairEncoding | StepsEncoding:
        if "labels" in row:
            return StepsEncoding(row["input_ids"], row["labels"])
        chosen, rejected = row["chosen_ids"], row["rejected_ids"]
        return PairEncoding(chosen, rejected, len(chosen) - 1, len(rejected) - 1, 0)

    encoded = [EncodedRow(SampleId(0, i), encode(row), None) for i, row in enumerate(rows)]
    kind = "reward_model" if options.kind == "pairs" else "process_reward_model"
    preset = Preset.model_validate(
        {
            "base_model": str(folder),
            kind: True,
            "datasets": [{"path": "-"}],
            "device": options.device,
            "bf16": options.bf16,
            "sample_packing": True,
            "gradient_checkpointing": options.gradient_checkpointing,
            "micro_batch_size": options.batch,
            "learning_rate": 1e-4,
            "lr_scheduler": "linear",
            "logging_steps": 1,
        }
    )
    tokenizer = AutoTokenizer.from_pretrained(folder)
    precision = choose_precision(preset)
    loaded = load_model(preset, folder, tokenizer, precision)
    packing = choose_packing(loaded.model, preset, precision.device, PAD, precision.autocast)
    assert packing.packed, packing.reason
    computed: list[int] = []
    collate = PackCollator(packing.pruned)

    def counted(slots: Any) -> Any:
        batch = collate(slots)
        computed.append(batch["computed"])
        return batch

    trainer = RewardTrainer(
        model=loaded.model,
        args=_without_saving(training_arguments(preset, folder / "ours", plan(preset, len(rows), 1), precision)),
        collate=counted,
        train_rows=encoded,
        eval_rows=None,
        objective=Objective(),
        order_seed=None,
        tokenizer=tokenizer,
    )
    return _measure(trainer, computed, tokens_of(rows[options.batch :]), packing.reason, within)


def train_trl(
    rows: list[dict[str, Any]], folder: Path, options: argparse.Namespace, defaults: bool = False
) -> Measured:
    """Through TRL, on the same token ids; with our settings, or with its defaults of what they leave open."""
    quietly(options)
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

    common: dict[str, Any] = {
        "output_dir": str(folder / "trl"),
        "per_device_train_batch_size": options.batch,
        "learning_rate": 1e-4,
        "lr_scheduler_type": "linear",
        "num_train_epochs": 1,
        "bf16": options.bf16,
        "use_cpu": options.device == "cpu",
        "gradient_checkpointing": options.gradient_checkpointing,
        "logging_steps": 1,
        "report_to": [],
        "save_strategy": "no",
        "disable_tqdm": True,
        "max_length": 4096,
        "train_sampling_strategy": "sequential",
    }
    if defaults:
        common = {name: value for name, value in common.items() if name not in ("bf16", "gradient_checkpointing")}
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if options.kind == "pairs":
        from trl import RewardConfig, RewardTrainer

        model = AutoModelForSequenceClassification.from_pretrained(folder)
        trainer: Any = RewardTrainer(
            model=model, args=RewardConfig(**common), train_dataset=Dataset.from_list(rows), processing_class=tokenizer
        )
    else:
        from trl.experimental.prm import PRMConfig, PRMTrainer

        model = AutoModelForTokenClassification.from_pretrained(folder)
        trainer = PRMTrainer(
            model=model, args=PRMConfig(**common), train_dataset=Dataset.from_list(rows), processing_class=tokenizer
        )
    computed: list[int] = []
    collate = trainer.data_collator

    def counted(examples: Any) -> Any:
        batch = collate(examples)
        computed.append(batch["input_ids"].numel())
        return batch

    trainer.data_collator = counted
    return _measure(trainer, computed, tokens_of(rows[options.batch :]))


def _without_saving(arguments: Any) -> Any:
    arguments.save_strategy = "no"
    return arguments


def _measure(
    trainer: Any,
    computed: list[int],
    tokens: int,
    said: str = "",
    within: AbstractContextManager[Any] | None = None,
) -> Measured:
    import torch
    from transformers import PrinterCallback, TrainerCallback

    on_gpu = trainer.args.device.type == "cuda"
    ends: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: Any, **__: Any) -> None:
            if on_gpu:
                torch.cuda.synchronize()
            ends.append(time.perf_counter())

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Clock)
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    cpu, wall = time.process_time(), time.perf_counter()
    with within or nullcontext():
        trainer.train()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Measured(
        cpu,
        wall,
        [entry["loss"] for entry in trainer.state.log_history if "loss" in entry],
        sum(computed),
        [after - before for before, after in pairwise(ends)],
        tokens,
        sum(computed[1:]),
        torch.cuda.max_memory_allocated() if on_gpu else 0,
        said,
    )
