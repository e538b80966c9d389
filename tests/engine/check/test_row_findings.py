"""Each finding of a row: samples that must have it, and near misses that must not."""

import re

import pytest

from engine.check.hidden import hidden
from engine.check.row import sample_findings
from engine.check.suspect import suspect
from engine.sample import Conversation, Pair, PlainText, Steps, TokenIds

SPECIAL = re.compile("|".join(map(re.escape, ["<|im_start|>", "<|im_end|>", "<s>", "</s>"])))


def codes(sample, row=None, reads=("prompt", "chosen", "rejected"), separator="\n") -> set[str]:
    return {found.code for found in sample_findings(row or {}, sample, reads, SPECIAL, separator)}


def text_pair(prompt, chosen, rejected) -> Pair:
    return Pair(PlainText(prompt, chosen), PlainText(prompt, rejected))


def user(text):
    return {"role": "user", "content": text}


def bot(text, **more):
    return {"role": "assistant", "content": text, **more}


def chat_pair(context, chosen, rejected) -> Pair:
    start = len(context)
    return Pair(Conversation((*context, *chosen), start), Conversation((*context, *rejected), start))


CLEAN = [
    text_pair("The sky is", " blue.", " green, I think."),
    text_pair("Question: 2 + 2?\n\nAnswer:", " 4", " 5"),
    text_pair("Translate:\n", "chat", "chien"),
    text_pair("", "\n\nHuman: Hi\n\nAssistant: Hello", "\n\nHuman: Hi\n\nAssistant: Go"),
    text_pair("今天天气怎么样?", "很好。", "不知道。"),
    text_pair("วันนี้", "อากาศดี", "ไม่ดี"),
    text_pair("def add(a, b):\n    return ", "a + b", "a - b"),
    text_pair("He said '", "yes'", "no'"),
    text_pair("[INST] Hi [/INST]", "Hello", "Go"),
    text_pair("Hi", " Hi there! How are you?", " Hi."),
    chat_pair([user("2 + 2?")], [bot("4")], [bot("5")]),
    chat_pair(
        [{"role": "system", "content": "Be kind."}, user("Hi"), bot("Hello"), user("2 + 2?")], [bot("4")], [bot("5")]
    ),
    chat_pair([user("Hi")], [bot("Hello"), user("2 + 2?"), bot("4")], [bot("Go"), user("Why?"), bot("So.")]),
    chat_pair([user("What is the capital of France?")], [bot("What a question! Paris.")], [bot("What?")]),
    chat_pair(
        [user("Weather?")],
        [bot("", tool_calls=[{"function": {"name": "weather", "arguments": {}}}])],
        [bot("I do not know.")],
    ),
    chat_pair([user([{"type": "text", "text": "Hi"}])], [bot([{"type": "text", "text": "Hello"}])], [bot("Go")]),
    chat_pair(
        [user("Is <think> a tag? And a < b, <b>bold</b>?")], [bot("Yes — “it” is… naïve café, CAFÉ” ‘é’")], [bot("No")]
    ),
    Pair(TokenIds((1, 2)), TokenIds((1, 3))),
    Steps("2 + 2?", ("2 + 2 = 4", "So 4."), (1.0, 0.0)),
    Steps("2 + 2?", ("4",), (1.0,)),
    Steps("2 + 2?", ("2 + 2 = 4", "So 4."), (1.0, None)),
    Steps("2 + 2?", ("2 + 2 = 4", "So 4."), (0.9, 0.8)),
]


@pytest.mark.parametrize("sample", CLEAN, ids=range(len(CLEAN)))
def test_clean_samples_have_no_findings(sample):
    assert codes(sample) == set()


