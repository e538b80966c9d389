"""Check: every row accounted for, and what is wrong with the data set."""

from contextlib import aclosing
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import ContentSwitcher, OptionList, ProgressBar, Static

from engine.check.found import LOCATED_ROWS
from engine.error import EngineError
from engine.inspector.check_messages import CheckReport, FindingSummary
from engine.inspector.messages import Failure, PresetText, Rows, RowView
from engine.inspector.row_messages import Located
from engine.preset.edit import with_number
from engine.progress import Progress
from engine.sample import Split
from engine.words import counted
from workbench.screen_text import visible
from workbench.screens.base import WorkbenchScreen
from workbench.session import RowSet, Session
from workbench.widgets.facts import Facts
from workbench.widgets.finding_rows import row_lines
from workbench.widgets.findings import FindingList, Findings
from workbench.widgets.ledger_view import LedgerView
from workbench.widgets.length_histogram import LengthHistogram
from workbench.widgets.notice import Notice
from workbench.widgets.verdict import Verdict


class CheckScreen(WorkbenchScreen):
    """Runs the check when it is first looked at, and again when the preset has changed."""

    MODE = "check"
    AUTO_FOCUS = ""
    CSS = """
    CheckScreen {
        #running { height: 1; display: none; padding: 0 1; background: $panel; }
        #running.-on { display: block; }
        #phase { width: auto; padding-right: 2; }
        #running ProgressBar { width: 1fr; }
        #running Bar { width: 1fr; }
        ContentSwitcher, #report { height: 1fr; }
        #scroll { height: 1fr; scrollbar-size-vertical: 1; }
        #upper, #lower { layout: vertical; height: auto; }
        LedgerView { max-height: 5; }
        #lengths { height: 5; layout: vertical; }
        #lengths > .-further { display: none; }
        Facts { height: auto; margin-top: 1; }
        Verdict { max-height: 3; }
        #advice { height: auto; max-height: 4; padding: 0 1; background: $panel; }
        &.-wide #scroll { overflow-y: hidden; }
        &.-wide #upper { layout: horizontal; height: 45%; }
        &.-wide #lower { layout: horizontal; height: 1fr; }
        &.-wide LedgerView { width: 52; height: 1fr; max-height: 100%; }
        &.-wide #lengths { width: 1fr; height: 1fr; }
        &.-wide #lengths > LengthHistogram { height: 3fr; }
        &.-wide #lengths > .-further { display: block; height: 2fr; }
        &.-wide Findings { width: 1fr; height: 1fr; }
        &.-wide FindingList { height: 1fr; max-height: 100%; }
        &.-wide.-tall Findings.-any FindingList { height: auto; min-height: 1; max-height: 50%; }
        &.-wide.-tall Findings.-any #rows-title, &.-wide.-tall Findings.-any FindingRows { display: block; }
        &.-tiny #advice { display: none; }
        &.-wide.-clean #upper { height: 1fr; }
        &.-wide.-clean #lower { height: 12; }
        &.-wide Facts { width: 40; height: 1fr; margin-top: 0; background: $panel 50%; }
        &.-wide Facts.-steps { width: 53; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "run", "Check again", tooltip="Read and check every row again", id="check.run"),
        Binding("c", "cut_line", "Cut line", tooltip="See what another sequence_len would keep, and write it",
                id="check.cut"),
        Binding("escape", "cancel", "Stop", tooltip="Stop checking; what was found so far stays", show=False,
                id="check.cancel"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._checked: PresetText | None = None
        self._reported: str | None = None
        self._report: CheckReport | None = None

    def compose_body(self) -> ComposeResult:
        """Progress; what it comes to; ledger and lengths; findings, what to do, and what was measured."""
        with Horizontal(id="running"):
            yield Static(id="phase")
            yield ProgressBar(show_eta=True)
        with ContentSwitcher(initial="notice"):
            yield Notice(id="notice")
            with Vertical(id="report"):
                with VerticalScroll(id="scroll", can_focus=False):
                    yield Verdict()
                    with Vertical(id="upper"):
                        yield LedgerView(id="ledger")
                        yield Vertical(id="lengths")
                    with Vertical(id="lower"):
                        yield Findings()
                        yield Facts()
                yield Static(id="advice")

    def on_mount(self) -> None:
        """Follow the preset."""
        self.watch(self.app, "session", self._on_session)

    def on_screen_resume(self) -> None:
        """Check what has not been checked yet."""
        self._on_session(self.workbench.session)

    def _on_session(self, session: Session) -> None:
        if not self.is_current:
            return
        preset = session.preset_text
        if preset is None:
            self._checked = None
            what = "No preset is open." if session.path is None else "The preset has errors."
            self._say(what, "", "Press 1 and choose one." if session.path is None else "Press 2 to mend it.")
        elif preset != self._checked:
            self.action_run()

    # -- running

    def action_run(self) -> None:
        """Check the preset's data, in the background."""
        preset = self.workbench.session.preset_text
        if preset is not None:
            self._checked = preset
            self.run_worker(self._run(preset), group="check", exclusive=True, exit_on_error=False)

    def action_cancel(self) -> None:
        """Stop the check that runs; what was shown before stays."""
        if any(worker.is_running and worker.group == "check" for worker in self.workers if worker.node is self):
            self.workers.cancel_group(self, "check")
            self.query_one("#running").remove_class("-on")
            if self.query_one(ContentSwitcher).current == "notice":
                self._say("The check was stopped.", "", "Press r to check again.")
            self.notify("The check was stopped.", markup=False)

    async def _run(self, preset: PresetText) -> None:
        running = self.query_one("#running")
        running.add_class("-on")
        self._progress(Progress("opening the data", 0, None))
        if self._reported != preset.path:  # a report of another preset must not pass for this one's
            self._say("Checking every row …", "", "You can go elsewhere meanwhile; esc stops it.")
        try:
            async with aclosing(self.workbench.inspector.check(preset)) as replies:  # type: ignore[type-var]
                async for reply in replies:
                    if isinstance(reply, Progress):
                        self._progress(reply)
                    elif isinstance(reply, CheckReport):
                        await self.show_report(reply)
                        self._reported = preset.path
                    else:
                        self._fail(reply)
        finally:
            running.remove_class("-on")

    def _progress(self, progress: Progress) -> None:
        of = f" of {progress.total:,}" if progress.total else ""
        self.query_one("#phase", Static).update(Content(f"{progress.phase}: {progress.done:,}{of} rows   esc stops"))
        self.query_one(ProgressBar).update(total=progress.total, progress=progress.done)

    def _fail(self, failure: Failure) -> None:
        if not failure.cancelled:
            self._say(failure.what, failure.where, f"{failure.advice}\nr tries again.".strip(), wrong=True)

    def _say(self, what: str, where: str, advice: str, *, wrong: bool = False) -> None:
        self.query_one(Notice).say(what, where, advice, wrong=wrong)
        self.query_one(ContentSwitcher).current = "notice"

    # -- the report

    async def show_report(self, report: CheckReport) -> None:
        """Show a check's report, complete or so far."""
        self._report = report
        self.query_one(Verdict).show(report)
        self.query_one(LedgerView).show(report)
        self.query_one(Facts).show(report)
        await self._show_lengths(report)
        self.query_one(Findings).show(report)
        self.query_one("#advice").display = bool(report.findings)
        self.set_class(not report.findings, "-clean")
        self.query_one(ContentSwitcher).current = "report"
        if report.findings and self.focused is None:
            self.query_one(FindingList).focus()

    async def _show_lengths(self, report: CheckReport) -> None:
        """The lengths that `sequence_len` decides by, with the cut where it stood; the others where there is room."""
        pane = self.query_one("#lengths")
        cut = next((old.cut for old in self.query(LengthHistogram) if old.can_focus), 0)
        main = next((name for name in ("longer", "sequence") if name in report.lengths), None)
        had_focus = isinstance(self.focused, LengthHistogram)
        shown = []
        for name, lengths in report.lengths.items():
            budget = report.budget if name == main else None
            shown.append(LengthHistogram(name, lengths, budget, report.in_samples("train").samples))
            shown[-1].set_class(name != main, "-further")
        if report.budget and cut in {at.sequence_len for at in report.budget.at}:
            for histogram in shown:
                histogram.cut = cut if histogram.lengths.limit else 0
        async with self.batch():
            await pane.remove_children()
            await pane.mount(*shown)
        if had_focus and shown:
            shown[0].focus()

    @on(Findings.Chosen)
    def _advise(self) -> None:
        """Say what to do about the finding under the cursor, and show its first rows."""
        if (finding := self.query_one(Findings).finding) is not None:
            lines = [Content(visible(finding.message)), Content.assemble(("→ ", "$primary"), visible(finding.advice))]
            self.query_one("#advice", Static).update(Content("\n").join(lines))
            self._fetch_rows(finding)

    @work(group="rows", exclusive=True, exit_on_error=False)
    async def _fetch_rows(self, finding: FindingSummary) -> None:
        findings, preset = self.query_one(Findings), self._checked
        split: Split = "train" if finding.rows else "eval"
        places = (finding.rows or finding.eval_rows)[: findings.room]
        about = (preset, finding.code, places)
        if preset is None or not findings.begin_rows(finding, about):
            return
        rows: list[tuple[int, RowView]] = []
        located = await self.workbench.inspector.locate(preset, split, places) if places else None
        for position in located.positions if isinstance(located, Located) else ():
            if position is not None:
                reply = await self.workbench.inspector.rows(preset, split, position, position + 1)
                rows += [(position, reply.rows[0])] if isinstance(reply, Rows) and reply.rows else []
        findings.show_rows([line for at, row in rows for line in row_lines(finding.code, split, at, row)], about)

    @on(OptionList.OptionSelected, "#findings")
    async def _inspect_finding(self) -> None:
        """Inspect the finding's rows."""
        finding = self.query_one(Findings).finding
        if finding is None:
            return
        if finding.rows or finding.eval_rows:
            split: Split = "train" if finding.rows else "eval"
            await self._inspect(finding.code, finding.rows or finding.eval_rows, split)
            if finding.rows and finding.eval_rows:
                self.notify(f"{counted(len(finding.eval_rows), 'more row')} of eval: e goes there.", markup=False)
        else:
            self.notify("This finding is about the data set as a whole, not about single rows.", markup=False)

    @on(OptionList.OptionSelected, "#ledger")
    async def _inspect_dropped(self, event: OptionList.OptionSelected) -> None:
        """Inspect the rows that were dropped for a reason."""
        fate = self.query_one(LedgerView).fate
        if self._report is not None and fate is not None:
            rows = self._report.dropped_rows[fate.split][fate.reason]
            await self._inspect(f"dropped: {fate.reason}", rows, fate.split)

    async def _inspect(self, why: str, rows: tuple[tuple[int, int], ...], split: Split) -> None:
        if len(rows) >= LOCATED_ROWS:
            why += f" (the first {LOCATED_ROWS:,})"
        if self._report is not None and not self._report.complete:
            why += " (so far)"
        await self.workbench.show_rows(RowSet(rows, why, split))

    # -- the cut line

    def action_cut_line(self) -> None:
        """Go to the histogram whose cut can be moved."""
        for histogram in self.query(LengthHistogram):
            if histogram.can_focus:
                histogram.focus()

    def on_length_histogram_moved(self, event: LengthHistogram.Moved) -> None:
        """All sides are cut at the same length."""
        for histogram in self.query(LengthHistogram):
            if histogram.lengths.limit:
                histogram.cut = event.cut

    def on_length_histogram_taken(self, event: LengthHistogram.Taken) -> None:
        """Write the cut into the preset's text, as an edit that the Preset screen can undo."""
        session = self.workbench.session
        if not session.valid:
            self.notify("The preset has errors: press 2 to mend it first.", severity="warning", markup=False)
            return
        try:
            text = with_number(session.text, "sequence_len", event.cut)
        except EngineError as error:
            self.workbench.report_exception(error)
            return
        if text == session.text:
            self.notify(f"The preset says so already: sequence_len: {event.cut}.", markup=False)
            return
        self.workbench.edit(text)
        self.notify(
            f"sequence_len: {event.cut} is in the preset, unsaved: 2 goes there, ctrl+z undoes it, ctrl+s saves.",
            markup=False,
        )
