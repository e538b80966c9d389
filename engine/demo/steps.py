"""The demo's stepwise samples: stories of several changes, worked out in steps that are right or wrong by rule."""

from collections.abc import Iterator
from random import Random
from typing import Any, Literal

from engine.demo.story import (
    LARGEST,
    MOST_CHANGED,
    PEOPLE,
    THINGS,
    Change,
    counted,
    digression,
    draw_change,
    other_number,
)

Error = Literal["slip", "operation", "amount", "carry"]

ERRORS: dict[Error, int] = {"slip": 6, "operation": 5, "carry": 2, "amount": 1}
"""How often: a wrong result; the opposite operation; another number than the one to take up, or than the story's."""

ERROR_RATE = 0.4


def steps_rows(seed: int, count: int, seen: set[str]) -> Iterator[dict[str, Any]]:
    """`count` rows (prompt, completions, labels) whose prompts are not in `seen`, which they join."""
    random = Random(seed)
    for index in range(count):
        row = _row(random)
        while row is None or row["prompt"] in seen:
            row = _row(random)
        seen.add(row["prompt"])
        if index % 200 == 199:
            row["prompt"] = f"{digression(random, 55)} {row['prompt']}"
        yield row


def _row(random: Random) -> dict[str, Any] | None:
    """A story and its steps, or None where an error led to a number that the demo does not know."""
    (name, pronoun), thing, start = random.choice(PEOPLE), random.choice(THINGS), random.randint(1, 9)
    changes: list[Change] = []
    number = start
    for _ in range(random.choice((2, 2, 2, 3, 3, 4))):
        changes.append(draw_change(random, number))
        number = changes[-1].apply(number)
    told = ", then ".join(change.text for change in changes)
    steps: list[str] = []
    labels: list[bool] = []
    number = start
    for change in changes:
        right = random.random() >= ERROR_RATE
        equation, number = _equation(random, change, number, None if right else _error(random))
        if not 0 <= number <= LARGEST:
            return None
        steps.append(f"{pronoun} {change.verb}: {equation}")
        labels.append(right)
    right = random.random() >= ERROR_RATE
    steps.append(f"{name} has {counted(number if right else other_number(random, number), thing)}.")
    labels.append(right)
    question = f"{name} has {counted(start, thing)}. {pronoun} {told}. How many {thing} does {name} have?"
    return {"prompt": question, "completions": steps, "labels": labels}


def _error(random: Random) -> Error:
    return random.choices(tuple(ERRORS), tuple(ERRORS.values()))[0]


def _equation(random: Random, change: Change, taken_up: int, error: Error | None) -> tuple[str, int]:
    """The equation of one change, with its result; `error` says what is wrong with it."""
    first, sign, second = taken_up, change.sign, change.amount
    if error == "carry":
        first = other_number(random, taken_up)
    elif error == "amount":
        second = random.choice([amount for amount in range(1, MOST_CHANGED + 1) if amount != change.amount])
    elif error == "operation":
        sign = "-" if sign == "+" else "+"
    result = Change(change.verb, sign, second).apply(first)
    if error == "slip" and 0 <= result <= LARGEST:
        result = other_number(random, result)
    return f"{first} {sign} {second} = {result}", result
