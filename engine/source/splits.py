"""Splits: which one a preset means, and slices like `train[:10%]` of it."""

import re
from collections.abc import Callable, Mapping

from engine.source.combine import Sliced, concatenated
from engine.source.row import Source, SourceError
from engine.words import counted

_PART = re.compile(r"(?P<name>[^\[\]]+?)(?:\[(?P<start>-?\d+%?)?:(?P<stop>-?\d+%?)?\])?")


def choose_split(splits: Mapping[str, Callable[[], Source]], wanted: str | None, default: str, where: str) -> Source:
    """The rows of split `wanted`, which may be a slice (`train[:100]`, `train[10%:20%]`) or a sum of such (`a+b`).

    With None it is `default`, else `train`, else the only one. SourceError, with the splits there are, if that leaves
    none.
    """
    if wanted is None:
        wanted = next((name for name in (default, "train") if name in splits), None)
        if wanted is None and len(splits) == 1:
            wanted = next(iter(splits))
        if wanted is None:
            raise SourceError(f"the data set has no split {default!r}", where, _there_are(splits))
    return concatenated([_part(splits, part.strip(), where) for part in wanted.split("+")])


def _part(splits: Mapping[str, Callable[[], Source]], part: str, where: str) -> Source:
    match = _PART.fullmatch(part)
    if match is None:
        advice = "A split is a name, or a part of it like train[:100] or train[10%:20%]."
        raise SourceError(f"not a split: {part!r}", where, advice)
    name = match["name"]
    if name not in splits:
        raise SourceError(f"the data set has no split {name!r}", where, _there_are(splits))
    source = splits[name]()
    if match["start"] is None and match["stop"] is None:
        return source
    rows = len(source)
    start, stop = _bound(match["start"], rows, 0), _bound(match["stop"], rows, rows)
    if stop <= start:
        raise SourceError(f"the split {part!r} holds no rows", where, f"{name} has {counted(rows, 'row')}.")
    return Sliced(source, start, stop)


def _bound(text: str | None, rows: int, default: int) -> int:
    if text is None:
        return default
    at = round(int(text[:-1]) * rows / 100) if text.endswith("%") else int(text)
    return min(max(at + rows if at < 0 else at, 0), rows)


def _there_are(splits: Mapping[str, Callable[[], Source]]) -> str:
    names = ", ".join(splits)
    return f"It has only {names}: take `split` out." if len(splits) == 1 else f"Set `split` to one of: {names}."
