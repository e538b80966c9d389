"""What a preset opened and what its rows became, as the screen and `preview` show it."""

import json

from engine.check.row import row_findings
from engine.encode.encoding import EncodedRow
from engine.encode.pooling import IN_WORDS
from engine.encode.view import token_sequences
from engine.inspector.messages import (
    Description,
    FindingView,
    RowView,
    SourceDescription,
    TokenizerDescription,
)
from engine.prepare.opened import Opened, OpenedSource
from engine.prepare.rows import encode_rows
from engine.sample import Split
from engine.source.row import Row


def describe(opened: Opened) -> Description:
    """What the preset opened, in words."""
    tokenizer = opened.tokenizer
    train, held_out = opened.train, opened.eval
    return Description(
        model_kind=opened.loaded.preset.model_kind,
        sources=tuple(
            SourceDescription(
                path=source.config.path,
                rows=len(source.source),
                columns=source.source.columns,
                format=source.format.name,
                reason=source.format.reason,
                split="train" if source.dataset < len(opened.loaded.preset.datasets) else "eval",
                fingerprint=source.source.fingerprint,
            )
            for source in opened.sources
        ),
        tokenizer=TokenizerDescription(
            name=str(opened.loaded.preset.base_model),
            vocabulary=len(tokenizer),
            bos=tokenizer.bos_token,
            eos=tokenizer.eos_token,
            pad=tokenizer.pad_token,
            template=opened.sources[0].encoder.template_name if opened.sources else "",
        ),
        train_rows=len(train),
        eval_rows=len(held_out),
        notices=(*(str(notice) for notice in opened.loaded.notices), *_unusual_pooling(opened)),
    )


def _unusual_pooling(opened: Opened) -> list[str]:
    """Where the reward is read, if that is not the last token."""
    read = {source.encoder.setup.pooling for source in opened.sources} - {"last"}
    if opened.loaded.preset.model_kind == "steps":
        return []
    return [f"{opened.loaded.preset.base_model} reads the reward {IN_WORDS[pooling]}." for pooling in sorted(read)]


def view_rows(opened: Opened, split: Split, start: int, stop: int) -> tuple[RowView, ...]:
    """Encode positions start to stop (exclusive) of a split for a person to look at, findings included."""
    return tuple(view_row(opened, *encoded) for encoded in encode_rows(opened, split, start, stop))


def view_row(opened: Opened, source: OpenedSource, row: Row, encoded: EncodedRow) -> RowView:
    """One sample as the screen shows it; its ids are those that `encode_batch` gave."""
    findings = encoded.findings + row_findings(source.encoder, row, encoded)
    sequences = token_sequences(source.encoder, row, encoded)
    shared = getattr(encoded.encoding, "shared_prefix", 0)
    # The encoding counts after the cut, the view before it: a cut prompt was shared too.
    shared += min((sequence.kept_start for sequence in sequences), default=0)
    return RowView(
        dataset=encoded.id.dataset,
        row=encoded.id.row,
        item=encoded.id.item,
        model_kind=opened.loaded.preset.model_kind,
        kept=encoded.kept,
        raw=_as_json(row),
        sequences=sequences,
        shared_prefix=shared,
        margin=getattr(encoded.encoding, "margin", None),
        reason=encoded.refusal.reason if encoded.refusal else None,
        message=encoded.refusal.message if encoded.refusal else None,
        findings=tuple(FindingView(f.code, f.severity.value, f.message) for f in findings),
    )


def _as_json(row: Row) -> str:
    # An unreadable line is no row: all that is known of it is the reason, which the refusal gives.
    return json.dumps(row, ensure_ascii=True, indent=2, default=str) if isinstance(row, dict) else ""
