"""What a run's numbers and its trainer say is wrong or worth knowing, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.widgets import Static

from engine.events.alarms import alarms
from workbench.run_history import RunHistory
from workbench.screen_text import visible

_SIGNS = {"error": ("✗", "$error"), "warning": ("▲", "$warning"), "info": ("·", "$quiet")}
_GRAVITY = list(_SIGNS)
_SHOWN = 2


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing said about a run; it may name `rows`, as (data set, row), or the steps, first and last, of its rows."""

    severity: str
    message: str
    advice: str = ""
    rows: tuple[tuple[int, int], ...] = ()
    rows_of: tuple[int, int] | None = None


def remarks_of(history: RunHistory) -> list[Remark]:
    """Alarms and the trainer's own findings, the gravest first."""
    found = [
        Remark(alarm.severity, alarm.message, alarm.advice, rows_of=alarm.rows_of) for alarm in alarms(history.course)
    ]
    found += [Remark(finding.severity, finding.message, "", finding.rows) for finding in history.findings]
    return sorted(found, key=lambda remark: _GRAVITY.index(remark.severity))


class Remarks(Static):
    """The gravest remarks, a line each; all of them with their advice when opened. Gone where there are none."""

    DEFAULT_CSS = """
    Remarks {
        height: auto; max-height: 2; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; display: none;
        &.-some { display: block; }
        &.-open { max-height: 12; text-wrap: wrap; overflow-y: auto; border-top: solid $border-blurred; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._remarks: list[Remark] = []
        self._shown: list[Remark] | None = None

    @property
    def opened(self) -> bool:
        """Whether all remarks are shown, with their advice."""
        return self.has_class("-open")

    @opened.setter
    def opened(self, opened: bool) -> None:
        self.set_class(opened, "-open")
        self._shown = None
        self.show(self._remarks)

    def show(self, remarks: Sequence[Remark]) -> None:
        """Show these remarks."""
        self._remarks = list(remarks)
        if self._shown == self._remarks:
            return
        self._shown = self._remarks
        troubles = [remark for remark in self._remarks if remark.severity != "info"]
        shown = self._remarks if self.opened else troubles[:_SHOWN]
        lines = [_line(remark, self.opened) for remark in shown]
        if len(troubles) > _SHOWN and not self.opened:
            lines[-1] = lines[-1] + Content.styled(f"  (and {len(troubles) - _SHOWN} more: w)", "$quiet")
        if self.opened and not lines:
            lines = [Content.styled("Nothing to remark.", "$quiet")]
        self.set_class(bool(lines), "-some")
        self.update(Content("\n").join(lines))


def _line(remark: Remark, whole: bool) -> Content:
    sign, colour = _SIGNS[remark.severity]
    text = Content.assemble((f"{sign} ", f"bold {colour}"), visible(remark.message))
    if remark.rows:
        text += Content.styled(f"  rows {', '.join(str(row) for _, row in remark.rows[:8])}", "$quiet")
    elif remark.rows_of:
        first, last = remark.rows_of
        text += Content.styled(f"  (i: rows of step{'' if first == last else 's'} {_span(first, last)})", "$quiet")
    if remark.advice:
        text += Content.styled(f"\n  {visible(remark.advice)}" if whole else f"  — {visible(remark.advice)}", "$quiet")
    return text


def _span(first: int, last: int) -> str:
    return f"{last:,}" if first == last else f"{first:,} to {last:,}"
