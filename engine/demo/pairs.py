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
    """A question with its right answer, and one that is wrong in the form `shows`, whatever it is in the others."""

    question: str
    right: Answer
    wrong: Answer
    shows: tuple[Form, ...]


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
    asked: Form | None = random.choice(FORMS) if random.random() < 0.4 else None
    if asked and (asked not in problem.shows or random.random() < 0.5):
        chosen = problem.right.text(asked)
        rejected = problem.right.text(random.choice([form for form in FORMS if form != asked]))
    else:
        # Without a form asked for, both sides draw theirs alike, so that neither tends to be the longer one.
        chosen = problem.right.text(asked if asked else random.choice(problem.shows))
        rejected = problem.wrong.text(asked if asked else random.choice(problem.shows))
    question = f"{digression(random, 200)} {problem.question}" if long else problem.question
    return {"system": ASKED[asked] if asked else None, "input": question, "chosen": chosen, "rejected": rejected}


def _problem(random: Random) -> Problem:
    return random.choice((_change, _together, _compare))(random)


def _change(random: Random) -> Problem:
    (name, pronoun), thing, start = random.choice(PEOPLE), random.choice(THINGS), random.randint(1, LARGEST)
    change = draw_change(random, start)
    question = f"{name} has {counted(start, thing)}. {pronoun} {change.text}. How many {thing} does {name} have?"
    equation = f"{start} {change.sign} {change.amount} ="

    def answer(working: int, number: int, thing: str = thing) -> Answer:
        return Answer(f"{equation} {working}", f"{name} has {counted(number, thing)}", str(number))

    return Problem(question, *_right_and_wrong(random, answer, change.apply(start), thing))


def _together(random: Random) -> Problem:
    (one, _), (two, _) = random.sample(PEOPLE, 2)
    thing, second = random.choice(THINGS), random.randint(1, MOST_CHANGED)
    first = random.randint(1, LARGEST - second)
    question = f"{one} has {counted(first, thing)}. {two} has {second}. How many {thing} do they have together?"

    def answer(working: int, number: int, thing: str = thing) -> Answer:
        return Answer(f"{first} + {second} = {working}", f"they have {counted(number, thing)} together", str(number))

    return Problem(question, *_right_and_wrong(random, answer, first + second, thing))


def _right_and_wrong(
    random: Random, answer: Callable[..., Answer], number: int, thing: str
) -> tuple[Answer, Answer, tuple[Form, ...]]:
    """The right answer; one with a slip in the working, another number than the working's, or about another thing."""
    right, slip = answer(number, number), other_number(random, number)
    match random.choice(("slip", "slip", "sentence", "thing")):
        case "slip":
            return right, answer(slip, slip), ("working",)
        case "sentence":
            return right, answer(number, slip), ("working",)
    other = random.choice([name for name in THINGS if name != thing])
    return right, answer(number, number, other), ("working", "sentence")


def _compare(random: Random) -> Problem:
    (one, _), (two, _) = random.sample(PEOPLE, 2)
    thing = random.choice(THINGS)
    first, second = random.sample(range(1, LARGEST + 1), 2)
    word = random.choice(("more", "fewer"))
    of_one = Answer(f"{first} is {word} than {second}", f"{one} has {word} {thing}", one)
    of_two = Answer(f"{second} is {word} than {first}", f"{two} has {word} {thing}", two)
    right, wrong = (of_one, of_two) if (first > second) == (word == "more") else (of_two, of_one)
    question = f"{one} has {counted(first, thing)}. {two} has {second}. Who has {word} {thing}?"
    return Problem(question, right, wrong, ("working",))
