"""Writing a run's report: `report.html` and `report.md`."""

from pathlib import Path

from engine.error import EngineError
from engine.inspector.messages import RowView
from engine.report.html import html_report
from engine.report.markdown import markdown_report
from engine.report.story import Story, read_story
from engine.runs.error import RunError
from engine.runs.folder import RunFolder

SAMPLES = 3


def write_report(run: RunFolder, out: Path, with_samples: bool = True) -> tuple[Path, Path]:
    """Write the report into the folder `out`, which is made where it is not there; returns both files.

    With samples the run's tokenizer and data are opened; where they cannot be, the report says why and does without.
    Raises RunError or PresetError where the run cannot be read, or the files cannot be written.
    """
    story = read_story(run)
    samples: list[RowView] = []
    hard: dict[tuple[int, int, int], RowView] = {}
    why_none = "Left out when the report was written."
    if with_samples:
        try:
            samples, hard = _samples(run, story)
        except EngineError as error:
            why_none = f"The data cannot be shown: {error}"
    pages = (
        (out / "report.html", html_report(story, samples, hard, why_none)),
        (out / "report.md", markdown_report(story, samples, hard, why_none)),
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, text in pages:
            path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise RunError(f"the report cannot be written: {error.strerror}", str(out), "choose another --out") from error
    return pages[0][0], pages[1][0]


def _samples(run: RunFolder, story: Story) -> tuple[list[RowView], dict[tuple[int, int, int], RowView]]:
    # Loading the libraries that tokenise takes seconds: only where samples are wanted.
    from engine.report.samples import first_samples, open_run, samples_at

    opened = open_run(run)
    places = {(row.id.dataset, row.id.row, row.id.item) for rows in story.hard.values() for row in rows}
    return first_samples(opened, SAMPLES), samples_at(opened, sorted(places))
