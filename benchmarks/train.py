"""Training against TRL's RewardTrainer and PRMTrainer: the same rows, batches, steps and model, interleaved.

    python benchmarks/train.py pairs [--trl DIR]
    python benchmarks/train.py steps [--trl DIR]    TRL 1.8.0 is the last that has a PRM trainer
    python benchmarks/train.py pairs --device cuda --bf16 --shape qwen2.5-0.5b [--gradient-checkpointing]

DIR holds trl (pip install --no-deps --target DIR trl); without it, it is installed for the moment.

Every contestant trains a fresh copy of one random Qwen2 on the same token ids, in turns, several times. Compared is
the CPU time of the training alone (wall time beside it), as the median over the turns; the losses of every step must
agree to 1e-5, or the script fails. Ours and TRL each have a process of their own, ours with the environment that a
run's trainer is launched with; only one of them works at a time, and each trains a little before it is measured.
"default" is TRL with its own defaults of bf16 and gradient checkpointing, whose losses are others. "sorted" is TRL on
rows sorted by length beforehand: the least padding it could have, at the price of batches that are no longer drawn at
random. The token ratio is what padding computes over what a pack computes: what is above it comes from attention and
from the last layer, and shrinks with the model's depth and width. "bound" is what the ratio would be if ours did
nothing but the matrix products of the tokens that are needed, at the rate of a single large one: no arrangement of the
same arithmetic gets beyond it.

With a --shape, compared are tokens of the rows a second, seconds a step, the most memory that tensors take on the
device, and the share of its peak that is used. Losses in bf16 cannot agree, and it is told how far apart they are.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from peers import install
from train_contestants import (
    SHAPES,
    Measured,
    begin_as_a_run,
    in_turn,
    save_model,
    seconds_of_products,
    train_ours,
    train_trl,
)
from train_rows import PAIRS, STEPS, Workload, draw_pairs, draw_steps, longest
from train_tables import PEAK_TFLOPS, Results, apart, cpu_head, cpu_row, shape_head, shape_rows

sys.path.insert(0, str(Path(__file__).parent.parent))

KEEP_MEMORY = "glibc.malloc.hugetlb=1:glibc.malloc.trim_threshold=4294967296:glibc.malloc.mmap_threshold=33554432"


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
    parser.add_argument("--shape", choices=SHAPES, help="a model's published sizes: memory and tokens a second")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--bf16", action="store_true", help="compute in bf16 on fp32 weights")
    parser.add_argument("--gradient-checkpointing", action="store_true", help="in ours and in TRL alike")
    parser.add_argument("--peak-tflops", type=float, help="of the device in bf16, where it is not known")
    options = parser.parse_args()
    if options.device == "cuda" and not options.shape:
        parser.error("--device cuda goes with a --shape")
    with tempfile.TemporaryDirectory() as work:
        place = options.trl or install(Path(work), "trl" if options.kind == "pairs" else "trl==1.8.0")
        if place is None:
            sys.exit(1)
        sys.path.insert(0, str(place))
        ours, theirs = worker({"OMP_WAIT_POLICY": "PASSIVE", "GLIBC_TUNABLES": KEEP_MEMORY}, place), worker({}, place)
        with ours, theirs:
            ours.submit(begin_as_a_run).result()
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
    """One row a workload; for a shape, one a contestant."""
    import torch
    import transformers
    import trl

    device = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    sizes = options.shape or f"hidden {options.hidden}, {options.layers} layers"
    format = "bf16 on fp32 weights" if options.bf16 else "fp32"
    print(
        f"TRL {trl.__version__}, transformers {transformers.__version__}, torch {torch.__version__}; {device}; ", end=""
    )
    print(f"{sizes}, {format}, {options.threads} thread(s), batch {options.batch}")
    print(shape_head() if options.shape else cpu_head())
    everything = PAIRS if options.kind == "pairs" else STEPS
    known = next((peak for name, peak in PEAK_TFLOPS.items() if name in device), None)
    for name in options.workloads or everything:
        results, weights, products = compare(everything[name], options, ours, theirs)
        if options.shape:
            print("\n".join(shape_rows(name, results, weights, options.peak_tflops or known)), flush=True)
            print(*{turn.said for turn in results["ours"]})
        else:
            print(cpu_row(name, results, products), flush=True)
        if not options.bf16 and all(results.values()) and apart(results) > 1e-5:
            one, other = results["ours"][0].losses, results["TRL"][0].losses
            raise SystemExit(f"{name}: the losses differ by {apart(results):.1e}: {one} against {other}")


def compare(
    workload: Workload, options: argparse.Namespace, ours: ProcessPoolExecutor, theirs: ProcessPoolExecutor
) -> tuple[Results, int, float]:
    """Each contestant's trainings, in turns; the weights that the model's layers multiply by; and the CPU seconds that
    the matrix products of ours take by themselves (0 for a shape).
    """
    rows = (draw_pairs if options.kind == "pairs" else draw_steps)(workload, options.batch * options.optimizer_steps)
    with tempfile.TemporaryDirectory() as folder:
        weights = ours.submit(save_model, Path(folder), options).result()

        def call(pool: ProcessPoolExecutor, train: Callable[..., Measured], rows: Any, **more: Any) -> Any:
            return partial(pool.submit, in_turn, train, rows, Path(folder), options, **more)

        contestants: dict[str, Callable[[], Future[Measured | None]]] = {
            "ours": call(ours, train_ours, rows),
            "TRL": call(theirs, train_trl, rows),
            "sorted": call(theirs, train_trl, sorted(rows, key=longest)),
            "default": call(theirs, train_trl, rows, defaults=True),
        }
        for pool, train in ((ours, train_ours), (theirs, train_trl)):
            call(pool, train, rows[: options.batch])().result()
        results: Results = {contestant: [] for contestant in contestants}
        for turn in range(options.turns):
            order = list(contestants)
            for contestant in order if turn % 2 == 0 else order[::-1]:
                if measured := contestants[contestant]().result():
                    results[contestant].append(measured)
        if options.shape:
            return results, weights, 0.0
        # In a process of its own: the profiler slows down what comes after it.
        with worker({}, Path()) as aside:
            return results, weights, aside.submit(seconds_of_products, rows, Path(folder), options).result()


if __name__ == "__main__":
    main()
