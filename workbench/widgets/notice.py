"""What is said in place of the data: it is being opened, there is none, or it could not be opened."""

from textual.content import Content
from textual.widgets import Static

from workbench.screen_text import visible


class Notice(Static):
    """A few lines in the middle of an empty place."""

    DEFAULT_CSS = """
    Notice { width: 1fr; height: 1fr; content-align: center middle; text-align: center; padding: 1 4; }
    """

    def say(self, what: str, where: str = "", advice: str = "", *, wrong: bool = False) -> None:
        """Say what is the matter, where, and what to do."""
        lines = [Content.styled(visible(what, keep="\n"), "bold $error" if wrong else "")]
        if where:
            lines.append(Content.styled(visible(where, keep="\n"), "$quiet"))
        if advice:
            lines.append(Content("\n" + visible(advice, keep="\n")))
        self.update(Content("\n").join(lines))
