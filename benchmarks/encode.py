"""Encoding a data set against TRL's and axolotl's own map: the same rows, the same tokenizer, equal ids.

    python benchmarks/encode.py [--tokenizer DIR] [--trl DIR] [--trl-steps DIR] [--axolotl DIR]

The peers are installed by pip beside us, into a temporary folder, unless folders that hold them are named. TRL's newest
release encodes the pairs; its PRM trainer was last in 1.8.0. RM_WORKBENCH_TOKENIZER may name the tokenizer's folder,
else one of up to 16 000 tokens is trained on the rows' text. Every contestant runs in a fresh process, in turns.
Compared is the CPU time of all threads, as the median over the turns, from rows to encoded rows:

- ours: all of `prepare`: reading the JSON lines, every check of a row, encoding, the ledger and the digest;
- TRL, axolotl: their map (and TRL's filter by length) over a data set that `datasets` has loaded already, one process.

The ids must be equal, or the script fails. "BPE alone" is the tokenizer's Rust library on the texts that TRL gives it,
once each and nothing else: the floor of whatever gives it all text. We go below it where a tokenizer works word by word
by a known pattern (GPT-2's, Qwen's, Llama 3's), since most words have been seen before: what bounds us there is Python,
which finds words, lays their ids together, renders, reads and checks. Where it does not (Gemma, Mistral, Phi 3.5), the
library bounds us, and the rendering of templates that keep state; the gain is what is tokenised once.
"""

import argparse
import hashlib
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from peers import install

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

LENGTH = 8192
"""A length limit that no row exceeds: what is dropped and cut beyond it is not compared here."""

PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

WORKLOADS = {
    "short pairs": ("trl", "reward_model", "bradley_terry"),
    "multi-turn pairs": ("trl", "reward_model", "bradley_terry"),
    "axolotl's pairs": ("axolotl", "reward_model", "bradley_terry.chat_template"),
    "steps": ("trl-steps axolotl", "process_reward_model", "stepwise_supervised"),
}
"""By name: the peers that can encode it, the preset's kind, and its format."""

AXOLOTL_NEEDS = (
    "addict",
    "colorama",
    "posthog",
    "requests",
    "urllib3",
    "certifi",
    "distro",
    "numba",
    "llvmlite",
    "trl",
)
"""What the modules of axolotl that encode import beyond what we are installed with; the rest is for training."""


