"""The trainer process: how it ends, whatever happens in it."""

import logging
import math
import shutil
import traceback
from pathlib import Path

import torch

from engine.error import EngineError
from engine.events.schema import End, Event, FindingEvent
from engine.events.writer import EventWriter
from engine.prepare.error import Cancelled
from engine.runs.checkpoint import discard_broken, whole_checkpoints
from engine.runs.rank import is_first_process
from engine.trainer.error import NotFiniteError, StopRequestedError, first_line, is_cut_off
from engine.trainer.pulse import moved
from engine.trainer.request import LOST, StopRequest, has_lost_another
from engine.trainer.run import train_run

ROOM = 16 << 20
"""Free bytes below which whatever failed is put down to the disk: libraries say it in a dozen ways."""

LOG = logging.getLogger(__name__)


def main(run_dir: Path, requested: StopRequest) -> int:
    """Train the run in `run_dir`: 0 when it finished or was stopped, 1 when it failed.

    What happens is told in `events.jsonl` by the first process of the run; the log has the rest, tracebacks included.
    """
    run_dir = run_dir.resolve()
    writer = EventWriter(run_dir / "events.jsonl") if is_first_process() else None

    def tell(event: Event) -> None:
        moved()
        if writer is not None:
            writer.write(event)

    try:
        end = train_run(run_dir, tell, requested)
    except (StopRequestedError, Cancelled):
        end = End("stopped", "Stopped before the first step.")
    except Exception as error:
        LOG.error("%s", traceback.format_exc())
        if isinstance(error, NotFiniteError):
            tell(FindingEvent("not-finite", "error", error.what, tuple((row.dataset, row.row) for row in error.rows)))
        # Told before room is made: what is removed here may be all that filled the disk.
        end = LOST if is_cut_off(error) and has_lost_another() else failure(error, run_dir)
        if writer is not None:
            for broken in discard_broken(run_dir):
                LOG.info("removed %s, which was not written to its end", broken.name)
    requested.meet_in_time()
    if end.status == "stopped" and requested.not_asked():
        end = LOST
    if end.status == "stopped":
        requested.clear()
    tell(end)
    if writer is not None:
        writer.close()
    if torch.distributed.is_initialized() and end.status != "failed":
        # Left to the interpreter's end, the group's threads may still run then, and abort the process.
        torch.distributed.destroy_process_group()
    return 1 if end.status == "failed" else 0


def failure(error: Exception, run_dir: Path) -> End:
    """How an error is told to a person: what, where, and what to do. The traceback is the log's."""
    match error:
        case EngineError():
            located = f"{error.where}: {error.what}" if error.where else error.what
            return End("failed", located, error.advice)
        case torch.OutOfMemoryError():
            return End(
                "failed",
                f"Out of GPU memory: {first_line(error)}",
                "Lower micro_batch_size (raise gradient_accumulation_steps for the same batch) or sequence_len,"
                " or set gradient_checkpointing: true.",
            )
        case _ if (free := _free(run_dir)) < ROOM:
            return End(
                "failed",
                f"The disk is full: {free / 2**20:.1f} MiB are left in {run_dir}.",
                f"Free some space; {_afterwards(run_dir)}",
            )
        case OSError():
            return End(
                "failed",
                f"A file or the disk refused: {first_line(error)}",
                f"Mend the file; {_afterwards(run_dir)}",
            )
    return End(
        "failed", f"{type(error).__name__}: {first_line(error)}", f"The traceback is in {run_dir / 'train.log'}."
    )


def _afterwards(run_dir: Path) -> str:
    checkpoints = whole_checkpoints(run_dir)
    if not checkpoints:
        return "then train again: there is no whole checkpoint yet."
    return f"resumed, the run goes on from {checkpoints[-1].name}, its last whole checkpoint."


def _free(folder: Path) -> float:
    """Free bytes where a folder is; infinite where that cannot be told."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return math.inf
