"""Training against TRL's RewardTrainer and PRMTrainer: the same rows, batches, steps and model, interleaved.

    python benchmarks/train.py pairs [--trl DIR]
    python benchmarks/train.py steps [--trl DIR]    TRL 1.8.0 is the last that has a PRM trainer

DIR holds trl (pip install --no-deps --target DIR trl); without it, it is installed for the moment.

Every contestant trains a fresh copy of one random Qwen2 on the same token ids, in turns, several times. Compared is
the CPU time of the training alone (wall time beside it), as the median over the turns; the losses of every step must
agree to 1e-5, or the script fails. Ours and TRL each have a process of their own, ours with the environment that a
run's trainer is launched with; only one of them works at a time, and each trains a little before it is measured.
"default" is TRL with its own defaults of bf16 and gradient checkpointing, whose losses are others. "sorted" is TRL on
rows sorted by length beforehand: the least padding it could have, at the price of batches that are no longer drawn at
random. The token ratio is what padding computes over what a pack computes: what is above it comes from attention and
from the last layer, and shrinks with the model's depth and width.
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from peers import install

sys.path.insert(0, str(Path(__file__).parent.parent))

KEEP_MEMORY = "glibc.malloc.hugetlb=1:glibc.malloc.trim_threshold=4294967296:glibc.malloc.mmap_threshold=33554432"
VOCABULARY = 2000
PAD = 0


class Workload(NamedTuple):
    """Lengths in tokens, as (lowest, highest), drawn log-uniformly."""

    prompt: tuple[int, int]
    answer: tuple[int, int]
    answers: int = 2


PAIRS = {
    "short prompts": Workload((15, 60), (20, 200)),
    "long multi-turn": Workload((200, 700), (30, 250)),
    "HH-like": Workload((60, 500), (15, 150)),
    "K=4 ranked": Workload((60, 250), (20, 200), answers=4),
}
STEPS = {
    "alone": Workload((40, 150), (60, 400), answers=1),
    "4 traces": Workload((40, 150), (60, 400), answers=4),
    "8 traces": Workload((40, 150), (60, 400), answers=8),
}


class Measured(NamedTuple):
    """One training: seconds of CPU and of the clock, the loss of each step, positions that went through the model."""

    cpu: float
    wall: float
    losses: list[float]
    computed: int


def main() -> None:
    """Run the workloads asked for and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("pairs", "steps"))
    parser.add_argument("--trl", type=Path, help="folder that trl was installed into")
    parser.add_argument("--workloads", nargs="*", help="some of the workloads")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--optimizer-steps", type=int, default=4)
    parser.add_argument("--batch", type=int, default=8, help="rows a step")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        place = options.trl or install(Path(work), "trl" if options.kind == "pairs" else "trl==1.8.0")
        if place is None:
            sys.exit(1)
        sys.path.insert(0, str(place))
        ours, theirs = worker({"OMP_WAIT_POLICY": "PASSIVE", "GLIBC_TUNABLES": KEEP_MEMORY}, place), worker({}, place)
        with ours, theirs:
            print_table(options, ours, theirs)


def worker(environment: dict[str, str], place: Path) -> ProcessPoolExecutor:
    """A process for a contestant, with TRL importable and this environment from its very beginning."""
    os.environ.update(environment)
    pool = ProcessPoolExecutor(1, get_context("spawn"), initializer=sys.path.insert, initargs=(0, str(place)))
    pool.submit(os.getpid).result()
    for name in environment:
        del os.environ[name]
    return pool


def print_table(options: argparse.Namespace, ours: ProcessPoolExecutor, theirs: ProcessPoolExecutor) -> None:
    """One row a workload."""
    import torch
    import transformers
    import trl

    print(f"TRL {trl.__version__}, transformers {transformers.__version__}, torch {torch.__version__}; ", end="")
    print(f"hidden {options.hidden}, {options.layers} layers, fp32, {options.threads} thread(s), batch {options.batch}")
    print(
        f"{'':<18}{'ours CPU s':>12}{'TRL':>9}{'sorted':>9}{'default':>9}{'ratio':>8}{'sorted':>8}{'default':>9}",
        end="",
    )
    print(f"{'wall':>8}{'tokens':>8}{'spread':>9}{'loss apart':>12}")
    everything = PAIRS if options.kind == "pairs" else STEPS
    for name in options.workloads or everything:
        compare(name, everything[name], options, ours, theirs)


