"""Which samples are on one prompt."""

from engine.encode.prompt import NO_PROMPT, prompt_number
from engine.sample import Conversation, Pair, PlainText, Steps, TokenIds


def chat(question, answer, **values):
    messages = ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    return Conversation(messages, 1, **values)


def test_samples_of_one_prompt_have_one_number():
    plain = [Pair(PlainText("2 + 2? ", a), PlainText("2 + 2? ", "no")) for a in ("4", "four")]
    chats = [Pair(chat("2 + 2?", a), chat("2 + 2?", "no")) for a in ("4", "four")]
    steps = [Steps("2 + 2?", (a,), (1.0,)) for a in ("4", "four")]
    for one, other in (plain, chats, steps):
        assert prompt_number(one) == prompt_number(other) != NO_PROMPT


def test_other_prompts_have_other_numbers():
    sides = [
        PlainText("2 + 2? ", "4"),
        PlainText("2 + 3? ", "4"),
        chat("2 + 2?", "4"),
        chat("2 + 2?", "4", tools=({},)),
    ]
    assert len({prompt_number(Pair(side, side)) for side in sides}) == len(sides)


def test_what_has_no_prompt_is_by_itself():
    for side in (PlainText("", "4"), TokenIds((1, 2)), Conversation(({"role": "assistant", "content": "4"},), 0)):
        assert prompt_number(Pair(side, side)) == NO_PROMPT
    assert prompt_number(Steps(" ", ("4",), (1.0,))) == NO_PROMPT


def test_a_number_is_the_same_in_every_process():
    assert prompt_number(Steps("2 + 2?", ("4",), (1.0,))) == 2606746822437456719
