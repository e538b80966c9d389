"""What a saved model makes of held-out rows, how that is measured, and what could be had without reading them."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

DRAWS = 1000

Row = dict[str, Any]


class Judged(NamedTuple):
    """A row's scores, each with its label: P(right) - 1/2 of every judged step, or a pair's margin, labelled right."""

    scores: tuple[float, ...]
    labels: tuple[bool, ...]


def scores_of(folder: Path, base: str, rows: Sequence[Row]) -> list[Judged]:
    """Load a saved model as transformers (and peft) load it, and score each sequence of `rows` by itself, unpadded."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

    pairs = "chosen_ids" in rows[0]
    auto = AutoModelForSequenceClassification if pairs else AutoModelForTokenClassification
    adapter = (folder / "adapter_config.json").exists()
    model: Any = auto.from_pretrained(base if adapter else folder, num_labels=1 if pairs else 2, dtype=torch.float32)
    # Where the model pools depends on it: as in training, the end token is padding to a model whose padding it is.
    model.config.pad_token_id = AutoTokenizer.from_pretrained(base).pad_token_id
    if adapter:
        model = PeftModel.from_pretrained(model, folder)
    model.eval()

    def logits(ids: list[int]) -> Any:
        with torch.no_grad():
            return model(input_ids=torch.tensor([ids])).logits[0]

    judged = []
    for row in rows:
        if pairs:
            margin = logits(row["chosen_ids"])[0] - logits(row["rejected_ids"])[0]
            judged.append(Judged((margin.item(),), (True,)))
            continue
        places = judged_places(row)
        right = logits(row["input_ids"]).softmax(-1)[places, 1] - 0.5
        judged.append(Judged(tuple(right.tolist()), tuple(bool(row["labels"][place]) for place in places)))
    return judged


def measures(judged: Sequence[Judged]) -> dict[str, float]:
    """Pairs: accuracy, a tie counting half. Steps: accuracy, balanced accuracy, and the area under the ROC curve, which
    is the probability that a right step scores above a wrong one.
    """
    items = [item for row in judged for item in zip(row.scores, row.labels, strict=True)]
    right, wrong = ([score for score, label in items if label == side] for side in (True, False))
    found = _share_above(right)
    if not wrong:
        return {"accuracy": found}
    refused = 1 - _share_above(wrong)
    return {
        "balanced accuracy": (found + refused) / 2,
        "ROC area": _area(right, wrong),
        "accuracy": (found * len(right) + refused * len(wrong)) / len(items),
    }


def difference(ours: Sequence[Sequence[Judged]], theirs: Sequence[Sequence[Judged]]) -> tuple[float, float]:
    """By how much our first measure is above theirs, over all seeds, and the standard error of that over held-out rows:
    the spread over sets of rows drawn with replacement, the same for both.
    """
    rng, rows = random.Random(0), range(len(ours[0]))

    def apart(drawn: Sequence[int]) -> float:
        values = [
            [next(iter(measures([run[row] for row in drawn]).values())) for run in side] for side in (ours, theirs)
        ]
        return sum(values[0]) / len(values[0]) - sum(values[1]) / len(values[1])

    draws = [apart(rng.choices(rows, k=len(rows))) for _ in range(DRAWS)]
    mean = sum(draws) / DRAWS
    return apart(rows), (sum((draw - mean) ** 2 for draw in draws) / (DRAWS - 1)) ** 0.5


def length_alone(training: Sequence[Row], held_out: Sequence[Row]) -> list[Judged]:
    """What the number of tokens tells: of two answers the longer (or shorter) one, a step longer (or shorter) than
    some length; which of them, and what length, by the training rows.
    """
    if "chosen_ids" in training[0]:
        longer = sum(_by_length(row, 1) for row in training) >= 0
        return [Judged((_by_length(row, 1 if longer else -1),), (True,)) for row in held_out]
    return _one_number(training, held_out, _step_lengths)


def position_alone(training: Sequence[Row], held_out: Sequence[Row]) -> list[Judged]:
    """What the number of a step tells: the first so many are more often right, or less often, by the training rows."""
    return _one_number(training, held_out, lambda row: list(range(len(judged_places(row)))))


def judged_places(row: Row) -> list[int]:
    """The tokens of a row of steps that carry a label."""
    return [place for place, label in enumerate(row["labels"]) if label != -100]


def _by_length(row: Row, sign: int) -> float:
    longer = len(row["chosen_ids"]) - len(row["rejected_ids"])
    return float(sign * ((longer > 0) - (longer < 0)))


def _step_lengths(row: Row) -> list[int]:
    # Steps are judged from the first one on, so that one ends where the next begins; the first has the prompt too.
    places = judged_places(row)
    return [here - before for before, here in zip([0, *places], places, strict=False)]


def _one_number(
    training: Sequence[Row], held_out: Sequence[Row], number: Callable[[Row], Sequence[int]]
) -> list[Judged]:
    def judged(rows: Sequence[Row], sign: int, limit: float) -> list[Judged]:
        return [
            Judged(
                tuple(sign * (value - limit) for value in number(row)),
                tuple(bool(row["labels"][place]) for place in judged_places(row)),
            )
            for row in rows
        ]

    values = sorted({value for row in training for value in number(row)})
    choices = [(sign, value + 0.5) for sign in (1, -1) for value in values]
    best = max(choices, key=lambda choice: measures(judged(training, *choice))["balanced accuracy"])
    return judged(held_out, *best)


def _share_above(scores: Sequence[float]) -> float:
    return sum((score > 0) + 0.5 * (score == 0) for score in scores) / len(scores) if scores else 0.0


def _area(right: Sequence[float], wrong: Sequence[float]) -> float:
    ranked = sorted([(score, 1) for score in right] + [(score, 0) for score in wrong])
    below, area, place = 0.0, 0.0, 0
    while place < len(ranked):
        end = place
        while end < len(ranked) and ranked[end][0] == ranked[place][0]:
            end += 1
        rights = sum(side for _, side in ranked[place:end])
        wrongs = end - place - rights
        area += rights * (below + wrongs / 2)
        below += wrongs
        place = end
    return area / (len(right) * len(wrong))
