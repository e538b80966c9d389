"""The demo's pairs: small word problems, an answer that is better by rule, and one that is worse."""

from collections.abc import Callable, Iterator
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

WRONG_FORM = 0.35
"""The share of pairs whose worse answer is right, but not in the form asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The content of an answer: the working, the sentence that says the result, and the result alone."""

    working: str
    sentence: str
    result: str

    def text(self, form: Form) -> str:
        """The answer in one of the forms."""
        match form:
            case "short":
                return f"{self.result}."
            case "sentence":
                return f"{self.sentence[0].upper()}{self.sentence[1:]}."
            case "working":
                return f"{self.working}: {self.sentence}."


@dataclass(frozen=True, slots=True)
class Problem:
    """A question with its right answer, and one that is wrong, as its working shows."""

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
    system: str | None
    if random.random() < WRONG_FORM:
        asked = random.choice(FORMS)
        system = ASKED[asked]
        chosen = problem.right.text(asked)
        rejected = problem.right.text(random.choice([form for form in FORMS if form != asked]))
    else:
        system = ASKED["working"] if random.random() < 0.3 else None
        chosen, rejected = problem.right.text("working"), problem.wrong.text("working")
    question = f"{digression(random, 200)} {problem.question}" if long else problem.question
    return {"system": system, "input": question, "chosen": chosen, "rejected": rejected}


def _problem(random: Random) -> Problem:
    return random.choice((_change, _together, _compare))(random)


def _change(random: Random) -> Problem:
    (name, pronoun), thing, start = random.choice(PEOPLE), random.choice(THINGS), random.randint(1, LARGEST)
    change = draw_change(random, start)
    question = f"{name} has {counted(start, thing)}. {pronoun} {change.text}. How many {thing} does {name} have?"

    def answer(worked_out: int, said: int) -> Answer:
        equation = f"{start} {change.sign} {change.amount} = {worked_out}"
        return Answer(equation, f"{name} has {counted(said, thing)}", str(said))

    return _sum(random, question, answer, change.apply(start))


def _together(random: Random) -> Problem:
    (one, _), (two, _) = random.sample(PEOPLE, 2)
    thing, second = random.choice(THINGS), random.randint(1, MOST_CHANGED)
    first = random.randint(1, LARGEST - second)
    question = f"{one} has {counted(first, thing)}. {two} has {second}. How many {thing} do they have together?"

    def answer(worked_out: int, said: int) -> Answer:
        equation = f"{first} + {second} = {worked_out}"
        return Answer(equation, f"they have {counted(said, thing)} together", str(said))

    return _sum(random, question, answer, first + second)


def _sum(random: Random, question: str, answer: Callable[[int, int], Answer], number: int) -> Problem:
    """Wrong by a slip in the working, or by saying another number than the working gives."""
    other = other_number(random, number)
    return Problem(question, answer(number, number), answer(random.choice((other, other, number)), other))


def _compare(random: Random) -> Problem:
    (one, _), (two, _) = random.sample(PEOPLE, 2)
    thing = random.choice(THINGS)
    first, second = random.sample(range(1, LARGEST + 1), 2)
    word = random.choice(("more", "fewer"))
    of_one = Answer(f"{first} is {word} than {second}", f"{one} has {word} {thing}", one)
    of_two = Answer(f"{second} is {word} than {first}", f"{two} has {word} {thing}", two)
    right, wrong = (of_one, of_two) if (first > second) == (word == "more") else (of_two, of_one)
    question = f"{one} has {counted(first, thing)}. {two} has {second}. Who has {word} {thing}?"
    return Problem(question, right, wrong)
