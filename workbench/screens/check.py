"""Check: every row accounted for, and what is wrong with the data set."""

from contextlib import aclosing
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import ContentSwitcher, OptionList, ProgressBar, Static
from textual.widgets.option_list import Option

from engine.inspector.check_messages import CheckReport, FindingSummary
from engine.inspector.messages import Failure, PresetText
from engine.progress import Progress
from workbench.screen_text import visible
from workbench.screens.base import WorkbenchScreen
from workbench.session import RowSet, Session
from workbench.widgets.ledger_view import LedgerView
from workbench.widgets.length_histogram import LengthHistogram
from workbench.widgets.notice import Notice
from workbench.widgets.row_header import SEVERITY_MARK, SEVERITY_STYLE


class FindingList(OptionList):
    """The findings, gravest first."""

    BINDING_GROUP_TITLE = "Findings"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Show rows", tooltip="Inspect the rows that have this finding", id="check.rows"),
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
    ]


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
        #report { layout: vertical; height: 1fr; }
        #upper { layout: vertical; height: auto; }
        #ledger-pane { height: auto; max-height: 6; scrollbar-size-vertical: 1; }
        #lengths { height: 7; layout: horizontal; }
        .rule { height: 1; color: $quiet; padding: 0 1; background: $panel; text-style: bold; }
        FindingList {
            height: 1fr; min-height: 3; border: none; padding: 0; background: transparent; scrollbar-size-vertical: 1;
            text-wrap: nowrap; text-overflow: ellipsis;
            &:focus { border: none; background-tint: transparent; }
            & > .option-list--option-highlighted { background: $surface-lighten-1; }
            &:focus > .option-list--option-highlighted {
                background: $primary 25%; color: $foreground; text-style: none;
            }
        }
        #advice { height: auto; max-height: 5; padding: 0 1; background: $panel; }
        &.-wide #upper { layout: horizontal; height: 50%; }
        &.-wide #ledger-pane { width: 56; height: 1fr; max-height: 100%; }
        &.-wide #lengths { width: 1fr; height: 1fr; layout: vertical; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "run", "Check again", tooltip="Read and check every row again", id="check.run"),
        Binding("escape", "cancel", "Stop", tooltip="Stop checking", show=False, id="check.cancel"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._checked: PresetText | None = None
        self._reported: str | None = None
        self._findings: tuple[FindingSummary, ...] = ()

    def compose_body(self) -> ComposeResult:
        """Progress; ledger and lengths; findings; advice."""
        with Horizontal(id="running"):
            yield Static(id="phase")
            yield ProgressBar(show_eta=True)
        with ContentSwitcher(initial="notice"):
            yield Notice(id="notice")
            with Vertical(id="report"):
                with Vertical(id="upper"):
                    with VerticalScroll(id="ledger-pane"):
                        yield LedgerView()
                    yield Vertical(id="lengths")
                yield Static("Findings", classes="rule", id="findings-title")
                yield FindingList(id="findings")
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
        """Show a finished check."""
        self._findings = report.findings
        self.query_one(LedgerView).show(report)
        lengths = self.query_one("#lengths")
        await lengths.remove_children()
        await lengths.mount(
            *[LengthHistogram(name, one) for name, one in report.lengths.items() if sum(one.counts)][:3]
        )
        findings = self.query_one(FindingList)
        findings.clear_options()
        findings.add_options([Option(_finding_line(finding)) for finding in report.findings])
        count = len(report.findings)
        title = f"{count} kind{'' if count == 1 else 's'} of findings" if count else "No findings: every check passed."
        self.query_one("#findings-title", Static).update(Content(title))
        self.query_one(ContentSwitcher).current = "report"
        self.query_one("#advice").display = bool(count)
        if count:
            findings.highlighted = 0
            if self.focused is None:
                findings.focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Say what to do about the finding under the cursor."""
        finding = self._findings[event.option_index]
        lines = [Content(visible(finding.message)), Content.assemble(("→ ", "$primary"), visible(finding.advice))]
        self.query_one("#advice", Static).update(Content("\n").join(lines))

    async def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Inspect the finding's rows."""
        finding = self._findings[event.option_index]
        if not finding.rows:
            self.notify("This finding is about the data set as a whole, not about single rows.", markup=False)
            return
        first = f"the first {len(finding.rows)} of " if finding.count > len(finding.rows) else ""
        why = f"{finding.code} ({first}{finding.count:,})"
        await self.workbench.show_rows(RowSet(finding.rows, why))

    def on_length_histogram_moved(self, event: LengthHistogram.Moved) -> None:
        """All sides are cut at the same length."""
        for histogram in self.query(LengthHistogram):
            if histogram.lengths.limit:
                histogram.cut = event.cut


def _finding_line(finding: FindingSummary) -> Content:
    mark, style = SEVERITY_MARK[finding.severity], SEVERITY_STYLE[finding.severity]
    return Content.assemble(
        (f" {mark} {finding.code:<26}", style),
        f"{finding.count:>9,}  " if finding.rows else "        -  ",
        (visible(finding.message), "$quiet"),
    )
