from pathlib import Path

from engine.format.reference import page


def test_the_page_of_formats_is_up_to_date():
    written = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m engine.format.reference > docs/formats.md"
