"""Which format reads a data set: the one that its `type` pins, or the one that its columns and first rows show."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from engine.finding import Finding
from engine.format import columns as columns_layout
from engine.format import llama_factory, math_shepherd, preference, pretokenised, prm800k, ranked, stepwise
from engine.format.fields import kind_of
from engine.format.format import Format, FormatError, Kind
from engine.preset.schema import DatasetConfig
from engine.sample import Sample
from engine.source.row import Row, RowError

__all__ = ["Format", "FormatError", "choose_format"]

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Pinned:
    """A type that says the layout: what makes its format, of which kind, and the columns that must be there."""

    make: Callable[[Any, str, str], Format]
    kind: Kind
    columns: tuple[str, ...]


_COLUMNS = ("input", "chosen", "rejected")
_ALPACA = (llama_factory.INSTRUCTION, "chosen", "rejected")
_SHAREGPT = (llama_factory.CONVERSATIONS, "chosen", "rejected")
_STEPS = ("prompt", "completions", "labels")

_PINNED: Mapping[str, _Pinned] = {
    "bradley_terry.chat_template": _Pinned(columns_layout.chat_template_pairs, "pair", _COLUMNS),
    "bradley_terry.llama3": _Pinned(columns_layout.llama3_pairs, "pair", _COLUMNS),
    "bradley_terry.llama3.icr": _Pinned(columns_layout.llama3_pairs, "pair", _COLUMNS),
    "bradley_terry.llama3.load_icr": _Pinned(columns_layout.llama3_pairs, "pair", _COLUMNS),
    "bradley_terry.alpaca": _Pinned(llama_factory.alpaca_pairs, "pair", _ALPACA),
    "bradley_terry.sharegpt": _Pinned(llama_factory.sharegpt_pairs, "pair", _SHAREGPT),
    "stepwise_supervised": _Pinned(stepwise.stepwise, "steps", _STEPS),
    "stepwise_supervised.chat_template": _Pinned(stepwise.stepwise_chat, "steps", _STEPS),
    "stepwise_supervised.math_shepherd": _Pinned(math_shepherd.math_shepherd, "steps", ("input", "label")),
    "stepwise_supervised.prm800k": _Pinned(
        lambda config, reason, name: prm800k.prm800k(reason, name), "steps", ("question", "label")
    ),
}

TYPES = ("bradley_terry", *_PINNED)
"""Every `type` there is."""

_MAPPED = ("input", "prompt", "chosen", "rejected", "completions", "labels", "system", "margin", "tools")
"""What the preset can give another column's name for (`field_…`)."""

_IN_SOME_ROWS = ("system", "margin", "tools")
"""Columns that a row may lack: in JSON the first rows need not have them, though later ones do."""


def choose_format(
    type_: str | None, columns: Sequence[str], first_rows: Sequence[Row], config: DatasetConfig, model_kind: Kind
) -> Format:
    """The format of a data set, with the reason for it.

    `type_` pins it; `bradley_terry`, or none, is detected from `columns` and `first_rows`. Raises FormatError where the
    type does not exist or is of the other kind of model, where a pinned type's columns or mapped ones are not there,
    and where no layout is recognised or no row can be read.
    """
    rows: Rows = [row for row in first_rows if isinstance(row, Mapping)]
    names = list(dict.fromkeys([*columns, *(str(name) for row in rows for name in row)]))
    if type_ not in (None, *TYPES):
        near = _did_you_mean(get_close_matches(str(type_), TYPES, n=1))
        raise FormatError(f"There is no format named {type_!r}.", "type", f"{near}Formats: {', '.join(TYPES)}.")
    if first_rows and not names:
        first = next(iter(first_rows))
        raise FormatError(
            "None of the first rows is an object with columns.",
            config.path,
            f"The first: {first.message}" if isinstance(first, RowError) else "Give each row its columns by name.",
        )
    if names:
        _look_at_mapping(names, config)
    if type_ is not None and type_ in _PINNED:
        found = _pinned(type_, names, rows, config, model_kind)
    else:
        if type_ == "bradley_terry":
            _of_kind(type_, "pair", model_kind)
        found = _detected(names, rows, config, model_kind)
    for column in (config.column("margin"), "chat_template_kwargs"):
        if column in found.reads and len(rows) > 1 and column in names and _all_null(rows, column):
            found = _without_nulls(found, column)
    return found


def _detected(names: Sequence[str], rows: Rows, config: DatasetConfig, model_kind: Kind) -> Format:
    found, other = _found(names, rows, config, model_kind)
    if found is not None:
        return found
    wanted = "pairs" if model_kind == "pair" else "labelled steps"
    raise FormatError(
        f"No known layout of {wanted} has these columns: {_quoted(names)}.",
        config.path,
        _advice(names, rows, model_kind, other),
    )


def _found(
    names: Sequence[str], rows: Rows, config: DatasetConfig, model_kind: Kind
) -> tuple[Format | None, Format | None]:
    """The layout of this kind of model that is recognised, and that of the other kind."""
    pairs, steps = _detect_pairs(names, rows, config), _detect_steps(names, rows, config)
    return (pairs, steps) if model_kind == "pair" else (steps, pairs)


