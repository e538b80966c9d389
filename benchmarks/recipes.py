"""Real models on human judgements, by us and by TRL with the same settings: what each has learned, and its CPU time.

    python benchmarks/recipes.py RECIPE [--materials DIR] [--trl DIR] [--rows N] [--seeds N] [--out DIR]
    python benchmarks/recipes.py RECIPE --validate [--set KEY=VALUE]...

Models and data are fetched into `--materials` (kept for the next time; without it they are fetched anew), TRL is
installed for the moment, or found in `--trl` (1.8.0 for steps). For each seed both sides begin with the same weights,
and train on the token ids that our preview shows, in the same order, each in a process of its own with one thread. Both
saved models are then loaded by transformers (and peft) alone and go through one loop, which scores one unpadded
sequence at a time. CPU time is that of the training command from its start to the saved model, without evaluation.
`--out` leaves the runs in a folder, to be looked at with `rm-workbench runs`.

The table says what each side reached over the seeds, what a step's or answer's length alone would reach, and the
difference of the two sides with its standard error over held-out rows (bootstrap; rows are drawn, not steps).

`--validate` is for choosing settings: ours alone, on a fifth of the training prompts in place of the held-out rows.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import materials
from peers import install
from recipe_scores import Judged, Row, difference, length_alone, measures, position_alone, scores_of

ROOT = Path(__file__).parent.parent


class Recipe(NamedTuple):
    """A model, the kind of judgements, how many rows it trains on and is judged by, how often, and what else its preset
    says.
    """

    model: str
    kind: str
    rows: int
    held_out: int
    seeds: int
    settings: Mapping[str, Any]


class Side(NamedTuple):
    """What one side reached: of each seed, what its model makes of the held-out rows, and its CPU seconds."""

    judged: list[list[Judged]]
    seconds: list[float]


def lora(model: str) -> dict[str, Any]:
    """The adapter of a recipe."""
    targets = {"minilm": ["query", "value"], "smollm2": ["q_proj", "v_proj"]}[model]
    return {"adapter": "lora", "lora_r": 16, "lora_alpha": 32, "lora_target_modules": targets}


STEPS = {"micro_batch_size": 8, "class_weights": "balanced", "sequence_len": 256}

RECIPES = {
    "minilm-pairs": Recipe("minilm", "pairs", 1000, 800, 3, {"learning_rate": 5e-5}),
    "minilm-pairs-lora": Recipe("minilm", "pairs", 1000, 800, 3, {"learning_rate": 5e-4, **lora("minilm")}),
    "smollm2-pairs": Recipe("smollm2", "pairs", 320, 400, 1, {"learning_rate": 2e-5}),
    "smollm2-pairs-lora": Recipe("smollm2", "pairs", 320, 400, 1, {"learning_rate": 5e-4, **lora("smollm2")}),
    "minilm-steps": Recipe("minilm", "steps", 432, 108, 1, {"learning_rate": 1e-4, "num_epochs": 2, **STEPS}),
    "minilm-steps-lora": Recipe(
        "minilm", "steps", 432, 108, 1, {"learning_rate": 1e-3, "num_epochs": 2, **STEPS, **lora("minilm")}
    ),
    "smollm2-steps": Recipe("smollm2", "steps", 432, 108, 1, {"learning_rate": 2e-5, **STEPS}),
    "smollm2-steps-lora": Recipe("smollm2", "steps", 432, 108, 1, {"learning_rate": 5e-4, **STEPS, **lora("smollm2")}),
}


def main() -> None:
    """Train both, and print what each reached."""
    options = parsed()
    recipe = RECIPES[options.recipe]
    settings = {key: json.loads(value) for key, value in (change.split("=", 1) for change in options.set)}
    recipe = Recipe(
        recipe.model,
        recipe.kind,
        options.rows or recipe.rows,
        recipe.held_out,
        options.seeds or recipe.seeds,
        {**recipe.settings, **settings},
    )
    with tempfile.TemporaryDirectory() as scratch:
        out = (options.out or Path(scratch) / "out").resolve()
        kept = (options.materials or Path(scratch) / "materials").resolve()
        kept.mkdir(parents=True, exist_ok=True)
        package = "trl" if recipe.kind == "pairs" else "trl==1.8.0"
        trl = None if options.validate else options.trl or install(Path(scratch) / "trl", package)
        load = os.getloadavg()[0]
        sides = {"rm-workbench": Side([], [])} | ({f"TRL {trl_version(trl)}": Side([], [])} if trl else {})
        for seed in range(recipe.seeds):
            work = out / f"{options.recipe}-{seed}"
            work.mkdir(parents=True)
            preset = write_preset(recipe, seed, kept, work, options.validate)
            training, held_out = (encoded(work, split) for split in ("train", "eval"))
            run = create_run(work)
            commands = [["-m", "engine", "run", str(run)]]
            if trl:
                commands.append([str(Path(__file__).with_name("recipe_trl.py")), str(work), str(trl.resolve())])
            for (name, side), command in zip(sides.items(), commands, strict=True):
                side.seconds.append(train(command, work))
                model = run / "model" if side is sides["rm-workbench"] else work / "trl" / "model"
                side.judged.append(scores_of(model, preset["base_model"], held_out))
                print(
                    f"seed {seed}, {name}: {measures(side.judged[-1])}, {side.seconds[-1]:.0f} CPU s", file=sys.stderr
                )
        print(f"{options.recipe}: {len(training)} training rows, {len(held_out)} held out; {in_words(recipe.settings)}")
        print(
            f"torch {version('torch')}, transformers {version('transformers')}, one thread,"
            f" load {load:.1f} to {os.getloadavg()[0]:.1f}, seeds 0 to {recipe.seeds - 1}"
        )
        print_table(sides, training, held_out)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("--materials", type=Path, help="folder to keep models and data in")
    parser.add_argument("--trl", type=Path, help="folder that trl was installed into (1.8.0 for steps)")
    parser.add_argument("--rows", type=int, help="train on the first rows only")
    parser.add_argument("--seeds", type=int, help="train with this many seeds")
    parser.add_argument("--out", type=Path, help="folder to leave presets and runs in")
    parser.add_argument("--validate", action="store_true", help="ours alone, on a fifth of the training prompts")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change the preset; JSON values"
    )
    return parser.parse_args()


def print_table(sides: Mapping[str, Side], training: Sequence[Row], held_out: Sequence[Row]) -> None:
    """A line for each side and each baseline: measures as means over the seeds, and CPU seconds."""
    ours, *theirs = sides.values()
    names = list(measures(ours.judged[0]))
    print(f"{'':<20}", *(f"{name:>18}" for name in names), f"{'CPU s':>8}")
    for name, side in sides.items():
        each = [measures(judged) for judged in side.judged]
        cells = [spread([values[measure] for values in each]) for measure in names]
        print(f"{name:<20}", *(f"{cell:>18}" for cell in cells), f"{statistics.mean(side.seconds):>8.0f}")
    baselines = {"length alone": length_alone(training, held_out)}
    if "labels" in training[0]:
        baselines["position alone"] = position_alone(training, held_out)
        baselines["always right"] = [row._replace(scores=(1.0,) * len(row.scores)) for row in ours.judged[0]]
    for name, judged in baselines.items():
        values = measures(judged)
        print(f"{name:<20}", *(f"{values[measure]:>18.3f}" for measure in names))
    for other in theirs:
        apart, error = difference(ours.judged, other.judged)
        print(f"{names[0]}, rm-workbench less TRL: {apart:+.3f}, standard error over held-out rows {error:.3f}")


def spread(values: Sequence[float]) -> str:
    """The mean, and how far the seeds are spread."""
    deviation = f" ±{statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{deviation}"


def in_words(settings: Mapping[str, Any]) -> str:
    """A recipe's settings in a line."""
    return ", ".join(f"{key} {value}" for key, value in settings.items() if not key.startswith("lora_"))