def compare(
    name: str, workload: Workload, options: argparse.Namespace, ours: ProcessPoolExecutor, theirs: ProcessPoolExecutor
) -> None:
    """One row of the table."""
    rows = (draw_pairs if options.kind == "pairs" else draw_steps)(workload, options.batch * options.optimizer_steps)
    with tempfile.TemporaryDirectory() as folder:
        save_model(Path(folder), options)
        contestants: dict[str, Callable[[], Future[Measured]]] = {
            "ours": partial(ours.submit, train_ours, rows, Path(folder), options),
            "TRL": partial(theirs.submit, train_trl, rows, Path(folder), options),
            "sorted": partial(theirs.submit, train_trl, sorted(rows, key=longest), Path(folder), options),
            "default": partial(theirs.submit, train_trl, rows, Path(folder), options, defaults=True),
        }
        for pool, train in ((ours, train_ours), (theirs, train_trl)):
            pool.submit(train, rows[: options.batch], Path(folder), options).result()
        results: dict[str, list[Measured]] = {contestant: [] for contestant in contestants}
        for turn in range(options.turns):
            order = list(contestants)
            for contestant in order if turn % 2 == 0 else order[::-1]:
                results[contestant].append(contestants[contestant]().result())
    cpu = {contestant: statistics.median(m.cpu for m in turns) for contestant, turns in results.items()}
    wall = {contestant: statistics.median(m.wall for m in turns) for contestant, turns in results.items()}
    one, other = results["ours"][0], results["TRL"][0]
    apart = max(abs(a - b) for a, b in zip(one.losses, other.losses, strict=True))
    spread = max(max(m.cpu for m in turns) / min(m.cpu for m in turns) for turns in results.values())
    print(
        f"{name:<18}{cpu['ours']:>12.2f}{cpu['TRL']:>9.2f}{cpu['sorted']:>9.2f}{cpu['default']:>9.2f}"
        f"{cpu['TRL'] / cpu['ours']:>7.2f}x{cpu['sorted'] / cpu['ours']:>7.2f}x{cpu['default'] / cpu['ours']:>8.2f}x"
        f"{wall['TRL'] / wall['ours']:>7.2f}x{other.computed / one.computed:>7.2f}x{spread:>8.2f}x{apart:>12.1e}",
        flush=True,
    )
    if apart > 1e-5:
        raise SystemExit(f"{name}: the losses differ by {apart:.1e}: {one.losses} against {other.losses}")


def longest(row: dict[str, Any]) -> int:
    """The length of a row's longest sequence, which is what TRL pads to."""
    return max(len(ids) for name, ids in row.items() if name.endswith("_ids"))


def draw_length(rng: random.Random, bounds: tuple[int, int]) -> int:
    """A length between the bounds, log-uniform: many short ones, few long ones."""
    low, high = bounds
    return round(low * (high / low) ** rng.random())


def draw_tokens(rng: random.Random, count: int) -> list[int]:
    """Random token ids, the padding token left out."""
    return [rng.randrange(1, VOCABULARY) for _ in range(count)]


def draw_pairs(workload: Workload, count: int) -> list[dict[str, Any]]:
    """Rows of chosen_ids and rejected_ids; K ranked answers give K(K-1)/2 pairs, together."""
    rng = random.Random(0)
    rows: list[dict[str, Any]] = []
    while len(rows) < count:
        prompt = draw_tokens(rng, draw_length(rng, workload.prompt))
        answers = [prompt + draw_tokens(rng, draw_length(rng, workload.answer)) for _ in range(workload.answers)]
        rows += [
            {"chosen_ids": answers[i], "rejected_ids": answers[j]}
            for i in range(len(answers))
            for j in range(i + 1, len(answers))
        ]
    return rows[:count]