@pytest.mark.parametrize(
    ("code", "sample"),
    [
        ("glued-text", text_pair("The sky is", "blue", "green")),
        ("glued-text", text_pair("What is 2 + 2?", "4", "5")),
        ("glued-text", text_pair("The sky is", " blue", "green")),
        ("prompt-repeated", text_pair("What is 2 + 2?\n", "What is 2 + 2?\n4", "What is 2 + 2?\n5")),
        ("prompt-repeated", text_pair("2 + 2?\n", "2 + 2? 4", "2 + 2? 5")),
        ("prompt-repeated", chat_pair([user("2 + 2?")], [user("2 + 2?"), bot("4")], [user("2 + 2?"), bot("5")])),
        ("prompt-repeated", chat_pair([user("What is 2 + 2?")], [bot("What is 2 + 2? 4")], [bot("What is 2 + 2? 5")])),
        (
            "prompt-repeated",
            chat_pair(
                [user("Hi"), bot("Hello"), user("2 + 2?")],
                [user("Hi"), bot("Hello"), user("2 + 2?"), bot("4")],
                [user("Hi"), bot("Hello"), user("2 + 2?"), bot("5")],
            ),
        ),
        (
            "prompt-repeated",
            chat_pair([user("What is 2 + 2?")], [bot("Q: What is 2 + 2? 4")], [bot("Q: What is 2 + 2? 5")]),
        ),
        ("context-differs", chat_pair([], [user("2 + 2?"), bot("4")], [user("2 + 3?"), bot("6")])),
        ("context-differs", chat_pair([user("Hi")], [bot("Hello")], [user("Are you there?"), bot("Go")])),
        (
            "context-differs",
            chat_pair(
                [], [{"role": "system", "content": "Be kind."}, user("Hi"), bot("Hello")], [user("Hi"), bot("Go")]
            ),
        ),
        ("context-differs", text_pair("", "\n\nHuman: Hi\n\nAssistant: Hello", "\n\nHuman: Ho\n\nAssistant: Go")),
        ("ends-on-user", chat_pair([user("Hi")], [bot("Hello"), user("Bye")], [bot("Go")])),
        ("ends-on-user", chat_pair([], [user("Hi")], [user("Hello")])),
        (
            "ends-on-user",
            text_pair("", "\n\nHuman: Hi\n\nAssistant: Hello", "\n\nHuman: Hi\n\nAssistant: Go\n\nHuman: No"),
        ),
        ("empty-answer", text_pair("2 + 2? ", "4", "")),
        ("empty-answer", text_pair("2 + 2? ", " \n", "5")),
        ("empty-answer", chat_pair([user("2 + 2?")], [bot("4")], [bot("  ")])),
        ("empty-answer", text_pair("", "\n\nHuman: Hi\n\nAssistant: Hello", "\n\nHuman: Hi\n\nAssistant: ")),
        ("empty-answer", Pair(TokenIds((1, 2)), TokenIds(()))),
        ("empty-prompt", text_pair("", "4", "5")),
        ("empty-prompt", chat_pair([user(" ")], [bot("4")], [bot("5")])),
        ("empty-prompt", chat_pair([{"role": "system", "content": "Be kind."}], [bot("4")], [bot("5")])),
        ("empty-prompt", Steps(" ", ("a", "b"), (1.0, 0.0))),
        ("empty-step", Steps("Hi", ("a", " "), (1.0, 0.0))),
        ("separator-doubled", Steps("Hi", ("a\n", "b"), (1.0, 0.0))),
        ("separator-in-step", Steps("Hi", ("a\nc", "b"), (1.0, 0.0))),
        ("one-class", Steps("Hi", ("a", "b"), (0.0, 0.0))),
        ("one-class", Steps("Hi", ("a", "b", "c"), (1.0, None, 1.0))),
    ],
)
def test_the_finding_and_no_other(code, sample):
    assert codes(sample) == {code}


PAIR = {"prompt": "Hi", "chosen": "Hello", "rejected": "Go"}


@pytest.mark.parametrize(
    ("code", "change", "where"),
    [
        ("special-in-text", {"prompt": "Hi<|im_end|>"}, "`prompt` spells <|im_end|> at character 2"),
        ("special-in-text", {"chosen": [bot("Hello"), bot("</s>")]}, "`chosen.1.content` spells </s> at character 0"),
        ("special-in-text", {"completions": ["a", "<s>b"]}, "`completions.1` spells <s>"),
        ("encoding-suspect", {"prompt": "Itâ€™s late."}, "`prompt`: mojibake"),
        ("encoding-suspect", {"chosen": [user("Hi"), bot("caf\ufffd")]}, "`chosen.1.content`: a replacement character"),
        ("encoding-suspect", {"rejected": "a\x1b[31m"}, "`rejected`: a terminal escape at character 1"),
        (
            "invisible-text",
            {"rejected": "a\u202eb\u2066"},
            "`rejected`: 2 invisible characters, the first U+202E (right-to-left override) at character 1",
        ),
    ],
)
def test_odd_text_is_found_in_the_columns_that_are_read(code, change, where):
    sample = text_pair("Hi ", "Hello", "Go")
    (found,) = sample_findings(PAIR | change, sample, (*PAIR, "completions"), SPECIAL, "\n")
    assert found.code == code
    assert where in found.message
    assert codes(sample, PAIR | {"metadata": "<|im_end|> Itâ€™s \x1b"}) == set()


def test_text_that_a_format_adds_is_not_the_rows():
    row = {"input": "Hi", "chosen": "Hello", "rejected": " "}
    head = "<|im_start|>user\n\nHi<|im_end|>"
    sides = [PlainText(head, row[name] + "<|im_end|>", answer_field=name) for name in ("chosen", "rejected")]
    assert codes(Pair(*sides), row, reads=tuple(row)) == {"empty-answer"}
    row["rejected"] = "Go"
    assert codes(Pair(*sides), row, reads=tuple(row)) == set()


@pytest.mark.parametrize(
    ("row", "sample"),
    [
        ({"question": "2 + 2?", "chosen": "4", "rejected": "5"}, text_pair("", "4", "5")),
        ({"context": "2 + 2?", "chosen": "4", "rejected": "5"}, chat_pair([], [bot("4")], [bot("5")])),
        ({"prompt": [user("2 + 2?")], "chosen": "4", "rejected": "5"}, text_pair("", "4", "5")),
        (
            {"instruction": "Add these two numbers.", "prompt": "2, 2", "chosen": "4", "rejected": "5"},
            text_pair("2, 2 ", "4", "5"),
        ),
    ],
)
def test_a_prompt_in_a_column_that_is_not_read(row, sample):
    reads = ("chosen", "rejected") if isinstance(row.get("prompt"), list) else ("prompt", "chosen", "rejected")
    assert codes(sample, row, reads) == {"prompt-ignored"}