def trl_version(trl: Path) -> str:
    """The version of an installed TRL."""
    return next(trl.glob("trl-*.dist-info")).name.removeprefix("trl-").removesuffix(".dist-info")


def write_preset(recipe: Recipe, seed: int, kept: Path, work: Path, validate: bool) -> dict[str, Any]:
    """Write the preset of a recipe as JSON, which is YAML, and its rows beside it; gives the preset."""
    model = (materials.minilm if recipe.model == "minilm" else materials.smollm2)(kept)
    pairs = recipe.kind == "pairs"
    train_file, test_file = (materials.sentence_pairs if pairs else materials.solution_steps)(kept)
    train_rows, test_rows = (
        file.read_text(encoding="utf-8").splitlines(keepends=True) for file in (train_file, test_file)
    )
    if validate:
        train_rows, test_rows = split_by_prompt(train_rows)
    data: dict[str, Any] = {"type": "bradley_terry" if pairs else "stepwise_supervised"}
    if recipe.model == "minilm" and not pairs:
        # Its tokenizer has no token for a line break: without one, a step has no end that the model could see.
        data["step_separator"] = "[SEP]"
    places = {"datasets": work / "train.jsonl", "test_datasets": work / "test.jsonl"}
    for place, rows in zip(places.values(), (train_rows[: recipe.rows], test_rows[: recipe.held_out]), strict=True):
        place.write_text("".join(rows), encoding="utf-8")
    preset: dict[str, Any] = {
        "base_model": str(model),
        "reward_model" if pairs else "process_reward_model": True,
        **{key: [{"path": str(place), **data}] for key, place in places.items()},
        "sequence_len": 512,
        "excess_length_strategy": "truncate",
        "micro_batch_size": 16,
        "num_epochs": 1,
        "lr_scheduler": "linear",
        "warmup_ratio": 0.1,
        "optimizer": "adamw_torch",
        "weight_decay": 0.0,
        "output_dir": str(work / "run"),
        "device": "cpu",
        "bf16": False,
        "num_threads": 1,
        "seed": seed,
        **recipe.settings,
    }
    (work / "recipe.yaml").write_text(json.dumps(preset, indent=1), encoding="utf-8")
    return preset