def main() -> None:
    """Install the peers, run the turns, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=Path, default=os.environ.get("RM_WORKBENCH_TOKENIZER"))
    parser.add_argument("--trl", type=Path, help="folder that trl was installed into")
    parser.add_argument("--trl-steps", type=Path, help="folder that trl 1.8.0 was installed into")
    parser.add_argument("--axolotl", type=Path, help="folder that axolotl was installed into")
    parser.add_argument("--rows", type=int, default=2000, help="rows of each workload")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        print(json.dumps(take_turn(options.contestant, options.work)))
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(options, Path(folder))


def compare(options: argparse.Namespace, work: Path) -> None:
    """All turns of all contestants, and their table."""
    texts = prose()
    for name in WORKLOADS:
        write_rows(work / f"{name}.jsonl", draw(name, texts, options.rows, random.Random(0)))
    write_rows(work / "100 000 rows.jsonl", repeated(draw("short pairs", texts, 5000, random.Random(1)), 100_000))
    if options.tokenizer:
        (work / "tokenizer").symlink_to(Path(options.tokenizer).resolve())
    else:
        train_tokenizer(work / "tokenizer", texts)
    peers = {
        "trl": options.trl or install(work / "trl", "trl"),
        "trl-steps": options.trl_steps or install(work / "trl-steps", "trl==1.8.0"),
        "axolotl": options.axolotl or install(work / "axolotl", "axolotl", *AXOLOTL_NEEDS),
    }
    contestants = ["ours", *(name for name, place in peers.items() if place)]
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in contestants}
    for turn in range(options.turns):
        for name in contestants if turn % 2 == 0 else contestants[::-1]:
            if (taken := start_turn(name, peers.get(name), work)) is not None:
                turns[name].append(taken)
    print_table(turns, work, options.rows)


def print_table(turns: dict[str, list[dict[str, Any]]], work: Path, rows: int) -> None:
    """One line for each workload and peer. SystemExit where ids differ."""
    print(f"tokenizer of {turns['ours'][0]['vocabulary']} tokens, {rows} rows of each workload; CPU seconds, medians")
    print(f"{'workload':<18}{'MB':>6}{'ours':>8}{'BPE':>8}  {'peer':<16}{'CPU s':>8}{'ratio':>8}{'wall':>8}", end="")
    print(f"{'spread':>9}{'ids':>12}")
    differing = []
    for name, (able, _, _) in WORKLOADS.items():
        ours = [turn["workloads"][name] for turn in turns["ours"]]
        size = (work / f"{name}.jsonl").stat().st_size / 1e6
        for peer in able.split():
            theirs = [turn["workloads"][name] for turn in turns.get(peer, [])]
            head = f"{name:<18}{size:>6.1f}{middle(ours, 'cpu'):>8.2f}{middle(ours, 'bpe'):>8.2f}  "
            if not theirs:
                print(f"{head}{peer:<16}  could not be installed or run here: not measured")
                continue
            equal = all(turn["ids"] == ours[0]["ids"] for turn in [*ours, *theirs])
            differing += [] if equal else [f"{name} ({peer})"]
            cpu, wall = (middle(theirs, what) / middle(ours, what) for what in ("cpu", "wall"))
            spread = max(max(t["cpu"] for t in side) / min(t["cpu"] for t in side) for side in (ours, theirs))
            print(
                f"{head}{turns[peer][0]['version']:<16}{middle(theirs, 'cpu'):>8.2f}"
                f"{cpu:>7.2f}x{wall:>7.2f}x{spread:>8.2f}x{'equal' if equal else 'DIFFERENT':>12}",
                flush=True,
            )
    first = [turn["first"] for turn in turns["ours"]]
    print(f"first sample of 100 000 rows, the tokenizer loaded: {statistics.median(first) * 1000:.0f} ms")
    milliseconds = statistics.median(turn["again"] for turn in turns["ours"]) * 1000
    print(f"short pairs again, from the disk, with the tokenizer's digest: {milliseconds:.0f} ms of CPU")
    if differing:
        raise SystemExit(f"different ids: {', '.join(differing)}")


def middle(turns: list[dict[str, Any]], what: str) -> float:
    """The median of one figure over the turns."""
    return statistics.median(turn[what] for turn in turns)


# --- rows


def prose() -> list[str]:
    """Sentences of English with code in it, from the documentation that comes with Python."""
    from pydoc_data.topics import topics

    paragraphs = [" ".join(part.split()) for text in topics.values() for part in text.split("\n\n")]
    sentences = [sentence for paragraph in paragraphs for sentence in paragraph.split(". ")]
    return [f"{sentence.rstrip('.')}." for sentence in sentences if 30 < len(sentence) < 400]


def draw(workload: str, texts: list[str], count: int, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Rows of one workload: prompts and answers of random sentences, each sentence with numbers of its own."""

    def say(low: int, high: int) -> str:
        chosen = rng.choices(texts, k=rng.randint(low, high))
        return " ".join(f"{text} ({rng.randint(0, 99999)})" if rng.random() < 0.3 else text for text in chosen)

    def turn(role: str, low: int, high: int) -> dict[str, str]:
        return {"role": role, "content": say(low, high)}

    for _ in range(count):
        if workload == "short pairs":
            prompt = f"{say(1, 2)}\n"
            yield {"prompt": prompt, "chosen": say(1, 4), "rejected": say(1, 4)}
        elif workload == "multi-turn pairs":
            roles = ["user", "assistant"] * rng.randint(1, 4)
            shared = [turn(role, 1, 5) for role in [*roles, "user"]]
            chosen, rejected = turn("assistant", 1, 5), turn("assistant", 1, 5)
            yield {"chosen": [*shared, chosen], "rejected": [*shared, rejected]}
        elif workload == "axolotl's pairs":
            yield {"system": say(1, 1), "input": say(1, 8), "chosen": say(1, 5), "rejected": say(1, 5)}
        else:
            steps = [say(1, 2) for _ in range(rng.randint(2, 12))]
            yield {"prompt": say(1, 3), "completions": steps, "labels": [rng.random() < 0.7 for _ in steps]}


def repeated(rows: Iterator[dict[str, Any]], count: int) -> Iterator[dict[str, Any]]:
    """`count` rows out of fewer."""
    drawn = list(rows)
    for number in range(count):
        yield drawn[number % len(drawn)]


def write_rows(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    """Rows as JSON lines."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")


def train_tokenizer(folder: Path, texts: list[str]) -> None:
    """A byte-level BPE of 16 000 tokens with a ChatML template, for want of a real one."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=16_000, initial_alphabet=alphabet, show_progress=False)
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|pad|>",
        additional_special_tokens=["<|im_start|>"],
    )
    fast.chat_template = PLAIN_TEMPLATE
    fast.save_pretrained(folder)