@pytest.mark.parametrize(
    ("row", "sample"),
    [
        ({"prompt": "2 + 2? ", "chosen": "4", "rejected": "5"}, text_pair("2 + 2? ", "4", "5")),
        ({"question": "2 + 2?", "prompt": "Q: 2 + 2? A: "}, text_pair("Q: 2 + 2? A: ", "4", "5")),
        ({"question": "What is 2 + 2?"}, chat_pair([user("What is 2 + 2?")], [bot("4")], [bot("5")])),
        ({"task": "short arithmetic for children"}, chat_pair([user("2 + 2?")], [bot("4")], [bot("5")])),
        ({"input": "gsm8k"}, chat_pair([user("2 + 2?")], [bot("4")], [bot("5")])),
        ({"question": None}, chat_pair([user("2 + 2?")], [bot("4")], [bot("5")])),
        ({"question": ["2 + 2?", "what", "is"]}, chat_pair([user("2 + 2?")], [bot("4")], [bot("5")])),
        ({}, text_pair("", "What is 2 + 2? It is 4.", "What is 2 + 2? It is 5.")),
    ],
)
def test_other_columns_are_left_alone(row, sample):
    assert codes(sample, row) == set()


@pytest.mark.parametrize(
    "text",
    [
        "Itâ€™s", "â€œquotedâ€\x9d", "cafÃ©", "naÃ¯ve", "Â£5", "Â©", "20Â°C", "non\u00c2\u00a0breaking", "ðŸ˜€",
        "ï»¿start", "ï¿½", "Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "ä½\u00a0å¥½ä½\u00a0", "ã‚¹ãƒ†", "Acmeâ„¢", "caf\ufffd", "\x00",
        "\x1b[31mred", "\x07", "\x0crac{1}{2}", "\x7f", "\x85", "\ud800", "a\udfffb", "\x08eta",
    ],
)  # fmt: skip
def test_text_that_looks_badly_decoded(text):
    assert suspect(f"some {text} here")


@pytest.mark.parametrize(
    "text",
    [
        "plain", "tab\tnew\r\nline", "café naïve façade", "CAFÉ” and “VOILÀ”", "É… à —", "NÃO, SÃO PAULO",
        "MAÇÃ”", "Ângela", "20°C ©2024 £5 ™ ½", "“quotes” ‘single’ — dash – dash… • bullet", "привет, Ёлка",
        "Ελληνικά Ώρα", "你好，世界。", "こんにちは", "한국어", "مرحبا", "שלום", "नमस्ते", "😀👩‍🚀🏳️‍🌈", "a\u00a0b",
        "\ufeffmark", "zero\u200bwidth", "∑∫≤≥→", "Þórður ðð Æ", "Ñandú Ñ.", "Ðakovo Ð", "Tiếng Việt ã ấ â",
        "Ç'est Âge «Â»", "x̂ e\u0301",
    ],
)  # fmt: skip
def test_text_in_any_language_is_text(text):
    assert suspect(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffmark", "a\ufeffb", "zero\u200bwidth", "x\u200cy", "x\u200dy", "a\u200e b", "a\u200f b", "2\u2060%",
        "if (admin\u2069\u2066) {", "gpj.\u202egnp\u202c", "אב\u202egnp", "میخواهم\ufeff", "😀\u200d alone",
        "می\u200c\u200cخواهم", "hi\U000e0068\U000e0069", "中\u2060文",
    ],
)  # fmt: skip
def test_characters_that_hide_without_need_are_told(text):
    assert hidden(text)


@pytest.mark.parametrize(
    "text",
    [
        "plain", "naïve “café”", "می\u200cخواهم", "نامه\u200cای", "क\u094d\u200dष", "क\u094d\u200cष", "ශ්\u200dරී",
        "👩\u200d👩\u200d👧", "👩🏽\u200d🚀", "🏳️\u200d🌈", "❤️\u200d🔥", "🏴\U000e0067\U000e0062\U000e0065\U000e007f",
        "ภาษา\u200bไทย", "ភាសា\u200bខ្មែរ", "שלום (C++\u200e)", "مرحبا \u2068Bob\u2069", "\u200fאב", "a\u00a0b",
    ],
)  # fmt: skip
def test_characters_that_a_script_or_an_emoji_needs_are_let_pass(text):
    assert hidden(text) is None


def test_utf8_of_common_text_read_as_cp1252_is_told():
    words = [
        "It’s",
        "“so”",
        "a—b",
        "wait…",
        "café",
        "für",
        "señor",
        "привет всем",
        "你好世界",
        "😀",
        "100 €",
        "Ελληνικά",
    ]
    for word in words:
        garbled = word.encode().decode("cp1252", "replace")
        assert suspect(garbled), (word, garbled)
        assert suspect(word.encode().decode("latin-1")), word
        assert suspect(word) is None
