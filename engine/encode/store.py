"""Encoded sets kept on disk between runs, mapped into memory when they are needed again.

A set is one file: a line that says what it is, a line of JSON (`_Header`), and the columns of the kept rows one after
the other. It is written beside its place and renamed into it, so that it is whole or not there, however many processes
write the same one. A file that is damaged, or another's, counts as none and is written anew.
"""

import os
import re
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from engine.encode.encoder import Encoder
from engine.encode.kept import COLUMNS, Column, EncodedSet, KeptRows
from engine.finding import Ledger
from engine.identity import cache_folder, programs, tokenizer_content
from engine.source.row import fingerprint_of

LIMIT = 8 << 30
"""Bytes of all kept sets together; beyond them, those that were used longest ago are removed."""

_MAGIC = b"rm-workbench encoded set, 1\n"
_LONGEST_HEADER = 1 << 20
_ALIGNED = 64

_ASKED_FOR = re.compile(r"strftime_now\s+is\s+(?:not\s+)?defined")
_CALL = re.compile(r"strftime_now\s*\(\s*(?:'([^']*)'|\"([^\"]*)\")\s*\)")
_OF_A_DAY = re.compile(r"(?:%[-dbBYymaAj%]|[^%])*")


@dataclass(frozen=True, slots=True)
class _Stored:
    """One column: how many bytes it has, and their CRC-32."""

    size: int
    crc: int


@dataclass(frozen=True, slots=True)
class _Header:
    key: str
    rows: int
    kept: int
    dropped: dict[str, int]
    findings: dict[str, int]
    digest: str
    columns: dict[str, _Stored]


_HEADER: TypeAdapter[_Header] = TypeAdapter(_Header)


def folder() -> Path:
    """Where encoded sets are kept."""
    return cache_folder("encoded")


def encoder_key(encoder: Encoder, fingerprint: str, settings: str) -> str | None:
    """All that decides on the encodings of one data set's rows, as a digest; None where that cannot be told.

    `fingerprint` is the source's, `settings` the data set's in the preset, as JSON. An encoder's facts are the preset's
    keys, but only those that matter: another learning rate leaves a set as it is.
    """
    content = tokenizer_content(encoder.tokenizer)
    templates = [encoder.template, encoder.setup.template_for_tools]
    days = [_day_of(template.source) for template in templates if template]
    if content is None or None in days:
        return None
    setup, format_ = encoder.setup, encoder.format
    return fingerprint_of(
        [content, programs(), fingerprint, settings],
        [template and template.source for template in templates],
        days,
        [format_.name, format_.reason, format_.kind, list(format_.reads)],
        [encoder.limits.sequence_len, encoder.limits.strategy],
        [encoder.steps.separator, encoder.steps.max_completion_length, encoder.steps.last_only],
        [setup.system, list(setup.suffix), sorted(setup.dividing), setup.bos, setup.eos, setup.pad, setup.pooling],
        {name: str(value) for name, value in setup.variables.items()},
    )


def recall(key: str) -> EncodedSet | None:
    """The set kept under `key`, mapped into memory; None if there is none, or none that is whole."""
    place = folder() / key
    try:
        with place.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                return None
            header = _HEADER.validate_json(file.readline(_LONGEST_HEADER))
            start = _aligned(file.tell())
        if header.key != key or list(header.columns) != list(COLUMNS):
            return None
        columns = dict(_mapped(place, start, header))
        rows = KeptRows(columns)
        if len(rows) != header.kept:
            return None
        os.utime(place)
    except (OSError, ValueError, ValidationError):
        return None
    ledger = Ledger(header.rows, header.kept, header.dropped)
    return EncodedSet(rows, ledger, header.digest, Counter(header.findings))


def remember(key: str, encoded: EncodedSet) -> None:
    """Keep a set under `key`, and forget the oldest beyond `LIMIT`. A cache that cannot be written is none."""
    columns = encoded.rows.columns()
    if sum(column.nbytes for column in columns.values()) > LIMIT:
        return
    stored = {name: _Stored(column.nbytes, zlib.crc32(_bytes(column).data)) for name, column in columns.items()}
    ledger = encoded.ledger
    header = _Header(
        key, ledger.rows, ledger.kept, dict(ledger.dropped), dict(encoded.findings), encoded.digest, stored
    )
    place = folder()
    part = None
    try:
        place.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=place, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC + _HEADER.dump_json(header) + b"\n")
            for column in columns.values():
                file.write(b"\0" * (_aligned(file.tell()) - file.tell()))
                file.write(_bytes(column).data)
        Path(part).replace(place / key)
        _forget(place, keep=key)
    except OSError:
        if part:
            Path(part).unlink(missing_ok=True)


def _mapped(place: Path, start: int, header: _Header) -> Iterator[tuple[str, Column]]:
    """The columns of a file. Raises ValueError where they are not what the header says."""
    whole = np.memmap(place, dtype=np.uint8, mode="r")
    for name, stored in header.columns.items():
        start = _aligned(start)
        column = whole[start : start + stored.size]
        if len(column) != stored.size or zlib.crc32(_bytes(column).data) != stored.crc:
            raise ValueError(f"{place}: {name} is damaged")
        yield name, column.view(COLUMNS[name])
        start += stored.size
    if start != len(whole):
        raise ValueError(f"{place} goes on beyond its columns")


def _forget(place: Path, keep: str) -> None:
    """Remove the sets that were used longest ago, beyond the limit, and what a process that died left behind."""
    files = [(file.stat(), file) for file in place.iterdir() if file.name != keep]
    newest_first = sorted(files, key=lambda entry: entry[0].st_mtime, reverse=True)
    total = (place / keep).stat().st_size
    newest = newest_first[0][0].st_mtime if newest_first else 0.0
    for status, file in newest_first:
        total += status.st_size
        abandoned = file.suffix == ".part" and status.st_mtime < newest - 3600
        if total > LIMIT or abandoned:
            file.unlink(missing_ok=True)


def _day_of(template: str) -> str | None:
    """Today, for a template that writes the date; "" for one that does not; None where it may write the time."""
    calls = _ASKED_FOR.sub("", template)
    forms = [single or double for single, double in _CALL.findall(calls)]
    if "strftime_now" in _CALL.sub("", calls) or not all(_OF_A_DAY.fullmatch(form) for form in forms):
        return None
    return date.today().isoformat() if forms else ""


def _aligned(place: int) -> int:
    return -(-place // _ALIGNED) * _ALIGNED


def _bytes(column: Column) -> npt.NDArray[np.uint8]:
    return column.view(np.uint8)
