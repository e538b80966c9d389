"""What crosses between the screen and the inspector process, one JSON object a line each way.

Requests carry the preset's text, never a handle: the process keeps what it has opened by content, and may be
restarted at any time without the screen having to tell it anything again.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Discriminator, TypeAdapter

from engine.encode.encoding import NO_TOKEN, TokenSequence
from engine.inspector.check_messages import CheckReport
from engine.inspector.row_messages import Done, Located, RowsFound, RowSummaries
from engine.progress import Progress
from engine.sample import Split


@dataclass(frozen=True, slots=True)
class PresetText:
    """A preset as it stands in the editor: its text, and the file it belongs to (paths are relative to that)."""

    text: str
    path: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Describe:
    """Open the preset's data and tokenizer, and say what they are. Answered by Description."""

    preset: PresetText
    kind: Literal["describe"] = "describe"


@dataclass(frozen=True, slots=True)
class EncodeRows:
    """Encode rows start to stop (exclusive) of a split, in source order. Answered by Rows."""

    preset: PresetText
    start: int
    stop: int
    split: Split = "train"
    kind: Literal["encode_rows"] = "encode_rows"


@dataclass(frozen=True, slots=True)
class Summarise:
    """All rows of a split from `start` on (to `stop`, exclusive; None: to the end) in short.

    Answered by RowSummaries, chunk after chunk, then Done.
    """

    preset: PresetText
    split: Split = "train"
    start: int = 0
    stop: int | None = None
    kind: Literal["summarise"] = "summarise"


@dataclass(frozen=True, slots=True)
class SearchRows:
    """Find a text in the raw rows, upper and lower case alike; or `#1234`: a token's id, where training sees it.

    Rows are searched from `start` to the end, then from the first on. Answered by RowsFound, then Done.
    """

    preset: PresetText
    text: str
    split: Split = "train"
    start: int = 0
    kind: Literal["search_rows"] = "search_rows"


@dataclass(frozen=True, slots=True)
class Locate:
    """Where in a split rows stand that are given as (data set, row). Answered by Located."""

    preset: PresetText
    places: tuple[tuple[int, int], ...]
    split: Split = "train"
    kind: Literal["locate"] = "locate"


@dataclass(frozen=True, slots=True)
class Check:
    """Check the whole data set. Answered by Progress and reports that are not complete, then the CheckReport."""

    preset: PresetText
    kind: Literal["check"] = "check"


@dataclass(frozen=True, slots=True)
class Cancel:
    """Give up the request with this number; it is answered by a Failure with `cancelled` set."""

    request: int
    kind: Literal["cancel"] = "cancel"


Request = Describe | EncodeRows | Summarise | SearchRows | Locate | Check | Cancel


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """One data set of the preset: how many rows (None: not known yet), its columns, its format and why that one.

    `fingerprint` is another one if the data may have changed.
    """

    path: str
    rows: int | None
    columns: tuple[str, ...]
    format: str
    reason: str
    split: Split = "train"
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class TokenizerDescription:
    """The tokenizer as loaded. `template` names the chat template in use and where it is from."""

    name: str
    vocabulary: int
    bos: str | None
    eos: str | None
    pad: str | None
    template: str


@dataclass(frozen=True, slots=True)
class Description:
    """What a preset opens: model kind, sources, tokenizer. `train_rows` and `eval_rows` are None where unknown."""

    model_kind: Literal["pair", "steps"]
    sources: tuple[SourceDescription, ...]
    tokenizer: TokenizerDescription
    train_rows: int | None
    eval_rows: int | None
    notices: tuple[str, ...] = ()
    kind: Literal["description"] = "description"


@dataclass(frozen=True, slots=True)
class FindingView:
    """A row's finding, for the screen."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str


@dataclass(frozen=True, slots=True)
class RowView:
    """One sample as the screen shows it.

    `sequences` holds chosen and rejected for a pair, the one sequence for steps, and nothing for a row that was
    refused before it had tokens. `shared_prefix` counts in the sequences as shown, before any cut. `raw` is the row's
    columns as JSON text, so that an odd row (huge, nested, lone surrogates) costs the wire nothing but its length.
    """

    dataset: int
    row: int
    item: int
    model_kind: Literal["pair", "steps"]
    kept: bool
    raw: str
    sequences: tuple[TokenSequence, ...] = ()
    shared_prefix: int = 0
    margin: float | None = None
    reason: str | None = None
    message: str | None = None
    findings: tuple[FindingView, ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows asked for, in source order; `total` is the number of rows in the split (None: not known yet)."""

    rows: tuple[RowView, ...]
    total: int | None
    kind: Literal["rows"] = "rows"


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that could not be answered: what went wrong, where, what to do. The traceback is in the log."""

    what: str
    where: str = ""
    advice: str = ""
    cancelled: bool = False
    kind: Literal["failure"] = "failure"


Answer = Description | Rows | Located | CheckReport | Done | Failure
"""What ends a request."""

Chunk = RowSummaries | RowsFound
"""Part of an answer; the rest is to come."""

Reply = Answer | Chunk | Progress


def is_on_the_way(reply: Reply) -> bool:
    """Whether more replies follow this one."""
    return isinstance(reply, Progress | Chunk) or (isinstance(reply, CheckReport) and not reply.complete)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request on the wire. Requests are numbered by the screen; every reply names its request."""

    request: int
    body: Annotated[Request, Discriminator("kind")]


@dataclass(frozen=True, slots=True)
class ReplyEnvelope:
    """A reply on the wire. Its kind is looked at first: to try one after the other takes ten times as long."""

    request: int
    body: Annotated[Reply, Discriminator("kind")]


REQUEST_WIRE: TypeAdapter[Envelope] = TypeAdapter(Envelope)
REPLY_WIRE: TypeAdapter[ReplyEnvelope] = TypeAdapter(ReplyEnvelope)


def preview_object(view: RowView) -> dict[str, Any]:
    """The object that `preview --json` prints for one row (the command-line contract in docs/command-line.md)."""
    head: dict[str, Any] = {"dataset": view.dataset, "row": view.row, "kind": view.model_kind, "kept": view.kept}
    if view.item:
        head["item"] = view.item
    if view.reason is not None:
        head |= {"reason": view.reason, "message": view.message}
    if view.sequences:
        kept = [(s, slice(s.kept_start, s.kept_end)) for s in view.sequences]
        if view.model_kind == "pair":
            (chosen, of_chosen), (rejected, of_rejected) = kept
            head |= {
                "chosen_ids": chosen.ids[of_chosen],
                "rejected_ids": rejected.ids[of_rejected],
                "chosen_pooled": _pooled(chosen),
                "rejected_pooled": _pooled(rejected),
                "shared_prefix": view.shared_prefix - chosen.kept_start,
                "margin": view.margin,
            }
        else:
            sequence, of_sequence = kept[0]
            head |= {"input_ids": sequence.ids[of_sequence], "labels": sequence.labels[of_sequence]}
    return head | {"findings": [finding.code for finding in view.findings]}


def _pooled(sequence: TokenSequence) -> int | None:
    """Where the reward is read among the tokens that are left; None where the model reads no single one."""
    return None if sequence.pooled == NO_TOKEN else sequence.pooled - sequence.kept_start
