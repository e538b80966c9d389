"""The inspector process, asked as the screen asks it."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from engine.inspector.check_messages import CheckReport
from engine.inspector.client import Inspector
from engine.inspector.messages import Description, Failure, PresetText, Rows
from engine.prepare.open import open_preset
from engine.prepare.sets import prepare
from engine.preset.load import load_preset
from engine.progress import Progress
from tests.engine.conftest import pair_rows


@pytest.fixture
async def inspector(tmp_path):
    async with Inspector(tmp_path / "inspector.log") as running:
        yield running


def text_of(path) -> PresetText:
    return PresetText(path.read_text(encoding="utf-8"), str(path))


async def test_it_describes_and_encodes_what_training_would_consume(inspector, write_preset):
    path = write_preset(pair_rows(30), "    type: bradley_terry.chat_template\n")
    description = await inspector.describe(text_of(path))
    assert isinstance(description, Description)
    assert (description.train_rows, description.eval_rows) == (30, 0)
    assert description.sources[0].columns == ("input", "chosen", "rejected")

    rows = await inspector.rows(text_of(path), "train", 10, 14)
    assert isinstance(rows, Rows)
    assert (rows.total, [view.row for view in rows.rows]) == (30, [10, 11, 12, 13])
    consumed = prepare(open_preset(load_preset(str(path)))).train.rows
    for view in rows.rows:
        trained = consumed[view.row].encoding
        chosen, rejected = view.sequences
        assert chosen.ids[chosen.kept_start : chosen.kept_end] == trained.chosen_ids
        assert rejected.ids[rejected.kept_start : rejected.kept_end] == trained.rejected_ids
        assert (chosen.pooled, rejected.pooled) == (trained.chosen_pooled, trained.rejected_pooled)


async def test_a_check_reports_progress_and_the_digest_that_training_would_record(inspector, write_preset):
    path = write_preset(pair_rows(1500))
    replies = [reply async for reply in inspector.check(text_of(path))]
    assert len(replies) > 1
    assert all(isinstance(reply, Progress) for reply in replies[:-1])
    report = replies[-1]
    assert isinstance(report, CheckReport)
    assert report.digest == prepare(open_preset(load_preset(str(path)))).train.digest


async def test_unsaved_edits_are_seen(inspector, write_preset):
    path = write_preset(pair_rows(3))
    edited = PresetText(path.read_text(encoding="utf-8") + "sequence_len: 5\n", str(path))
    rows = await inspector.rows(edited, "train", 0, 1)
    assert rows.rows[0].reason == "too-long"


async def test_a_bad_preset_is_answered_with_its_place(inspector, write_preset):
    path = write_preset(pair_rows(3), "sequence_length: 5\n")
    failure = await inspector.describe(text_of(path))
    assert isinstance(failure, Failure)
    assert f"{path}:5:1" in failure.what
    assert "sequence_len" in failure.what


async def test_a_missing_file_is_answered_and_the_process_lives_on(inspector, write_preset):
    path = write_preset(pair_rows(3))
    (path.parent / "rows.jsonl").unlink()
    assert isinstance(await inspector.describe(text_of(path)), Failure)
    write_preset(pair_rows(3))
    assert isinstance(await inspector.describe(text_of(path)), Description)
    assert inspector.restarts == 0


async def test_names_that_are_no_unicode_are_answered_and_the_process_lives_on(inspector, write_preset):
    path = write_preset(pair_rows(3))
    folder = path.parent / "data"
    folder.mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.jsonl")).write_bytes(b"\x00 no rows")
    of_folder = PresetText(path.read_text().replace("rows.jsonl", "data"), str(path))
    failure = await asyncio.wait_for(inspector.describe(of_folder), 60)
    assert isinstance(failure, Failure)
    assert "udcff" in failure.where + failure.what
    failure = await inspector.describe(PresetText(path.read_text(), os.fsdecode(b"/\xff/mine.yaml")))
    assert isinstance(failure, Failure)
    assert isinstance(await inspector.describe(text_of(path)), Description)
    assert inspector.restarts == 0


async def test_a_killed_process_is_said_and_started_again(inspector, write_preset):
    path = write_preset(pair_rows(3))
    assert isinstance(await inspector.describe(text_of(path)), Description)
    asking = asyncio.create_task(inspector.rows(text_of(path), "train", 0, 1))
    os.kill(inspector._process.pid, signal.SIGSTOP)
    await asyncio.sleep(0.1)
    os.kill(inspector._process.pid, signal.SIGKILL)
    answer = await asking
    assert isinstance(answer, Failure | Rows)
    if isinstance(answer, Failure):
        assert "signal 9" in answer.what
    assert isinstance(await inspector.rows(text_of(path), "train", 0, 1), Rows)
    assert inspector.restarts == 1


async def test_a_check_that_is_given_up_stops_working(inspector, write_preset):
    path = write_preset([row for row in pair_rows(200) for _ in range(200)])
    checking = inspector.check(text_of(path))
    assert isinstance(await anext(checking), Progress)
    await checking.aclose()
    # Were it still at work, a second check would have to wait for forty thousand rows.
    write_preset(pair_rows(2))
    replies = [reply async for reply in inspector.check(text_of(path))]
    assert isinstance(replies[-1], CheckReport)
    assert replies[-1].rows == 2


async def test_hostile_rows_cross_unharmed(inspector, write_preset):
    hostile = "\x1b]0;owned\x07\u202e\x00 <|im_end|>" + "x" * 300_000
    path = write_preset(
        [{"input": "q", "chosen": hostile, "rejected": "\ud800 lone"}, *pair_rows(1)], "sequence_len: 400000\n"
    )
    rows = await inspector.rows(text_of(path), "train", 0, 2)
    assert isinstance(rows, Rows)
    assert [view.row for view in rows.rows] == [0, 1]
    assert rows.rows[0].reason or rows.rows[0].findings
    assert rows.rows[1].kept
