"""The rows that trainings are compared on: token ids drawn at random, in the lengths of several kinds of data."""

import random
from typing import Any, NamedTuple

VOCABULARY = 2000
PAD = 0


class Workload(NamedTuple):
    """Lengths in tokens, as (lowest, highest), drawn log-uniformly."""

    prompt: tuple[int, int]
    answer: tuple[int, int]
    answers: int = 2


PAIRS = {
    "short prompts": Workload((15, 60), (20, 200)),
    "long multi-turn": Workload((200, 700), (30, 250)),
    "HH-like": Workload((60, 500), (15, 150)),
    "K=4 ranked": Workload((60, 250), (20, 200), answers=4),
}
STEPS = {
    "alone": Workload((40, 150), (60, 400), answers=1),
    "4 traces": Workload((40, 150), (60, 400), answers=4),
    "8 traces": Workload((40, 150), (60, 400), answers=8),
}


def longest(row: dict[str, Any]) -> int:
    """The length of a row's longest sequence, which is what TRL pads to."""
    return max(len(ids) for name, ids in row.items() if name.endswith("_ids"))


def tokens_of(rows: list[dict[str, Any]]) -> int:
    """How many tokens the rows' sequences have."""
    return sum(len(ids) for row in rows for name, ids in row.items() if name.endswith("_ids"))


def draw_length(rng: random.Random, bounds: tuple[int, int]) -> int:
    """A length between the bounds, log-uniform: many short ones, few long ones."""
    low, high = bounds
    return round(low * (high / low) ** rng.random())


def draw_tokens(rng: random.Random, count: int) -> list[int]:
    """Random token ids, the padding token left out."""
    return [rng.randrange(1, VOCABULARY) for _ in range(count)]


def draw_pairs(workload: Workload, count: int) -> list[dict[str, Any]]:
    """Rows of chosen_ids and rejected_ids; K ranked answers give K(K-1)/2 pairs, together."""
    rng = random.Random(0)
    rows: list[dict[str, Any]] = []
    while len(rows) < count:
        prompt = draw_tokens(rng, draw_length(rng, workload.prompt))
        answers = [prompt + draw_tokens(rng, draw_length(rng, workload.answer)) for _ in range(workload.answers)]
        rows += [
            {"chosen_ids": answers[i], "rejected_ids": answers[j]}
            for i in range(len(answers))
            for j in range(i + 1, len(answers))
        ]
    return rows[:count]


def draw_steps(workload: Workload, count: int) -> list[dict[str, Any]]:
    """Rows of input_ids and labels; the traces of one prompt together."""
    rng = random.Random(0)
    rows: list[dict[str, Any]] = []
    while len(rows) < count:
        prompt = draw_tokens(rng, draw_length(rng, workload.prompt))
        for _ in range(workload.answers):
            ids, labels = prompt.copy(), [-100] * len(prompt)
            target = len(prompt) + draw_length(rng, workload.answer)
            while len(ids) < target:
                step = draw_tokens(rng, rng.randint(10, 40))
                ids += step
                labels += [-100] * (len(step) - 1) + [rng.randint(0, 1)]
            rows.append({"input_ids": ids, "labels": labels})
    return rows[:count]