# --- peers


def start_turn(contestant: str, place: Path | None, work: Path) -> dict[str, Any] | None:
    """One contestant's turn, in a process of its own; None where it fails."""
    cache = work / "caches" / f"{contestant}-{time.time_ns()}"
    environment = os.environ | {
        "RM_WORKBENCH_CACHE": str(cache),
        "HF_DATASETS_CACHE": str(cache),
        "HF_HUB_OFFLINE": "1",
        "DO_NOT_TRACK": "1",
    }
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(place or "")}
    command = [sys.executable, __file__, "--contestant", contestant, "--work", str(work)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=600)
    if done.returncode:
        print(f"{contestant} fails: {done.stderr.strip()[-2000:]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])  # type: ignore[no-any-return]


def take_turn(contestant: str, work: Path) -> dict[str, Any]:
    """All workloads that a contestant can encode, once each."""
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    tokenizer = AutoTokenizer.from_pretrained(work / "tokenizer")
    encoders: dict[str, Callable[[], Callable[..., Any]]] = {"ours": ours, "trl": trl, "trl-steps": trl_steps}
    start = encoders.get(contestant, axolotl)()
    taken: dict[str, Any] = {"vocabulary": len(tokenizer), "version": version_of(contestant), "workloads": {}}
    for name, (able, _, _) in WORKLOADS.items():
        if contestant == "ours" or contestant in able.split():
            # A few rows first, so that what is imported or compiled late is not counted.
            few = work / f"few {contestant} {name}.jsonl"
            with (work / f"{name}.jsonl").open(encoding="utf-8") as file:
                few.write_text("".join(line for line, _ in zip(file, range(8), strict=False)), encoding="utf-8")
            for rows in (few, work / f"{name}.jsonl"):
                encode, ids = start(name, rows, tokenizer)
                cpu, wall = cpu_seconds(), time.perf_counter()
                encoded = encode()
                measured = {"cpu": cpu_seconds() - cpu, "wall": time.perf_counter() - wall}
            measured["ids"] = digest(ids(encoded))  # type: ignore[assignment]
            if contestant == "ours":
                measured["bpe"] = bpe_alone(name, work, tokenizer)
            taken["workloads"][name] = measured
    if contestant == "ours":
        taken |= {"first": first_sample(work), "again": from_cache(work, tokenizer)}
    return taken


def version_of(contestant: str) -> str:
    """The peer's name and version."""
    from importlib.metadata import PackageNotFoundError, version

    package = contestant.removesuffix("-steps")
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package


def cpu_seconds() -> float:
    """CPU time of this process with all its threads, and of its children."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def digest(rows: Iterator[Any]) -> str:
    """A digest of the ids of all rows."""
    found = hashlib.blake2b(digest_size=16)
    for row in rows:
        found.update(json.dumps(row).encode())
    return found.hexdigest()


def preset_text(name: str, rows: Path, tokenizer: Any, work: Path) -> str:
    """Our preset of a workload."""
    _, kind, format_ = WORKLOADS[name]
    return json.dumps(
        {
            "base_model": str(work / "tokenizer"),
            kind: True,
            "sequence_len": LENGTH,
            "datasets": [{"path": str(rows), "type": format_}],
        }
    )


def ours() -> Callable[..., Any]:
    """The engine, through `prepare`."""
    from engine.prepare.open import OpenCache, open_preset
    from engine.prepare.sets import prepare
    from engine.preset.load import parse_preset

    cache = OpenCache()

    def start(name: str, rows: Path, tokenizer: Any) -> Any:
        loaded = parse_preset(preset_text(name, rows, tokenizer, rows.parent), rows.parent / "preset.yaml")
        opened = open_preset(loaded, cache)

        def ids(prepared: Any) -> Iterator[Any]:
            for row in prepared.train.rows:
                encoding = row.encoding
                if hasattr(encoding, "chosen_ids"):
                    yield [encoding.chosen_ids, encoding.rejected_ids]
                else:
                    yield [encoding.input_ids, encoding.labels]

        return (lambda: prepare(opened)), ids

    return start


def trl() -> Callable[..., Any]:
    """TRL's reward trainer's own preparation of a data set: its maps, and its filter by length."""
    from datasets import Dataset, disable_caching, disable_progress_bars
    from trl import RewardConfig, RewardTrainer

    disable_caching()
    disable_progress_bars()

    def start(name: str, rows: Path, tokenizer: Any) -> Any:
        data = Dataset.from_json(str(rows))
        arguments = RewardConfig(output_dir=str(rows.parent), max_length=LENGTH, use_cpu=True, bf16=False, report_to=[])

        def encode() -> Any:
            return RewardTrainer._prepare_dataset(None, data, tokenizer, arguments, "train")

        return encode, lambda encoded: ([row["chosen_ids"], row["rejected_ids"]] for row in encoded)

    return start


def trl_steps() -> Callable[..., Any]:
    """TRL's PRM trainer's own map, with the arguments that its trainer gives it."""
    from datasets import Dataset, Features, Sequence, Value, disable_caching, disable_progress_bars
    from trl.experimental.prm import PRMTrainer

    disable_caching()
    disable_progress_bars()
    whole = Sequence(Value("int64"))

    def start(name: str, rows: Path, tokenizer: Any) -> Any:
        data = Dataset.from_json(str(rows))
        arguments = {
            "tokenizer": tokenizer,
            "step_separator": "\n",
            "max_length": LENGTH,
            "max_completion_length": None,
            "train_on_last_step_only": False,
            "is_eval": False,
        }

        def encode() -> Any:
            return data.map(
                PRMTrainer.tokenize_row,
                fn_kwargs=arguments,
                remove_columns=data.features,
                features=Features({"labels": whole, "input_ids": whole}),
            )

        return encode, lambda encoded: ([row["input_ids"], row["labels"]] for row in encoded)

    return start


def axolotl() -> Callable[..., Any]:
    """The wrapper that axolotl puts around a data set, in one process."""
    from axolotl.utils.data.wrappers import get_dataset_wrapper
    from axolotl.utils.dict import DictDefault
    from datasets import Dataset, disable_caching, disable_progress_bars

    disable_caching()
    disable_progress_bars()

    def start(name: str, rows: Path, tokenizer: Any) -> Any:
        _, kind, format_ = WORKLOADS[name]
        data = Dataset.from_json(str(rows))
        settings = DictDefault({kind: True, "sequence_len": LENGTH, "dataset_num_proc": None})
        settings["chat_template"] = "tokenizer_default"
        config = DictDefault({"type": format_, "path": str(rows)})

        def encode() -> Any:
            return get_dataset_wrapper(config, tokenizer, settings, format_, data)[0]

        def ids(encoded: Any) -> Iterator[Any]:
            first, second = ("chosen_ids", "rejected_ids") if kind == "reward_model" else ("input_ids", "labels")
            return ([row[first], row[second]] for row in encoded)

        return encode, ids

    return start


# --- figures of our own


def bpe_alone(name: str, work: Path, tokenizer: Any) -> float:
    """CPU seconds of the Rust library alone on the texts of a workload, without templates."""
    texts = []
    with (work / f"{name}.jsonl").open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if "completions" in row:
                texts += [row["prompt"], *row["completions"]]
            elif isinstance(row["chosen"], str):
                asked = row.get("prompt") or (row.get("system") or "") + row["input"]
                texts += [asked + row["chosen"], asked + row["rejected"]]
            else:
                texts += ["\n".join(turn["content"] for turn in row[side]) for side in ("chosen", "rejected")]
    cpu = cpu_seconds()
    tokenizer._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return cpu_seconds() - cpu


def first_sample(work: Path) -> float:
    """Seconds from opening a preset of 100 000 rows, its tokenizer loaded before, to its first encoded sample."""
    from engine.prepare.open import OpenCache, open_preset
    from engine.prepare.rows import encode_rows
    from engine.preset.load import parse_preset

    cache = OpenCache()
    rows = [work / "few ours short pairs.jsonl", work / "100 000 rows.jsonl"]
    for path in rows:
        loaded = parse_preset(preset_text("short pairs", path, None, work), work / "preset.yaml")
        began = time.perf_counter()
        next(encode_rows(open_preset(loaded, cache), "train", 0, 1))
        seconds = time.perf_counter() - began
    return seconds


def from_cache(work: Path, tokenizer: Any) -> float:
    """CPU seconds of `prepare` where it has encoded the same before."""
    name = next(iter(WORKLOADS))
    encode, _ = ours()(name, work / f"{name}.jsonl", tokenizer)
    cpu = cpu_seconds()
    encode()
    return cpu_seconds() - cpu


if __name__ == "__main__":
    main()
