"""Data sets of every kind open to the same rows; what cannot be opened says what, where and what to do."""

import gzip
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.preset.schema import DatasetConfig
from engine.source.open import open_source
from engine.source.row import RowError, SourceError

ROWS = [{"prompt": f"q{i}", "chosen": f"yes {i}", "rejected": "no, é"} for i in range(5)]


def config(path, **settings) -> DatasetConfig:
    return DatasetConfig(path=str(path), **settings)


def write_lines(path: Path, rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_table(rows) -> pa.Table:
    return pa.Table.from_pylist(rows)


def write_ipc(path: Path, opener) -> Path:
    table = write_table(ROWS)
    with opener(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return path


def json_array(folder):
    (folder / "a.json").write_text(json.dumps(ROWS, indent=1))
    return folder / "a.json"


def json_array_on_one_line(folder):
    (folder / "a.json").write_text(json.dumps(ROWS))
    return folder / "a.json"


def json_columns(folder):
    (folder / "a.json").write_text(json.dumps({key: [row[key] for row in ROWS] for key in ROWS[0]}))
    return folder / "a.json"


def json_under_a_key(folder):
    (folder / "a.json").write_text(json.dumps({"data": ROWS}, indent=1))
    return folder / "a.json"


def lines_named_json(folder):
    return write_lines(folder / "a.json", ROWS)


def json_lines(folder):
    return write_lines(folder / "a.jsonl", ROWS)


def lines_with_bom_and_crlf(folder):
    text = "\r\n".join(json.dumps(row) for row in ROWS)
    (folder / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + text.encode())
    return folder / "a.jsonl"


def compressed_lines(folder):
    (folder / "a.jsonl.gz").write_bytes(gzip.compress("\n".join(json.dumps(row) for row in ROWS).encode()))
    return folder / "a.jsonl.gz"


def lines_without_extension(folder):
    return write_lines(folder / "rows", ROWS)


def csv(folder):
    text = "prompt,chosen,rejected\r\n" + "".join(f'q{i},yes {i},"no, é"\r\n' for i in range(5))
    (folder / "a.csv").write_text(text, encoding="utf-8", newline="")
    return folder / "a.csv"


def parquet(folder):
    pq.write_table(write_table(ROWS), folder / "a.parquet", row_group_size=2)
    return folder / "a.parquet"


def arrow_file(folder):
    return write_ipc(folder / "a.arrow", pa.ipc.new_file)


def arrow_stream(folder):
    return write_ipc(folder / "a.arrow", pa.ipc.new_stream)


def folder_of_lines(folder):
    write_lines(folder / "1.jsonl", ROWS[:2])
    write_lines(folder / "2.jsonl", ROWS[2:])
    (folder / "README.md").write_text("# not data")
    return folder


def folder_of_shards(folder):
    (folder / "data").mkdir()
    pq.write_table(write_table(ROWS[:3]), folder / "data" / "train-00000-of-00002.parquet")
    pq.write_table(write_table(ROWS[3:]), folder / "data" / "train-00001-of-00002.parquet")
    pq.write_table(write_table(ROWS[:1]), folder / "data" / "test-00000-of-00001.parquet")
    return folder


def saved(folder):
    import datasets

    datasets.Dataset.from_list(ROWS).save_to_disk(folder / "saved", num_shards=2)
    return folder / "saved"


def saved_splits(folder):
    import datasets

    splits = {"train": datasets.Dataset.from_list(ROWS), "test": datasets.Dataset.from_list(ROWS[:1])}
    datasets.DatasetDict(splits).save_to_disk(folder / "saved")
    return folder / "saved"


def hub_layout(folder):
    """A copy of a hub data set: the README says which files make the split."""
    readme = "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: odd-name.jsonl\n---\n"
    (folder / "README.md").write_text(readme)
    write_lines(folder / "odd-name.jsonl", ROWS)
    write_lines(folder / "other.jsonl", ROWS[:1])
    return folder


@pytest.mark.parametrize(
    "make",
    [
        json_array,
        json_array_on_one_line,
        json_columns,
        json_under_a_key,
        lines_named_json,
        json_lines,
        lines_with_bom_and_crlf,
        compressed_lines,
        lines_without_extension,
        csv,
        parquet,
        arrow_file,
        arrow_stream,
        folder_of_lines,
        folder_of_shards,
        saved,
        saved_splits,
        hub_layout,
    ],
)
def test_every_kind_opens_to_the_same_rows(make, tmp_path):
    source = open_source(config(make(tmp_path)), tmp_path)
    assert len(source) == 5
    assert source.columns == ("prompt", "chosen", "rejected")
    assert [source[i] for i in range(5)] == ROWS
    assert source.rows(0, 5) == ROWS
    assert source.rows(1, 3) == ROWS[1:3]
    assert source.rows(3, 99) == ROWS[3:]
    assert source.rows(7, 9) == []
    with pytest.raises(IndexError):
        source[5]


def test_a_row_of_messages_in_a_json_file_is_a_row_and_not_columns(tmp_path):
    row = {"chosen": [{"role": "user", "content": "a"}], "rejected": [{"role": "user", "content": "b"}]}
    for text in (json.dumps(row), json.dumps(row, indent=2)):
        (tmp_path / "a.json").write_text(text)
        assert open_source(config(tmp_path / "a.json"), tmp_path).rows(0, 9) == [row]


def test_a_single_line_of_jsonl_is_one_row(tmp_path):
    row = {"completions": ["a", "b"], "labels": [True, False]}
    source = open_source(config(write_lines(tmp_path / "a.jsonl", [row])), tmp_path)
    assert source.rows(0, 9) == [row]


def test_a_relative_path_is_looked_up_here_and_then_beside_the_preset(tmp_path, monkeypatch):
    here, beside = tmp_path / "here", tmp_path / "beside"
    here.mkdir()
    beside.mkdir()
    monkeypatch.chdir(here)
    write_lines(beside / "a.jsonl", ROWS[:1])
    assert open_source(config("a.jsonl"), beside).rows(0, 9) == ROWS[:1]
    write_lines(here / "a.jsonl", ROWS[1:2])
    assert open_source(config("a.jsonl"), beside).rows(0, 9) == ROWS[1:2]


def test_data_files_choose_within_a_folder(tmp_path):
    write_lines(tmp_path / "a1.jsonl", ROWS[:1])
    write_lines(tmp_path / "a2.jsonl", ROWS[1:2])
    write_lines(tmp_path / "b.jsonl", ROWS[2:])
    assert open_source(config(tmp_path, data_files="b.jsonl"), tmp_path).rows(0, 9) == ROWS[2:]
    assert open_source(config(tmp_path, data_files=["b.jsonl", "a1.jsonl"]), tmp_path).rows(0, 9) == ROWS[2:] + ROWS[:1]
    assert open_source(config(tmp_path, data_files="a*.jsonl"), tmp_path).rows(0, 9) == ROWS[:2]
    with pytest.raises(SourceError, match="data_files") as caught:
        open_source(config(tmp_path, data_files="bb.jsonl"), tmp_path)
    assert "b.jsonl" in caught.value.advice


def test_a_file_type_as_path_reads_the_data_files_as_axolotl_does(tmp_path):
    write_lines(tmp_path / "rows.txt", ROWS)
    assert open_source(config("json", data_files="rows.txt"), tmp_path).rows(0, 9) == ROWS


def test_ds_type_overrules_the_name(tmp_path):
    path = tmp_path / "rows.txt"
    path.write_text("a,b\n1,\n")
    assert open_source(config(path, ds_type="csv"), tmp_path).rows(0, 9) == [{"a": "1", "b": ""}]


def test_csv_values_stay_text_and_lines_within_quotes_belong_to_the_row(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbfa,b\n1,\n"x\ny",""\n\n007,3.0\n')
    source = open_source(config(path), tmp_path)
    assert source.rows(0, 9) == [{"a": "1", "b": ""}, {"a": "x\ny", "b": ""}, {"a": "007", "b": "3.0"}]
    assert source[2] == {"a": "007", "b": "3.0"}


def test_an_odd_csv_row_costs_itself_and_is_named_by_its_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b\n"x\ny",1\n1,2,3\n\xff,1\n5,6\n7,"8\n9,10\n')
    rows = open_source(config(path), tmp_path).rows(0, 9)
    assert rows[0] == {"a": "x\ny", "b": "1"}
    assert isinstance(rows[1], RowError) and f"{path}:4:" in rows[1].message and "3 fields" in rows[1].message
    assert isinstance(rows[2], RowError) and "UTF-8" in rows[2].message
    assert rows[3] == {"a": "5", "b": "6"}
    assert isinstance(rows[4], RowError) and "never closed" in rows[4].message
    assert len(rows) == 5


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        (None, ROWS),
        ("train", ROWS),
        ("train[:2]", ROWS[:2]),
        ("train[40%:80%]", ROWS[2:4]),
        ("train[-1:]", ROWS[4:]),
        ("test", ROWS[:1]),
        ("test+train[:1]", [ROWS[0], ROWS[0]]),
    ],
)
def test_splits_and_their_slices(tmp_path, split, expected):
    source = open_source(config(folder_of_shards(tmp_path), split=split), tmp_path)
    assert source.rows(0, 99) == expected
    assert len(source) == len(expected)


def test_the_only_split_is_taken_and_an_evaluation_set_prefers_test(tmp_path):
    write_lines(tmp_path / "test.jsonl", ROWS[:1])
    assert len(open_source(config(tmp_path), tmp_path)) == 1
    write_lines(tmp_path / "train.jsonl", ROWS)
    assert len(open_source(config(tmp_path), tmp_path)) == 5
    assert len(open_source(config(tmp_path), tmp_path, default_split="test")) == 1


def test_values_of_mixed_type_that_datasets_stores_as_json_come_back_as_written(tmp_path):
    import datasets

    rows = [{"prompt": "p", "labels": [True, 0.5, None, "x"]}, {"prompt": "q", "labels": [{"a": 1}]}]
    features = datasets.Features({"prompt": datasets.Value("string"), "labels": datasets.List(datasets.Json())})
    made = datasets.Dataset.from_list(rows, features=features)
    made.save_to_disk(tmp_path / "saved")
    made.to_parquet(tmp_path / "a.parquet")
    assert open_source(config(tmp_path / "saved"), tmp_path).rows(0, 9) == rows
    assert open_source(config(tmp_path / "a.parquet"), tmp_path).rows(0, 9) == rows


def test_parquet_text_that_is_not_utf8_costs_its_row(tmp_path):
    texts = pa.array([b"good", b"\xff\xfe", b"fine"], type=pa.binary())
    table = pa.table({"a": pa.Array.from_buffers(pa.string(), 3, texts.buffers())})
    pq.write_table(table, tmp_path / "a.parquet")
    rows = open_source(config(tmp_path / "a.parquet"), tmp_path).rows(0, 9)
    assert rows[0] == {"a": "good"} and rows[2] == {"a": "fine"}
    assert isinstance(rows[1], RowError) and "row 1" in rows[1].message


def test_a_large_parquet_file_reads_any_row_in_any_order(tmp_path):
    count = 10_000
    table = pa.table({"i": list(range(count)), "text": [f"t{i}" for i in range(count)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=7_000)
    source = open_source(config(tmp_path / "a.parquet"), tmp_path)
    for i in [9_999, 0, 6_999, 7_000, 1_023, 1_024, 8_000, 3]:
        assert source[i] == {"i": i, "text": f"t{i}"}
    assert [row["i"] for row in source.rows(500, 9_500)] == list(range(500, 9_500))


def test_the_fingerprint_changes_with_the_file_and_with_the_slice(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", ROWS)
    first = open_source(config(path), tmp_path).fingerprint
    assert open_source(config(path), tmp_path).fingerprint == first
    assert open_source(config(path, split="train[:2]"), tmp_path).fingerprint != first
    write_lines(path, ROWS + ROWS)
    assert open_source(config(path), tmp_path).fingerprint != first


def unknown_split(folder):
    return config(folder_of_shards(folder), split="validation"), "validation", "train, test"


def unknown_split_of_a_file(folder):
    return config(json_lines(folder), split="train_prefs"), "train_prefs", "take `split` out"


def near_name(folder):
    json_lines(folder)
    return config(folder / "b.jsonl"), "no such file", "a.jsonl"


def empty_file(folder):
    (folder / "a.jsonl").touch()
    return config(folder / "a.jsonl"), "empty", "written"


def blank_file(folder):
    (folder / "a.jsonl").write_text("\n \n")
    return config(folder / "a.jsonl"), "no rows", "written"


def header_only(folder):
    (folder / "a.csv").write_text("a,b\n")
    return config(folder / "a.csv"), "no rows", "written"


def no_data(folder):
    (folder / "a.txt").write_text("Dear diary,\ntoday\n")
    return config(folder / "a.txt"), "not a data file", "JSON"


def picture(folder):
    (folder / "a.jsonl").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    return config(folder / "a.jsonl"), "picture", "JSON"


def broken_document(folder):
    (folder / "a.json").write_text('[\n {"a": 1},\n {"a": }\n]')
    return config(folder / "a.json"), "not JSON", "one object a line"


def not_parquet(folder):
    (folder / "a.parquet").write_text("hello")
    return config(folder / "a.parquet"), "Parquet", "again"


def parquet_called_json(folder):
    parquet(folder).rename(folder / "a.json")
    return config(folder / "a.json"), "is Parquet", "ds_type: parquet"


def empty_folder(folder):
    return config(folder), "no data files", "JSON"


def mixed_folder(folder):
    json_lines(folder)
    csv(folder)
    return config(folder), "several kinds", "ds_type"


def half_named_folder(folder):
    write_lines(folder / "train.jsonl", ROWS)
    write_lines(folder / "more.jsonl", ROWS)
    return config(folder), "more.jsonl", "data_files"


def remote(folder):
    return config("s3://bucket/a.jsonl"), "remote", "Download"


def broken_slice(folder):
    return config(json_lines(folder), split="train[3"), "not a split", "train[:100]"


def empty_slice(folder):
    return config(json_lines(folder), split="train[7:9]"), "no rows", "5 rows"


@pytest.mark.parametrize(
    "make",
    [
        unknown_split,
        unknown_split_of_a_file,
        near_name,
        empty_file,
        blank_file,
        header_only,
        no_data,
        picture,
        broken_document,
        not_parquet,
        parquet_called_json,
        empty_folder,
        mixed_folder,
        half_named_folder,
        remote,
        broken_slice,
        empty_slice,
    ],
)
def test_what_cannot_be_opened_says_what_where_and_what_to_do(make, tmp_path):
    settings, what, advice = make(tmp_path)
    with pytest.raises(SourceError) as caught:
        open_source(settings, tmp_path)
    assert what in caught.value.what + caught.value.where
    assert caught.value.where
    assert advice in caught.value.advice


def test_a_broken_document_names_line_and_column(tmp_path):
    settings, *_ = broken_document(tmp_path)
    with pytest.raises(SourceError) as caught:
        open_source(settings, tmp_path)
    assert caught.value.where.endswith("a.json:3:8")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_without_permission_says_so(tmp_path):
    path = json_lines(tmp_path)
    path.chmod(0)
    with pytest.raises(SourceError, match="permission"):
        open_source(config(path), tmp_path)


@pytest.mark.parametrize("path", ["data.jsonl", "./thing", "~/thing", "a/b/c", "sub/rows.parquet"])
def test_what_can_only_be_a_path_is_never_sent_to_the_hub(path, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the hub was asked")

    monkeypatch.setattr("engine.source.open.open_hub", refuse)
    with pytest.raises(SourceError, match="no such file"):
        open_source(config(path), tmp_path)


@pytest.fixture
def nowhere(tmp_path):
    """An environment whose hub is a closed port, with nothing cached."""
    endpoint = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "hf"), "NO_PROXY": "127.0.0.1"}
    return {**{key: value for key, value in os.environ.items() if not key.startswith("HF_")}, **endpoint}


@pytest.mark.parametrize("offline", ["0", "1"])
def test_an_unreachable_hub_is_said_at_once(tmp_path, nowhere, offline):
    code = (
        "import sys, time; from pathlib import Path\n"
        "from engine.preset.schema import DatasetConfig\n"
        "from engine.source.open import open_source\n"
        "from engine.source.row import SourceError\n"
        "began = time.monotonic()\n"
        "try: open_source(DatasetConfig(path='nobody/nothing-v0.2'), Path('.'))\n"
        "except SourceError as error: print(f'{time.monotonic() - began < 15} {error}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**nowhere, "HF_HUB_OFFLINE": offline, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.startswith("True nobody/nothing-v0.2: not a local path, and the hub"), done.stderr[-2000:]
    for what_to_do in ("local file", "hf auth login", "HF_ENDPOINT"):
        assert what_to_do in done.stdout


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (401, "RepoNotFound", "no such data set on the hub"),
        (404, "RevisionNotFound", "no revision 'v2'"),
        (403, "GatedRepo", "asks for access"),
        (500, "", "the hub answered 500"),
    ],
)
def test_what_the_hub_answers_is_said_in_words(status, code, said, monkeypatch, tmp_path):
    class Hub(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", address)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    try:
        with pytest.raises(SourceError, match=said) as caught:
            open_source(config("nobody/nothing", revision="v2"), tmp_path)
    finally:
        server.shutdown()
    assert caught.value.where == "nobody/nothing" and caught.value.advice


def test_a_copy_of_a_hub_data_set_opens_by_subset_and_split(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "copy"
    folder.mkdir()
    configs = "".join(
        f"- config_name: {name}\n  data_files:\n  - split: train\n    path: {name}.csv\n" for name in ("small", "large")
    )
    (folder / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    (folder / "small.csv").write_text("a,b\nx,y\n")
    (folder / "large.csv").write_text("a,b\nx,y\nz,\u00e9\n")
    source = open_source(config(folder, name="large"), tmp_path)
    assert source.rows(0, 9) == [{"a": "x", "b": "y"}, {"a": "z", "b": "\u00e9"}]
    assert source[1] == {"a": "z", "b": "\u00e9"} and source.columns == ("a", "b")
    with pytest.raises(SourceError, match="several subsets") as caught:
        open_source(config(folder), tmp_path)
    assert "small" in caught.value.advice and "name" in caught.value.advice
    with pytest.raises(SourceError, match="no subset 'huge'"):
        open_source(config(folder, name="huge"), tmp_path)
    with pytest.raises(SourceError, match="no split 'test'") as caught:
        open_source(config(folder, name="small", split="test"), tmp_path)
    assert "train" in caught.value.advice


def test_local_data_do_not_import_datasets(tmp_path):
    json_lines(tmp_path)
    parquet(tmp_path)
    code = (
        "import sys; from pathlib import Path\n"
        "from engine.preset.schema import DatasetConfig\n"
        "from engine.source.open import open_source\n"
        "for name in ('a.jsonl', 'a.parquet'): open_source(DatasetConfig(path=name), Path('.'))[0]\n"
        "print('datasets' in sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "False", done.stderr[-2000:]
