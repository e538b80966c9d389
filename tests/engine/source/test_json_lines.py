"""JSON-lines: an odd line costs itself and no other, whatever stands in it."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.source.content import Content
from engine.source.jsonlines import JsonLines
from engine.source.row import RowError, SourceError

PATH = Path("rows.jsonl")


def rows_of(data: bytes):
    return JsonLines(Content(PATH, data), PATH, "").rows(0, 1_000_000)


def test_a_bad_line_is_an_error_that_names_file_and_line():
    rows = rows_of(b'{"a": 1}\n\n{"a": \n[1, 2]\n"text"\nnull\n3\n\xff\n{"a": 2}')
    assert rows[0] == {"a": 1} and rows[-1] == {"a": 2}
    messages = [row.message for row in rows[1:-1]]
    assert [message.split(": ")[0] for message in messages] == [f"rows.jsonl:{line}" for line in range(3, 9)]
    for message, word in zip(messages, ["not JSON", "a list", "a text", "null", "a number", "not UTF-8"], strict=True):
        assert word in message


def test_rows_that_disagree_in_type_stand_as_they_were_written():
    lines = [
        '{"labels": [null, true]}',
        '{"labels": ["true", 1, 1.0, false]}',
        '{"labels": "text"}',
        '{"labels": {"a": []}}',
        '{"labels": null, "more": 1}',
    ]
    assert [json.dumps(row) for row in rows_of("\n".join(lines).encode())] == lines


def test_lone_surrogates_nul_and_raw_control_characters_survive():
    rows = rows_of(b'{"a": "\\ud800 \\u0000"}\n{"a": "\xed\xa0\x80"}\n{"a": "\x1b[31m\t\x00"}')
    assert rows == [{"a": "\ud800 \x00"}, {"a": "\ud800"}, {"a": "\x1b[31m\t\x00"}]


def test_the_last_of_equal_keys_counts():
    assert rows_of(b'{"a": 1, "a": 2}') == [{"a": 2}]


@pytest.mark.parametrize("line", [b"[" * 100_000, b'{"a":' * 100_000, b'{"a": ' + b"9" * 10_000 + b"}"])
def test_a_line_made_to_break_the_parser_costs_itself(line):
    rows = rows_of(line + b'\n{"a": 1}\n')
    assert isinstance(rows[0], RowError)
    assert rows[1] == {"a": 1}


def test_line_numbers_count_the_blank_lines_that_rows_do_not(tmp_path):
    source = JsonLines(Content(PATH, b'\n \n{"a": 1}\n\r\n\t\n{"a": 2}\n'), PATH, "")
    assert len(source) == 2
    assert [source.line(0), source.line(1)] == [3, 6]


def test_lines_longer_than_a_block_and_files_of_many_blocks(monkeypatch):
    monkeypatch.setattr("engine.source.jsonlines._BLOCK", 64)
    monkeypatch.setattr("engine.source.jsonlines._FIRST_BLOCK", 16)
    values = [{"a": "x" * (i * 37 % 300), "i": i} for i in range(200)]
    data = "\n".join(json.dumps(value) + "\n" * (i % 3) for i, value in enumerate(values)).encode()
    assert rows_of(data) == values
    source = JsonLines(Content(PATH, data), PATH, "")
    assert [source[i] for i in (150, 3, 199, 0)] == [values[i] for i in (150, 3, 199, 0)]
    assert len(source) == 200


def test_a_file_larger_than_what_is_kept_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.source.content._WINDOW", 100)
    monkeypatch.setattr("engine.source.jsonlines._BLOCK", 256)
    monkeypatch.setattr("engine.source.jsonlines._FIRST_BLOCK", 64)
    values = [{"a": "é" * (i % 90), "i": i} for i in range(300)]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(value, ensure_ascii=False) for value in values), encoding="utf-8")
    source = JsonLines(Content(path), path, "")
    assert [source[i] for i in (250, 3, 299, 0, 1, 2)] == [values[i] for i in (250, 3, 299, 0, 1, 2)]
    assert source.rows(0, 300) == values


def test_a_file_that_changes_while_it_is_open_is_said_to_have(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": "%s"}\n' % (b"x" * 300) * 3_000)
    source = JsonLines(Content(path), path, "")
    assert isinstance(source[0], dict)
    path.write_bytes(b'{"a": 1}\n')
    with pytest.raises(SourceError, match="changed"):
        source[2_000]
    path.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        source[2_000]


def test_the_index_goes_only_as_far_as_was_asked_for():
    data = b'{"a": 1}\n' * 1_000_000
    source = JsonLines(Content(PATH, data), PATH, "")
    assert source[0] == {"a": 1}
    assert len(source._starts) < 100_000


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=8), JSON_VALUES, max_size=4), max_size=8), st.booleans())
def test_any_objects_come_back_as_written(values, ascii_only):
    lines = [json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass") for value in values]
    assert rows_of(b"\n".join(lines)) == values


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60) | st.text(max_size=40).map(lambda text: text.encode())))
@example([b'{"a": 1e999}', b'{"a": NaN}', b"\xef\xbb\xbf{}", b"{}{}", b"\x00", b'{"\\ud83d": 1}', b"\x0c", b"\r"])
def test_any_bytes_are_rows_or_errors_one_for_each_line_that_is_not_blank(lines):
    data = b"\n".join(lines)
    expected = [line for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
    rows = rows_of(data)
    assert len(rows) == len(expected)
    for row, line in zip(rows, expected, strict=True):
        assert isinstance(row, dict | RowError)
        try:
            value = json.loads(line.decode("utf-8"), strict=False)
        except ValueError:
            value = None
        if isinstance(value, dict) and value == value:
            assert repr(row) == repr(value)