def split_by_prompt(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Rows of four fifths of the prompts, and of the last fifth. Pairs have few prompts: their last tenth."""
    prompts = [json.loads(line)["prompt"] for line in lines]
    each = list(dict.fromkeys(prompts))
    if len(each) < len(lines) / 10:
        return list(lines[: -(len(lines) // 10)]), list(lines[-(len(lines) // 10) :])
    back = set(each[-(len(each) // 5) :])
    parts: tuple[list[str], list[str]] = ([], [])
    for prompt, line in zip(prompts, lines, strict=True):
        parts[prompt in back].append(line)
    return parts


def rm_workbench(work: Path, *arguments: str) -> Iterator[dict[str, Any]]:
    """What a command of ours prints with --json."""
    command = [sys.executable, "-m", "workbench", *arguments, "--json"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=work, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return map(json.loads, done.stdout.splitlines())


def create_run(work: Path) -> Path:
    """The folder of a run of the preset that is not launched yet; the held-out rows are left to `scores_of`."""
    arguments = ("train", "recipe.yaml", "--set", "test_datasets=[]", "--no-launch")
    return Path(next(rm_workbench(work, *arguments))["path"])


def train(command: Sequence[str], work: Path) -> float:
    """Run a side's training to its end in a process that is waited for; gives its CPU seconds."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with (work / "log.txt").open("a") as log:
        subprocess.run([sys.executable, *command], cwd=work, env=environment, stdout=log, stderr=log, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def encoded(work: Path, split: str) -> list[Row]:
    """The token ids of a split, as the preview shows them; they are also written to a file."""
    rows = rm_workbench(work, "preview", "recipe.yaml", "--split", split, "--rows", "0:100000")
    names = ("chosen_ids", "rejected_ids", "input_ids", "labels")
    kept = [{name: row[name] for name in names if name in row} for row in rows if row.get("kept")]
    (work / f"{split}.json").write_text(json.dumps(kept), encoding="utf-8")
    return kept


if __name__ == "__main__":
    main()
