"""One run as it goes: state, remarks, charts, tiles, and its log where asked for."""

from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from textual.app import ComposeResult
from textual.containers import Vertical

from engine.runs.state import Status
from workbench.gpu_use import GpuUse
from workbench.panels import panels
from workbench.run_follower import News
from workbench.run_history import RunHistory
from workbench.widgets.chart_grid import ChartGrid
from workbench.widgets.log_tail import LogTail
from workbench.widgets.metric_tiles import MetricTiles
from workbench.widgets.remarks import Remark, Remarks, remarks_of
from workbench.widgets.run_ending import RunEnding
from workbench.widgets.series import Series
from workbench.widgets.state_line import StateLine

_TROUBLED = ("failed", "crashed", "stalled", "orphaned")
REDRAW_WHILE_READING = 0.4
"""Seconds between two pictures while there is more to read at once."""


class RunView(Vertical):
    """Shows a run's history as news of it comes in."""

    DEFAULT_CSS = """
    RunView { height: 1fr; }
    RunView LogTail { display: none; }
    RunView.-log LogTail { display: block; }
    RunView.-log.-low RunEnding { display: none; }
    RunView.-log.-low MetricTiles, RunView.-troubled.-low MetricTiles, RunView.-short MetricTiles { display: none; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.folder: Path | None = None
        self.history = RunHistory()
        self.status: Status | None = None
        self.paused = False
        self._gpus: dict[int, Series] = {}
        self._reading = False
        self._share: float | None = None
        self._log: list[str] = []
        self._drawn_records = -1
        self._records = 0
        self._remarks: list[Remark] = []
        self._behind = False
        self._drawn = 0.0

    def compose(self) -> ComposeResult:
        """State, remarks, how it ended, charts, tiles, log."""
        yield StateLine()
        yield Remarks()
        yield RunEnding()
        yield ChartGrid()
        yield MetricTiles()
        yield LogTail()

    @property
    def name_of_run(self) -> str:
        """The run's name; empty where there is none."""
        return self.folder.name if self.folder else ""

    @property
    def state(self) -> str:
        """The run's state in one word."""
        return self.status.state.value if self.status else "reading"

    @property
    def live(self) -> bool:
        """Whether some process of the run is alive."""
        return self.status is not None and self.status.state.live

    @property
    def log_shown(self) -> bool:
        """Whether the log is open."""
        return self.has_class("-log")

    def begin(self, folder: Path) -> None:
        """Show another run, from its first event."""
        self.folder = folder
        self.history, self.status, self.paused = RunHistory(), None, False
        self._log, self._records, self._gpus = [], 0, {}
        self.query_one(RunEnding).hide()
        self._show()

    def take(self, news: News) -> None:
        """Fold in what is new, and show it."""
        if news.history is not None:
            self.history = news.history
        self.history.add(news.records)
        self._records += len(news.records) + (news.history is not None)
        self._reading = news.more
        self._share = news.share
        if news.status is not None:
            self.status = news.status
        if news.log is not None:
            self._log = news.log
        told = bool(news.records or news.history or news.status or news.share) or news.log is not None or self._behind
        # While a long history is being read, drawing each part of it would cost more than reading.
        self._behind = news.more and monotonic() - self._drawn < REDRAW_WHILE_READING
        if told and not self.paused and not self._behind:
            self._drawn = monotonic()
            self._show()

    def take_gpus(self, gpus: Sequence[GpuUse]) -> None:
        """Show how busy the GPUs are."""
        for gpu in gpus:
            self._gpus.setdefault(gpu.index, Series(("time",))).append(monotonic(), gpu.percent)
        self.query_one(MetricTiles).show(self.history, self._gpus)

    @property
    def on_gpu(self) -> bool:
        """Whether the run trains on a GPU of NVIDIA's."""
        return self.history.start is not None and self.history.start.device.startswith("cuda")

    def toggle_pause(self) -> None:
        """Hold the picture still, or go on; the run is not held."""
        self.paused = not self.paused
        self._show()

    def toggle_log(self) -> None:
        """Show the end of the log, or hide it."""
        self.toggle_class("-log")
        self.query_one(LogTail).show(self._log)

    def toggle_remarks(self) -> None:
        """Show all remarks with their advice, or the gravest only."""
        remarks = self.query_one(Remarks)
        remarks.opened = not remarks.opened

    @property
    def failure(self) -> str:
        """How the run failed, as text to copy; empty where it has not."""
        return self.query_one(RunEnding).text

    @property
    def has_remarks(self) -> bool:
        """Whether there is anything to remark."""
        return bool(self._remarks)

    @property
    def offers(self) -> tuple[str, bool, bool]:
        """What decides which keys make sense."""
        return self.state, self.has_remarks, self.remark_with_rows is not None

    @property
    def remark_with_rows(self) -> Remark | None:
        """The gravest remark that names rows of the training data, or the steps of some; None where no remark does."""
        return next((remark for remark in self._remarks if remark.rows or remark.rows_of), None)

    def on_resize(self) -> None:
        """The state line's bar and the tiles depend on the size."""
        self.set_class(self.size.height < 16, "-short")
        self.set_class(self.size.height < 30, "-low")
        self.call_after_refresh(self._show_state)

    def _show(self) -> None:
        self._show_state()
        self._remarks = remarks_of(self.history)
        self.query_one(Remarks).show(self._remarks)
        if self._drawn_records != self._records:
            self._drawn_records = self._records
            self.query_one(ChartGrid).show(panels(self.history))
            self.query_one(MetricTiles).show(self.history, self._gpus)
        if self.log_shown:
            self.query_one(LogTail).show(self._log)
        ending = self.query_one(RunEnding)
        self.set_class(self.state in _TROUBLED, "-troubled")
        if self.status is not None and self.state in _TROUBLED:
            ending.show(self.state, self.status.message, self.status.advice, self._log)
        else:
            ending.hide()

    def _show_state(self) -> None:
        said = self.status.message if self.status is not None and self.state == "queued" else ""
        share = f" {self._share:.0%}" if self._share else ""
        note = "paused: space goes on" if self.paused else f"reading…{share}" if self._reading else ""
        self.query_one(StateLine).show(self.name_of_run, self.state, self.history, note, said)
