import json
import multiprocessing
import os
import shutil
from collections import namedtuple

import pytest

from engine.preset.load import load_preset, parse_preset
from engine.runs.error import RunError
from engine.runs.folder import RunFolder, create_run
from engine.runs.index import known_run_folders
from engine.runs.manifest import Manifest, read_manifest, update_manifest


def test_a_run_lies_in_runs_and_is_named_after_its_preset_and_numbered(loaded, tmp_path):
    first, second = create_run(loaded), create_run(loaded)
    assert [first.path, second.path] == [tmp_path / "here" / "runs" / name for name in ("tiny-1", "tiny-2")]
    manifest = first.manifest()
    assert (manifest.name, manifest.preset, manifest.model_kind) == ("tiny-1", "tiny", "pair")
    assert manifest.base == str(tmp_path / "here")
    assert json.loads((first.path / "run.json").read_text())["name"] == "tiny-1"


def test_output_dir_is_the_parent_and_the_name_can_be_given(tmp_path):
    text = f"base_model: m/m\nreward_model: true\ndatasets: [{{path: rows.jsonl}}]\noutput_dir: {tmp_path}/out\n"
    run = create_run(parse_preset(text, tmp_path / "p.yaml"), "mine.v2")
    assert run.path == tmp_path / "out" / "mine.v2"
    assert known_run_folders() == [run.path]


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "-rf", "x\x1b[2J", "n" * 200, "a\nb"])
def test_a_name_that_is_no_folder_name_is_refused_and_shown_harmless(loaded, name):
    with pytest.raises(RunError) as refused:
        create_run(loaded, name)
    assert "\x1b" not in str(refused.value)
    assert not RunFolder(loaded.path.parent / "runs").path.exists()


def test_a_name_that_is_taken_is_refused(loaded):
    create_run(loaded, "mine")
    with pytest.raises(RunError, match="there is a run called mine already"):
        create_run(loaded, "mine")


def _create(path, done):
    done.put(create_run(load_preset(path)).name)


def test_several_apps_at_once_get_a_folder_each(loaded):
    context = multiprocessing.get_context("fork")
    done = context.Queue()
    workers = [context.Process(target=_create, args=(str(loaded.path), done)) for _ in range(6)]
    for worker in workers:
        worker.start()
    names = {done.get(timeout=20) for _ in workers}
    for worker in workers:
        worker.join()
    assert names == {f"tiny-{number}" for number in range(1, 7)}


def test_a_full_disk_is_told_before_anything_is_made(loaded, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 1 << 20))
    with pytest.raises(RunError) as refused:
        create_run(loaded)
    assert "no room for a run: 1 MiB" in str(refused.value)
    assert "output_dir" in refused.value.advice
    assert not list((loaded.path.parent / "runs").iterdir())


def test_a_parent_that_cannot_be_a_folder_is_told(loaded):
    (loaded.path.parent / "runs").write_text("in the way")
    with pytest.raises(RunError, match="a run's folder cannot be made"):
        create_run(loaded)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_told(loaded):
    (loaded.path.parent / "runs").mkdir(mode=0o555)
    with pytest.raises(RunError, match="Permission denied"):
        create_run(loaded)


def test_an_index_that_cannot_be_written_costs_a_warning_only(loaded, monkeypatch, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RM_WORKBENCH_STATE", str(tmp_path / "file"))
    run = create_run(loaded)
    assert run.exists()
    assert "not in the index" in caplog.text
    assert known_run_folders() == [run.path]


def test_the_runs_preset_means_the_same_from_anywhere(tmp_path, monkeypatch):
    there = tmp_path / "there"
    for folder in ("there/model", "there/data", "here/more"):
        (tmp_path / folder).mkdir(parents=True)
    (there / "rows.jsonl").write_text("{}\n")
    (there / "data" / "a.jsonl").write_text("{}\n")
    (there / "chat.jinja").write_text("{{ messages }}")
    (tmp_path / "here" / "more" / "b.jsonl").write_text("{}\n")
    (there / "p.yaml").write_text(
        "base_model: model\nreward_model: true\nchat_template_jinja: chat.jinja\noutput_dir: out\n"
        "datasets:\n  - path: rows.jsonl\n  - path: data\n    data_files: [a.jsonl]\n  - path: org/on-the-hub\n"
        "  - path: json\n    data_files: ['more/*.jsonl']\n  - path: demo:pairs\n"
    )
    run = create_run(load_preset(str(there / "p.yaml")))
    monkeypatch.chdir("/")
    kept = load_preset(str(run.preset)).preset
    assert kept.base_model == str(there / "model")
    assert kept.chat_template_jinja == str(there / "chat.jinja")
    assert kept.output_dir == str(tmp_path / "here" / "out")
    assert [config.path for config in kept.datasets] == [
        str(there / "rows.jsonl"),
        str(there / "data"),
        "org/on-the-hub",
        "json",
        "demo:pairs",
    ]
    assert kept.datasets[1].data_files == (str(there / "data" / "a.jsonl"),)
    assert kept.datasets[3].data_files == (str(tmp_path / "here" / "more" / "*.jsonl"),)


def test_a_manifest_of_a_newer_version_keeps_what_we_do_not_know(run):
    data = json.loads((run.path / "run.json").read_text()) | {"version": 9, "mood": {"of": "the day"}}
    (run.path / "run.json").write_text(json.dumps(data))
    update_manifest(run.path, digest="abc")
    after = json.loads((run.path / "run.json").read_text())
    assert (after["version"], after["mood"], after["digest"]) == (9, {"of": "the day"}, "abc")


def _update(path, key):
    for number in range(20):
        update_manifest(path, **{key: {"n": str(number)}})


def test_two_writers_of_the_manifest_lose_nothing_of_each_other(run):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_update, args=(run.path, key)) for key in ("versions", "ledger")]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert isinstance(read_manifest(run.path), Manifest)
    manifest = run.manifest()
    assert manifest.versions == {"n": "19"}
    assert manifest.ledger == {"n": "19"}
    assert not list(run.path.glob(".run.json.*"))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": 3}'])
def test_a_damaged_manifest_is_one_clear_message(run, content):
    (run.path / "run.json").write_text(content)
    with pytest.raises(RunError, match=r"run\.json is damaged"):
        run.manifest()
