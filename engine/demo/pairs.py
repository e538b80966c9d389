"""The demo's pairs: small word problems, an answer that is better by rule, and one that is worse."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from engine.demo.story import LARGEST, MOST_CHANGED, PEOPLE, THINGS, counted, digression, draw_change, other_number

Form = Literal["short", "sentence", "working"]

ASKED: dict[Form, str] = {
    "short": "Answer with one word.",
    "sentence": "Answer in a full sentence.",
    "working": "Show the working.",
}
FORMS: tuple[Form, ...] = ("short", "sentence", "working")


@dataclass(frozen=True, slots=True)
class Answer:
    """The content of an answer: the result, the sentence that says it, and the working that leads to it."""

    result: str
    sentence: str
    working: str

    def text(self, form: Form) -> str:
        """The answer in one of the forms."""
        match form:
            case "short":
                return f"{self.result}."
            case "sentence":
                return f"{self.sentence[0].upper()}{self.sentence[1:]}."
            case "working":
                return f"{self.working}, so {self.sentence}."


@dataclass(frozen=True, slots=True)
class Problem:
    """A question with its right answer and a wrong one."""

    question: str
    right: Answer
    wrong: Answer


def pair_rows(seed: int, count: int, seen: set[str]) -> Iterator[dict[str, Any]]:
    """`count` rows (system, input, chosen, rejected) whose questions are not in `seen`, which they join."""
    random = Random(seed)
    for index in range(count):
        problem = _problem(random)
        while problem.question in seen:
            problem = _problem(random)
        seen.add(problem.question)
        yield _row(random, problem, long=index % 200 == 199)


def _row(random: Random, problem: Problem, *, long: bool) -> dict[str, Any]:
    asked = random.choice(FORMS) if random.random() < 0.5 else None
    form = asked if asked else random.choice(FORMS)
    chosen = problem.right.text(form)
    if asked and random.random() < 0.5:
        rejected = problem.right.text(random.choice([other for other in FORMS if other != asked]))
    else:
        rejected = problem.wrong.text(asked if asked else random.choice(FORMS))
    question = f"{digression(random, 200)} {problem.question}" if long else problem.question
    return {"system": ASKED[asked] if asked else "", "input": question, "chosen": chosen, "rejected": rejected}


def _problem(random: Random) -> Problem:
    return random.choice((_change, _change, _together, _compare))(random)


def _change(random: Random) -> Problem:
    (name, pronoun), thing, start = random.choice(PEOPLE), random.choice(THINGS), random.randint(1, 10)
    change = draw_change(random, start)
    end = change.apply(start)
    slip = other_number(random, end, (start, change.amount, 2 * start - end))
    right, wrong = (
        Answer(str(number), f"{name} has {counted(number, thing)}", f"{start} {change.sign} {change.amount} = {number}")
        for number in (end, slip)
    )
    question = f"{name} has {counted(start, thing)}. {pronoun} {change.text}. How many {thing} does {name} have?"
    return Problem(question, right, wrong)


def _together(random: Random) -> Problem:
    (one, _), (two, _) = random.sample(PEOPLE, 2)
    thing, first, second = random.choice(THINGS), random.randint(1, 8), random.randint(1, MOST_CHANGED)
    total = first + second
    slip = other_number(random, total, (first, second, abs(first - second)))
    right, wrong = (
        Answer(str(number), f"they have {counted(number, thing)} together", f"{first} + {second} = {number}")
        for number in (total, slip)
    )
    question = f"{one} has {counted(first, thing)}. {two} has {second}. How many {thing} do they have together?"
    return Problem(question, right, wrong)


def _compare(random: Random) -> Problem:
    (one, _), (two, _) = random.sample(PEOPLE, 2)
    thing = random.choice(THINGS)
    first, second = random.sample(range(1, LARGEST + 1), 2)
    word = random.choice(("more", "fewer"))
    of_one = Answer(one, f"{one} has {word} {thing}", f"{first} is {word} than {second}")
    of_two = Answer(two, f"{two} has {word} {thing}", f"{second} is {word} than {first}")
    right, wrong = (of_one, of_two) if (first > second) == (word == "more") else (of_two, of_one)
    question = f"{one} has {counted(first, thing)}. {two} has {second}. Who has {word} {thing}?"
    return Problem(question, right, wrong)
