"""The one shape of every error that a person is meant to read."""


class EngineError(Exception):
    """Something a person can act on: what was wrong, where (file, line, row, column, key), and what to do.

    The preset's, source's, template's, model's and run's errors are its subclasses; whoever faces a person (command
    line, inspector, trainer) catches this one and shows the three lines, never a traceback.
    """

    def __init__(self, what: str, where: str = "", advice: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.advice = advice

    def __str__(self) -> str:
        """`where: what; advice`, leaving out what is empty."""
        located = f"{self.where}: {self.what}" if self.where else self.what
        return f"{located}\n  {self.advice}" if self.advice else located