def _advice(names: Sequence[str], rows: Rows, model_kind: Kind, other: Format | None) -> str:
    """What to do about columns of which no layout is known."""
    if other is not None:
        return f"They are those of the other kind of model ({other.reason}): set `{_key(other.kind)}: true` instead."
    if len(names) == 1 and (mark := next((mark for mark in ";\t|" if mark in names[0]), None)):
        return f"The one column's name holds {mark!r}: write the file with commas between the columns."
    inside = [name for name in names if len(rows) == 1 and _holds_rows(rows[0].get(name))]
    if inside:
        return f"`{inside[0]}` holds a list of objects: if they are the rows, write that list to a file of its own."
    wanted = ("chosen", "rejected") if model_kind == "pair" else ("prompt", "completions", "labels")
    likely = {name: column for name in wanted if (column := _like(name, names))}
    mapping = ", ".join(f"`field_{name}: {column}`" for name, column in likely.items() if name != column)
    if mapping and len(likely) == len(wanted):
        return f"Map the columns; perhaps {mapping}. Or pin a `type`: see docs/formats.md."
    keys = ", ".join(f"field_{name}" for name in dict.fromkeys(("prompt", *wanted)))
    return f"Map the columns ({keys}, …), or pin a `type`: see docs/formats.md."


def _like(name: str, columns: Sequence[str]) -> str | None:
    within = [column for column in columns if name.removesuffix("s") in column.lower()]
    return min(within, key=len) if within else next(iter(get_close_matches(name, columns, n=1)), None)


def _holds_rows(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(entry, Mapping) for entry in value)


def _look_at_mapping(names: Sequence[str], config: DatasetConfig) -> None:
    """Raise FormatError where the preset maps to a column that is not there."""
    for name in _MAPPED:
        column = config.column(name)
        if column == name or column in names:
            continue
        near = get_close_matches(str(column), names, n=1, cutoff=0.6)
        if near or name not in _IN_SOME_ROWS:
            raise FormatError(
                f"`field_{name}: {column}`: there is no such column.",
                config.path,
                f"{_did_you_mean(near)}The columns are {_quoted(names)}.",
            )


def _without_nulls(found: Format, column: str) -> Format:
    """`found`, which takes a null in `column` as if the row had no such column: a Parquet column may hold nothing."""

    def read(row: Mapping[str, Any], findings: list[Finding]) -> tuple[Sample, ...]:
        given = row if row.get(column) is not None else {name: row[name] for name in row if name != column}
        return found.read(given, findings)

    return replace(found, read=read, reason=f"{found.reason}; `{column}` is null in the first rows: as if not there")


def _of_kind(type_: str, kind: Kind, model_kind: Kind) -> None:
    if kind != model_kind:
        what = "pairs" if kind == "pair" else "labelled steps"
        raise FormatError(f"`{type_}` reads {what}.", "type", f"It needs `{_key(kind)}: true`, or choose another type.")


def _key(kind: Kind) -> str:
    """The preset's key that makes a model of a kind."""
    return "reward_model" if kind == "pair" else "process_reward_model"


def _pinned(type_: str, names: Sequence[str], rows: Rows, config: DatasetConfig, model_kind: Kind) -> Format:
    pinned = _PINNED[type_]
    _of_kind(type_, pinned.kind, model_kind)
    needed = pinned.columns
    mapped = [config.column(name) for name in needed]
    if needed == ("input", "label"):
        mapped = list(math_shepherd.field_names(config))
    missing = {field: name for field, name in zip(mapped, needed, strict=True) if field not in names}
    if missing and names:
        raise FormatError(
            f"`{type_}` reads {_quoted(missing)}, which the data do not have.",
            config.path,
            f"The columns are {_quoted(names)}. {_way_out(names, rows, config, pinned, missing)}",
        )
    return pinned.make(config, f"`type: {type_}` pins it", type_)


def _way_out(
    names: Sequence[str], rows: Rows, config: DatasetConfig, pinned: _Pinned, missing: Mapping[str, str]
) -> str:
    """What to do where a pinned type's columns are missing."""
    found, other = _found(names, rows, config, pinned.kind)
    if found is None and other is not None:
        set_it = f"set `{_key(other.kind)}: true` instead, and leave `type` out"
        return f"They are those of the other kind of model ({other.reason}): {set_it}."
    how = ""
    if pinned.columns in (_COLUMNS, _STEPS):
        how = f"Map yours ({', '.join(f'`field_{name}: …`' for name in missing.values())}). "
    return f"{how}Choose another `type`, or leave it out to have the layout detected."


