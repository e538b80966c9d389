import json
import multiprocessing
import os

import pytest

from engine.events.schema import End
from engine.events.writer import EventWriter
from engine.runs.annotation import Annotation, archive, read_annotation, set_note, tag, unarchive
from engine.runs.error import RunError
from engine.runs.find import find_run
from engine.runs.index import known_run_folders
from engine.runs.lock import take_lock
from engine.runs.manifest import update_manifest
from engine.runs.rename import rename_run
from engine.runs.summary import list_runs, summarise


def ended(run):
    update_manifest(run.path, launched=1.0, host="far-away", launch_id="x")
    with EventWriter(run.events) as writer:
        writer.write(End("finished"))
    return run


def test_what_is_said_about_a_run_is_kept_beside_it_and_listed(run):
    assert read_annotation(run) == Annotation()
    tag(run, ["best", "#long"])
    tag(run, ["best"], remove=["long"])
    set_note(run, " two lines\nof it \n")
    assert read_annotation(run) == Annotation(("best",), "two lines\nof it", False)
    summary = summarise(run)
    assert (summary.tags, summary.note, summary.archived) == (("best",), "two lines\nof it", False)
    assert set_note(run, "").note == ""


@pytest.mark.parametrize("text", ["", "#", "two words", "a,b", "x" * 51, "\x1b[2J"])
def test_what_is_no_single_word_is_no_tag(run, text):
    with pytest.raises(RunError) as refused:
        tag(run, [text])
    assert "\x1b" not in str(refused.value)
    assert read_annotation(run).tags == ()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"tags": 3}', b"\x00" * 64])
def test_damaged_notes_are_no_notes_and_can_be_written_again(run, content):
    (run.path / "notes.json").write_bytes(content)
    assert read_annotation(run) == Annotation()
    tag(run, ["again"])
    assert json.loads((run.path / "notes.json").read_text())["tags"] == ["again"]


def test_an_archived_run_is_left_out_of_lists_until_it_is_taken_back(run, loaded):
    ended(run)
    archive(run)
    assert [summary.name for summary in list_runs()] == []
    assert [summary.archived for summary in list_runs(archived=True)] == [True]
    unarchive(run)
    assert [summary.name for summary in list_runs()] == [run.name]


def test_a_living_run_is_neither_archived_nor_renamed(run):
    update_manifest(run.path, launched=1.0, host="far-away", launch_id="x")
    lock = take_lock(run.path)
    for attempt in (lambda: archive(run), lambda: rename_run(run, "other")):
        with pytest.raises(RunError, match="the run is alive"):
            attempt()
    os.close(lock)


def test_a_renamed_run_is_found_by_its_new_name_with_all_it_had(run):
    ended(run)
    tag(run, ["kept"])
    checkpoint = run.path / "checkpoint-3"
    checkpoint.mkdir()
    best = {"global_step": 3, "best_model_checkpoint": str(checkpoint)}
    (checkpoint / "trainer_state.json").write_text(json.dumps(best))
    new = rename_run(run, "better-name")
    assert not run.path.exists()
    assert find_run("better-name").path == new.path
    assert known_run_folders() == [new.path]
    assert (new.manifest().name, read_annotation(new).tags) == ("better-name", ("kept",))
    state = json.loads((new.path / "checkpoint-3" / "trainer_state.json").read_text())
    assert state == {"global_step": 3, "best_model_checkpoint": str(new.path / "checkpoint-3")}


def test_a_name_that_is_taken_or_unfit_is_refused(run):
    ended(run)
    (run.path.parent / "taken").mkdir()
    for name, message in (("taken", "there is a taken already"), ("a/b", "cannot name a run")):
        with pytest.raises(RunError, match=message):
            rename_run(run, name)
    assert run.exists()


def _tag(run, word):
    for number in range(10):
        tag(run, [f"{word}{number}"])


def test_two_who_write_at_once_lose_nothing_of_each_other(run):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_tag, args=(run, word)) for word in ("a", "b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert read_annotation(run).tags == tuple(sorted(f"{word}{number}" for word in "ab" for number in range(10)))
    assert not list(run.path.glob(".notes.json.*"))
