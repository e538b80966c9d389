import time

import pytest

from workbench.widgets.yaml_line import yaml_spans


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("sequence_len: 512", [("sequence_len", "key"), (":", "punctuation"), ("512", "value")]),
        ("lr: 1e-5  # small", [("# small", "comment"), ("lr", "key"), (":", "punctuation"), ("1e-5", "value")]),
        ("  - path: a#b", [("- ", "punctuation"), ("path", "key"), (":", "punctuation")]),
        ('sep: "# no"', [("sep", "key"), (":", "punctuation")]),
        ("# all: 1", [("# all: 1", "comment")]),
        ("wandb: null", [("wandb", "key"), (":", "punctuation"), ("null", "null")]),
        ("bf16: true", [("bf16", "key"), (":", "punctuation"), ("true", "value")]),
        ("half_typed", []),
        ("  - q_proj", [("- ", "punctuation")]),
        ("url: http://x", [("url", "key"), (":", "punctuation")]),
        ("it's: 'a # b' # c", [("# c", "comment")]),
        ("", []),
    ],
)
def test_the_parts_of_a_line(line, parts):
    assert [(line[start:end], kind) for start, end, kind in yaml_spans(line)] == parts


@pytest.mark.parametrize("line", ["'" * 3000, '"' * 3001 + "#", "- " * 3000, "a" * 20000, '\\"' * 3000 + " #"])
def test_no_line_takes_long(line):
    begin = time.process_time()
    list(yaml_spans(line))
    assert time.process_time() - begin < 0.5
