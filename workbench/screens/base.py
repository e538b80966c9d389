"""What every screen of the app has: the tab bar above, the keys below."""

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer
from textual.worker import Worker, WorkerState

from workbench.widgets.tab_bar import TabBar

if TYPE_CHECKING:
    from workbench.app import WorkbenchApp


class WorkbenchScreen(Screen[None]):
    """A place of the app. Subclasses name their `MODE` and compose what lies between the two bars.

    A worker of the screen that is started with `exit_on_error=False` and fails is reported, and the app stays up.
    """

    MODE: ClassVar[str]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 (Textual's ClassVar)
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (16, "-low"), (36, "-tall")]  # noqa: RUF012

    @property
    def workbench(self) -> "WorkbenchApp":
        """The app, as what it is."""
        return cast("WorkbenchApp", self.app)

    def compose(self) -> ComposeResult:
        """The tab bar, the body, the footer."""
        yield TabBar(self.MODE)
        yield from self.compose_body()
        yield Footer(show_command_palette=False, compact=True)

    def compose_body(self) -> ComposeResult:
        """The widgets between the two bars."""
        raise NotImplementedError

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Report a worker that failed."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.workbench.report_exception(event.worker.error)