def draw_steps(workload: Workload, count: int) -> list[dict[str, Any]]:
    """Rows of input_ids and labels; the traces of one prompt together."""
    rng = random.Random(0)
    rows: list[dict[str, Any]] = []
    while len(rows) < count:
        prompt = draw_tokens(rng, draw_length(rng, workload.prompt))
        for _ in range(workload.answers):
            ids, labels = prompt.copy(), [-100] * len(prompt)
            target = len(prompt) + draw_length(rng, workload.answer)
            while len(ids) < target:
                step = draw_tokens(rng, rng.randint(10, 40))
                ids += step
                labels += [-100] * (len(step) - 1) + [rng.randint(0, 1)]
            rows.append({"input_ids": ids, "labels": labels})
    return rows[:count]


def quietly(options: argparse.Namespace) -> None:
    """Use as many threads as asked for, and say nothing."""
    import datasets
    import torch
    import transformers

    torch.set_num_threads(options.threads)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()


def save_model(folder: Path, options: argparse.Namespace) -> None:
    """A random Qwen2 and a tokenizer that gives it a padding token."""
    import torch
    from tokenizers import Tokenizer, models
    from transformers import (
        AutoModelForSequenceClassification,
        AutoModelForTokenClassification,
        PreTrainedTokenizerFast,
        Qwen2Config,
    )

    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=options.hidden,
        intermediate_size=options.hidden * 4,
        num_hidden_layers=options.layers,
        num_attention_heads=options.hidden // 64,
        num_key_value_heads=max(1, options.hidden // 128),
        max_position_embeddings=4096,
        pad_token_id=PAD,
        classifier_dropout=0.0,
        num_labels=1 if options.kind == "pairs" else 2,
    )
    auto = AutoModelForSequenceClassification if options.kind == "pairs" else AutoModelForTokenClassification
    auto.from_config(config).save_pretrained(folder)
    end = "<|endoftext|>"
    words = {"<pad>": PAD, end: 1, **{f"w{i}": i for i in range(2, VOCABULARY)}}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token=end)), pad_token="<pad>", eos_token=end
    )
    tokenizer.save_pretrained(folder)


def train_ours(rows: list[dict[str, Any]], folder: Path, options: argparse.Namespace) -> Measured:
    """Through the engine's trainer, as a run would."""
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
            "device": "cpu",
            "bf16": False,
            "micro_batch_size": options.batch,
            "learning_rate": 1e-4,
            "lr_scheduler": "linear",
            "logging_steps": 1,
        }
    )
    tokenizer = AutoTokenizer.from_pretrained(folder)
    precision = choose_precision(preset)
    loaded = load_model(preset, folder, tokenizer, precision)
    packing = choose_packing(loaded.model, preset, "cpu", PAD)
    assert packing.pruned, packing.reason
    computed = 0
    collate = PackCollator()

    def counted(slots: Any) -> Any:
        nonlocal computed
        batch = collate(slots)
        computed += batch["computed"]
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
    return _measure(trainer, lambda: computed)


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
        "bf16": False,
        "use_cpu": True,
        "gradient_checkpointing": False,
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
    computed = 0
    collate = trainer.data_collator

    def counted(examples: Any) -> Any:
        nonlocal computed
        batch = collate(examples)
        computed += batch["input_ids"].numel()
        return batch

    trainer.data_collator = counted
    return _measure(trainer, lambda: computed)


def _without_saving(arguments: Any) -> Any:
    arguments.save_strategy = "no"
    return arguments


def _measure(trainer: Any, computed: Callable[[], int]) -> Measured:
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    cpu, wall = time.process_time(), time.perf_counter()
    trainer.train()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Measured(cpu, wall, [entry["loss"] for entry in trainer.state.log_history if "loss" in entry], computed())


if __name__ == "__main__":
    main()
