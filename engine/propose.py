"""From data to a preset: what a data set holds, and the smallest preset that reads it.

For someone with a data set and no preset: what is detected is written down with its reason, what cannot be is left as
a line to fill in.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.error import EngineError
from engine.format.choose import choose_format
from engine.format.format import Format, FormatError, Kind
from engine.hub import HubError, model_on_hub
from engine.preset.schema import DatasetConfig
from engine.sample import Pair, PlainText, Sample
from engine.source.open import open_source
from engine.source.row import Source, SourceError

MODELS: Mapping[Kind, str] = {"pair": "Qwen/Qwen3-0.6B", "steps": "Qwen/Qwen2.5-0.5B"}
"""The model that a proposed preset starts from, unless another is asked for: small, open, with a chat template."""

STAND_IN = "demo:model"
"""What stands in for it where there is neither a hub nor a copy: it needs no network, and shows tokens at once."""

HELD_OUT = ("test", "validation", "valid", "dev", "eval")
"""Splits to evaluate on, the first that there is."""

_LOOKED_AT = 20
_CHAT = "bradley_terry.chat_template"
_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt", "instruction", "question", "query", "input", "problem", "context", "user"),
    "chosen": ("chosen", "good", "better", "preferred", "accepted", "winner", "win", "positive", "best"),
    "rejected": ("rejected", "bad", "worse", "dispreferred", "declined", "loser", "lose", "negative", "worst"),
    "completions": ("completions", "steps", "solution_steps", "reasoning", "responses"),
    "labels": ("labels", "label", "ratings", "rating", "scores", "correct", "correctness"),
}
_WANTED: Mapping[Kind, tuple[str, ...]] = {
    "pair": ("prompt", "chosen", "rejected"),
    "steps": ("prompt", "completions", "labels"),
}
_PLAIN = re.compile(r"[A-Za-z_][\w/. -]*[\w/.]|demo:\w+")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A preset for a data set, and what was seen there.

    `kind` is None where no layout was recognised: `text` then has the lines to fill in, and `reason` says why.
    """

    text: str
    kind: Kind | None
    reason: str
    rows: int
    columns: tuple[str, ...]


def propose_preset(path: str, base: Path, model: str | None = None) -> Proposal:
    """Look at the data set `path` (a file, a folder, a hub id; `base` as in `open_source`) and write a preset for it.

    Raises SourceError where it cannot be opened.
    """
    if not path.strip():
        raise SourceError("no data set is named", advice="Give a file, a folder, or a hub id.")
    plain = DatasetConfig(path=path)
    source = open_source(plain, base)
    first_rows = source.rows(0, _LOOKED_AT)
    why = ""
    for config, type_, kind in _readings(plain, source.columns):
        try:
            found = choose_format(type_, source.columns, first_rows, config, kind)
        except FormatError as error:
            why = why or error.advice
            continue
        read = [found.convert(row) for row in first_rows]
        samples = [sample for row in read for sample in row.samples]
        if samples:
            chat, reason = None, found.reason if config is plain else _guessed(config, kind)
            if found.name != _CHAT and _has_prompt_column(found, config) and _meet_without_a_space(samples):
                chat = config.model_copy(update={"field_input": config.column("prompt")})
                found = choose_format(_CHAT, source.columns, first_rows, chat, kind)
                reason += "; they would meet without a space, so they are rendered as a conversation"
            found = replace(found, reason=reason)
            read_as = chat or config
            text = _preset(found, read_as, source, _held_out(read_as, base), _model(kind, model))
            return Proposal(text, kind, reason, len(source), source.columns)
        refused = next((row.refusal.message for row in read if row.refusal), "there are none")
        why = why or f"None of the first rows can be read ({found.reason}): {refused}."
    return Proposal(_skeleton(path, source, _model("pair", model), why), None, why, len(source), source.columns)


def _readings(plain: DatasetConfig, columns: Sequence[str]) -> Iterator[tuple[DatasetConfig, str | None, Kind]]:
    """Ways to read the data set, as (config, type, kind): as it is, then with columns mapped by their usual names.

    Mapped text is rendered as a conversation, which is what a chat model takes.
    """
    yield plain, None, "pair"
    yield plain, None, "steps"
    for kind, wanted in _WANTED.items():
        mapping: dict[str, str] = {}
        for name in wanted:
            column = _called(name, [column for column in columns if column not in mapping.values()])
            if column is not None:
                mapping[name] = column
        if len(mapping) < len(wanted):
            continue
        if kind == "pair":
            yield _mapped(plain, {**mapping, "input": mapping["prompt"]}, without="prompt"), _CHAT, kind
        yield _mapped(plain, mapping), None, kind


def _mapped(plain: DatasetConfig, mapping: Mapping[str, str], without: str = "") -> DatasetConfig:
    fields = {f"field_{name}": column for name, column in mapping.items() if column != name != without}
    return plain.model_copy(update=fields)


def _has_prompt_column(found: Format, config: DatasetConfig) -> bool:
    """Whether these are pairs with prompt and answers in a column each, which can be rendered as a conversation too."""
    return {config.column(name) for name in _WANTED["pair"]} <= {*found.reads}


