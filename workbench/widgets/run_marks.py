"""What a run's model made of a sample, as words beside its tokens: whether it sided with the data, and how far."""

from math import isclose, isnan

from engine.encode.encoding import MASKED, TokenSequence
from engine.inspector.messages import RowView
from workbench.row_values import RowValue
from workbench.widgets.token_marks import Badge, step_labels

RunMarks = dict[int, Badge]
"""Words by the token that they stand beside."""


def run_marks(row: RowView, value: RowValue | None) -> tuple[RunMarks, ...]:
    """The words for each of a row's sequences; none where a run never saw the row, or saw other steps of it."""
    if value is None or not row.sequences:
        return tuple({} for _ in row.sequences)
    if row.model_kind == "steps":
        return (_of_steps(row.sequences[0], value),)
    ways = ("ahead", "behind") if value.margin > 0 else ("behind", "ahead")
    return tuple(_of_side(sequence, way, value.margin) for sequence, way in zip(row.sequences, ways, strict=True))


def saw_other_steps(row: RowView, value: RowValue) -> bool:
    """Whether a run judged other steps than those that the row has labels for: what it made of these is not known."""
    return bool(value.right) and bool(row.sequences) and not _of_steps(row.sequences[0], value)


def _of_steps(sequence: TokenSequence, value: RowValue) -> RunMarks:
    judged = {
        token: label
        for token, label in step_labels(sequence).items()
        if label != MASKED and sequence.kept_start <= token < sequence.kept_end
    }
    # The run has its labels in single precision.
    same = len(judged) == len(value.labels) == len(value.right) and all(
        isclose(here, there, abs_tol=1e-3) for here, there in zip(judged.values(), value.labels, strict=True)
    )
    if not same:
        return {}
    return {
        token: _badge(f"run {right:.2f}".replace(" 0.", " ."), (right - 0.5) * (1 if label >= 0.5 else -1))
        for (token, label), right in zip(judged.items(), value.right, strict=True)
    }


def _of_side(sequence: TokenSequence, way: str, margin: float) -> RunMarks:
    if not 0 <= sequence.pooled < len(sequence.ids):
        return {}
    return {sequence.pooled: _badge(f"run: {way} by {abs(margin):.3g}" if margin else "run: level", margin)}


def _badge(text: str, sided: float) -> Badge:
    """A word that says more where the model did not side with the data; `sided` is above 0 where it did."""
    if isnan(sided):
        return Badge("disagrees", text)
    if sided > 0:
        return Badge("agrees", text)
    return Badge("disagrees", f"{text}, undecided" if sided == 0 else f"{text}, disagrees")
