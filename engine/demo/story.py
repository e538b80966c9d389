"""What the demo's word problems are about: people, things, and changes."""

from dataclasses import dataclass
from random import Random
from typing import Literal

PEOPLE = (
    ("Ada", "She"),
    ("Ben", "He"),
    ("Cleo", "She"),
    ("Dan", "He"),
    ("Emma", "She"),
    ("Finn", "He"),
    ("Grace", "She"),
    ("Hugo", "He"),
    ("Iris", "She"),
    ("Jack", "He"),
    ("Kim", "She"),
    ("Leo", "He"),
    ("Mia", "She"),
    ("Noah", "He"),
    ("Olga", "She"),
    ("Paul", "He"),
)
THINGS = ("apples", "books", "cards", "coins", "eggs", "keys", "lamps", "maps", "pens", "plums", "shells", "stamps")
GAINS = ("finds", "buys", "wins", "gets")
LOSSES = ("loses", "sells", "drops", "gives away")

LARGEST = 9
"""No number in the demo is above this one, so that a small model meets each of them often."""

WEATHER = ("It rains.", "The sun shines.", "The wind is cold.", "A dog barks.", "The street is quiet.", "A bell rings.")


@dataclass(frozen=True, slots=True)
class Change:
    """Something happens to what a person has: `verb` and `amount`, which is gained or lost."""

    verb: str
    sign: Literal["+", "-"]
    amount: int

    def apply(self, number: int) -> int:
        """The number after the change."""
        return number + self.amount if self.sign == "+" else number - self.amount

    @property
    def text(self) -> str:
        """`finds 5 more` or `loses 3`."""
        return f"{self.verb} {self.amount} more" if self.sign == "+" else f"{self.verb} {self.amount}"


MOST_CHANGED = 3
"""The largest amount gained or lost at once."""


def counted(number: int, thing: str) -> str:
    """`1 apple`, `2 apples`."""
    return f"{number} {thing if number != 1 else thing[:-1]}"


def draw_change(random: Random, number: int) -> Change:
    """A change of 1 to MOST_CHANGED that leaves between 0 and LARGEST."""
    gain = random.random() < 0.5
    if number == 0 or (gain and number < LARGEST):
        return Change(random.choice(GAINS), "+", random.randint(1, min(MOST_CHANGED, LARGEST - number)))
    return Change(random.choice(LOSSES), "-", random.randint(1, min(MOST_CHANGED, number)))


def other_number(random: Random, right: int) -> int:
    """A wrong number: a little off."""
    return random.choice([number for number in range(LARGEST + 1) if 1 <= abs(number - right) <= 3])


def digression(random: Random, words: int) -> str:
    """Sentences that do not matter, to make a row longer than any sensible limit."""
    sentences: list[str] = []
    while sum(sentence.count(" ") + 1 for sentence in sentences) < words:
        sentences.append(random.choice(WEATHER))
    return " ".join(sentences)
