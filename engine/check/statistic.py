"""What the checks measure, in words: one sentence a statistic, with its value in it."""

from collections.abc import Iterator, Mapping

from engine.inspector.check_messages import StepPosition
from engine.words import share

_SHARES = {
    "length_baseline": "Always choosing the longer answer, unread, is right in {} of the pairs.",
    "positive_rate": "{} of the judged steps are labelled right.",
    "flawed_share": "{} of the rows have a wrong step.",
    "majority_baseline": "Calling every step the more frequent of right and wrong, unread, is right for {} of them.",
    "position_baseline": "Going by the step's position alone, unread, is right for {} of them.",
    "soft_share": "{} of the labels are soft: between 0 and 1.",
}
"""In the order in which they are told. What the length limit costs is told where the lengths are."""

_BASELINES = ("length_baseline", "majority_baseline", "position_baseline")


def sentences(statistics: Mapping[str, float]) -> Iterator[str]:
    """What was measured, a sentence each; what is not worth a sentence is left out."""
    for name, sentence in _SHARES.items():
        value = statistics.get(name)
        if value is None or (name == "soft_share" and not value):
            continue
        if name == "length_baseline" and value < 0.5:
            sentence, value = sentence.replace("longer", "shorter"), 1 - value  # noqa: PLW2901
        yield sentence.format(share(value))
    if any(name in statistics for name in _BASELINES):
        balanced = ", or where its balanced accuracy is above a half" if "majority_baseline" in statistics else ""
        yield f"A trained model has learned something only where it is right more often than that{balanced}."


def position_name(at: StepPosition) -> str:
    """`3`, or `17-24` for several positions together."""
    return str(at.first) if at.first == at.last else f"{at.first}-{at.last}"