def _meet_without_a_space(samples: Sequence[Sample]) -> bool:
    """Whether most of some pairs' plain prompts and answers would run into each other.

    A prompt that ends in a colon names who speaks next (`Assistant:`): that is a conversation already.
    """
    sides = [sample.chosen for sample in samples if isinstance(sample, Pair)]
    texts = [side for side in sides if isinstance(side, PlainText) and side.prompt and side.answer]
    meet = sum(not (s.prompt[-1].isspace() or s.prompt[-1] == ":" or s.answer[0].isspace()) for s in texts)
    return 2 * meet > len(texts)


def _guessed(config: DatasetConfig, kind: Kind) -> str:
    roles = {
        "pair": (("input", "the prompt"), ("chosen", "the better answer"), ("rejected", "the worse one")),
        "steps": (("prompt", "the prompt"), ("completions", "the steps"), ("labels", "their labels")),
    }[kind]
    guesses = ", ".join(f"`{config.column(name)}` as {role}" for name, role in roles)
    return f"Taken by their names: {guesses}"


def _called(name: str, columns: Sequence[str]) -> str | None:
    for synonym in _SYNONYMS[name]:
        for column in columns:
            if synonym == column.lower() or synonym in re.split(r"[\W_]+", column.lower()):
                return column
    return None


def _held_out(config: DatasetConfig, base: Path) -> str | None:
    """A split to evaluate on, where the data set has one of its own."""
    if Path(config.path).suffix:
        return None
    for split in HELD_OUT:
        try:
            open_source(config.model_copy(update={"split": split}), base)
        except EngineError:
            continue
        return split
    return None


def _preset(found: Format, config: DatasetConfig, source: Source, held_out: str | None, model: list[str]) -> str:
    what, key = ("pairs", "reward_model") if found.kind == "pair" else ("labelled steps", "process_reward_model")
    fields = [name for name in DatasetConfig.model_fields if name.startswith("field_")]
    entry = [f"  - path: {_scalar(config.path)}"]
    entry += [f"    {name}: {_scalar(column)}" for name in fields if (column := getattr(config, name)) in found.reads]
    if found.name != "bradley_terry":
        entry.append(f"    type: {found.name}")
    if found.kind == "steps":
        entry += ["    # Each step ends in this; its last token carries the step's label.", r'    step_separator: "\n"']
    lines = [
        f"# {_count(source)} of {what}, from {_one_line(config.path)}.",
        "# Written from the data: what was found there is in the comments. Change what does not fit.",
        *model,
        f"{key}: true",
        "",
        "datasets:",
        f"  # {_one_line(found.reason[:1].upper() + found.reason[1:])}.",
        *entry,
    ]
    if not found.needs_template and _has_prompt_column(found, config):
        column = config.column("prompt")
        lines.insert(-len(entry), "  # Plain text is put together without a chat template. To render a conversation:")
        lines.insert(-len(entry), f"  # type: {_CHAT}, and field_input: {_one_line(column)}")
    if held_out:
        lines += ["test_datasets:", *entry, f"    split: {held_out}", ""]
    else:
        why = "# Hold out a twentieth of the rows, to judge those that the model was not trained on."
        lines += ["", why, "val_set_size: 0.05", ""]
    return "\n".join([*lines, *_training("drop" if found.kind == "pair" else "truncate")])


def _skeleton(path: str, source: Source, model: list[str], why: str) -> str:
    columns = ", ".join(map(_one_line, source.columns[:30])) + (" …" if len(source.columns) > 30 else "")
    lines = [
        f"# {_count(source)}, from {_one_line(path)}: no known layout was recognised.",
        f"# {_one_line(why)}",
        "# Say below which columns hold what. For labelled steps: process_reward_model in place of reward_model,",
        "# and field_prompt, field_completions (a list of steps) and field_labels (a list of 0 and 1).",
        *model,
        "reward_model: true",
        "",
        "datasets:",
        f"  # The columns: {columns}.",
        f"  - path: {_scalar(path)}",
        "    field_prompt:",
        "    field_chosen:",
        "    field_rejected:",
        "",
        "val_set_size: 0.05",
        "",
    ]
    return "\n".join([*lines, *_training("drop")])


def _model(kind: Kind, wanted: str | None) -> list[str]:
    """The lines that name the model: the one that is wanted, else a small one, or the stand-in."""
    about = "# A hub id or a folder."
    if wanted is None:
        try:
            model_on_hub(MODELS[kind])
        except HubError:
            about = "# The hub cannot be reached: the demo's small model stands in. Put yours: a folder,\n"
            about += f"# or a hub id such as {MODELS[kind]}."
            wanted = STAND_IN
    return ["", about, f"base_model: {_scalar(wanted or MODELS[kind])}"]


def _count(source: Source) -> str:
    return f"{len(source):,} row{'' if len(source) == 1 else 's'}"


def _training(cut: str) -> list[str]:
    return [
        "# What is longer is cut as this says; Check counts it. The others: truncate, truncate_prompt (pairs), raise.",
        "sequence_len: 2048",
        f"excess_length_strategy: {cut}",
        "",
        "micro_batch_size: 8",
        "gradient_accumulation_steps: 4",
        "num_epochs: 1",
        "learning_rate: 2e-5",
        "warmup_ratio: 0.05",
        "",
    ]


def _scalar(text: str) -> str:
    """Text as a YAML value: plain where nothing in it can be taken for something else, else in quotes."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in {"null", "true", "false", "yes", "no", "on", "off"}
    return text if plain and ": " not in text and " #" not in text else json.dumps(text)


def _one_line(text: str) -> str:
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split())
