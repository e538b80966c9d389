"""How a trainer process begins: it hears, beats and holds its locks before it imports what takes seconds."""

import faulthandler
import logging
from pathlib import Path

from engine.error import EngineError
from engine.importing import importing
from engine.runs.lock import hold_lock
from engine.runs.rank import is_first_process, process_count
from engine.runs.turns import hold_devices
from engine.trainer.pulse import beat_from_now
from engine.trainer.request import StopRequest

LOG = logging.getLogger(__name__)


def begin(run_dir: Path) -> int:
    """Train the run in `run_dir`: 0 when it finished or was stopped, 1 when it failed."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    faulthandler.enable()
    run_dir = run_dir.resolve()
    try:
        hold_lock(run_dir)
    except EngineError as error:
        # Another trainer writes this run's events: the log is all that is left to say it in.
        LOG.error("%s", error)
        return 1
    hold_devices()
    requested = StopRequest(run_dir)
    requested.listen()
    if is_first_process():
        beat_from_now(run_dir)
    if process_count() == 1:
        # Several wait for each other: none may leave alone.
        requested.meet_at_once()
    with importing():
        from engine.trainer.process import main

    return main(run_dir, requested)