def _detect_pairs(names: Sequence[str], rows: Rows, config: DatasetConfig) -> Format | None:
    for pair in pretokenised.COLUMNS:
        if all(name in names for name in pair):
            return pretokenised.token_pairs(config, f"{_quoted(pair)} hold token ids: already tokenised", pair)
    fields = preference.field_names(config)
    axolotl = columns_layout.field_names(config)
    chosen, rejected, prompt = fields["chosen"], fields["rejected"], fields["prompt"]
    if chosen not in names or rejected not in names:
        ranking = ranked.find_ranking(rows, config)
        return ranked.ranked_pairs(config, ranking) if ranking else None
    conversations = llama_factory.CONVERSATIONS
    if _holds(rows, conversations, list) and _holds(rows, chosen, Mapping) and _holds(rows, rejected, Mapping):
        reason = (
            f"`{conversations}` is a list of messages, `{chosen}` and `{rejected}` are one each: LLaMA-Factory sharegpt"
        )
        return llama_factory.sharegpt_pairs(config, reason)
    if _mostly_lists(rows, chosen, rejected):
        return _conversations(names, rows, config, chosen, prompt)
    if _holds(rows, prompt, list):
        reason = f"`{prompt}` is a list of messages: TRL conversational, explicit prompt"
        return preference.conversation_pairs(config, reason, "explicit")
    if prompt in names and not _all_null(rows, prompt):
        reason = f"`{chosen}` and `{prompt}` are text: TRL standard, explicit prompt"
        return preference.text_pairs(config, reason, explicit=True)
    instruction = llama_factory.INSTRUCTION
    if config.field_input is None and _holds(rows, instruction, str):
        also = f" with `{axolotl['input']}`" if axolotl["input"] in names else ""
        reason = f"`{instruction}`{also}, `{chosen}` and `{rejected}` are text: LLaMA-Factory alpaca"
        return llama_factory.alpaca_pairs(config, reason)
    if axolotl["input"] in names:
        reason = f"`{chosen}`, `{rejected}` and `{axolotl['input']}` are text: axolotl's columns"
        return columns_layout.chat_template_pairs(config, reason)
    reason = f"`{chosen}` is {_kind(rows, chosen)} and there is no `{prompt}`: TRL standard, implicit prompt"
    return preference.text_pairs(config, reason, explicit=False)


def _conversations(names: Sequence[str], rows: Rows, config: DatasetConfig, chosen: str, prompt: str) -> Format:
    head = f"`{chosen}` is a list of messages and"
    if prompt not in names or _all_null(rows, prompt):
        reason = f"{head} there is no `{prompt}`: TRL conversational, implicit prompt"
        return preference.conversation_pairs(config, reason, "implicit")
    if _holds(rows, prompt, list):
        reason = f"{head} so is `{prompt}`: TRL conversational, explicit prompt"
        return preference.conversation_pairs(config, reason, "explicit")
    roles = {
        message.get("role") if isinstance(message, Mapping) else None
        for row in rows
        if isinstance(side := row.get(chosen), list | tuple)
        for message in side[:1]
    }
    if roles == {"assistant"}:
        reason = f"{head} begins with the assistant, `{prompt}` is text: it becomes the user's message before it"
        return preference.conversation_pairs(config, reason, "text")
    reason = f"{head} holds the whole conversation: TRL conversational, implicit prompt; `{prompt}` (text) is not read"
    return preference.conversation_pairs(config, reason, "implicit")


def _detect_steps(names: Sequence[str], rows: Rows, config: DatasetConfig) -> Format | None:
    fields = stepwise.field_names(config)
    if fields["completions"] in names and fields["labels"] in names:
        if _holds(rows, fields["prompt"], list):
            reason = (
                f"`{fields['prompt']}` is a list of messages, `{fields['completions']}` and `{fields['labels']}` lists"
            )
            return stepwise.stepwise_chat(config, reason)
        reason = f"the columns `{fields['prompt']}`, `{fields['completions']}` and `{fields['labels']}` are there"
        return stepwise.stepwise(config, reason)
    if any(prm800k.looks_like(row) for row in rows):
        return prm800k.prm800k("`question` and `label.steps` hold rated completions: raw PRM800K")
    if any(math_shepherd.looks_like(row, config) for row in rows):
        source, label = math_shepherd.field_names(config)
        reason = f"`{source}` has {math_shepherd.MARKER!r} where `{label}` has + or -: raw Math-Shepherd"
        return math_shepherd.math_shepherd(config, reason)
    return None


def _mostly_lists(rows: Rows, *names: str) -> bool:
    kinds = [isinstance(row[name], list | tuple) for row in rows for name in names if row.get(name) is not None]
    return bool(kinds) and sum(kinds) * 2 > len(kinds)


def _holds(rows: Rows, name: str, kind: type) -> bool:
    values = [row[name] for row in rows if row.get(name) is not None]
    return bool(values) and sum(isinstance(value, kind) for value in values) * 2 > len(values)


def _all_null(rows: Rows, name: str) -> bool:
    return bool(rows) and all(row.get(name) is None for row in rows)


def _kind(rows: Rows, name: str) -> str:
    return next((kind_of(row[name]) for row in rows if row.get(name) is not None), "text")


def _did_you_mean(near: Sequence[str]) -> str:
    return f"Did you mean `{near[0]}`? " if near else ""


def _quoted(names: Iterable[str]) -> str:
    shown = [f"`{name[:60]}`" for name in names]
    return ", ".join(shown[:20]) + (f" and {len(shown) - 20} more" if len(shown) > 20 else "")
