import json
import math
import os
import threading
from dataclasses import replace

import pytest

from engine.events.reader import EventReader
from engine.events.schema import Checkpoint, End, Eval, FindingEvent, Metric, PhaseEvent, Start
from engine.events.writer import EventWriter

START = Start("demo-1", "pair", "cpu", 10, "d1", {"rows": 3, "kept": 2, "dropped": {"identical-pair": 1}}, 7, 5)


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_kind_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / "events.jsonl"
    events = [
        START,
        replace(START, resumed_from="checkpoint-2", eval_ledger={"rows": 2, "kept": 2, "dropped": {}}),
        PhaseEvent("encoding", "rows", 1, 2),
        Metric(1, {"loss": 0.693147181, "accuracy": 0.5}),
        Eval(2, {"eval_accuracy": 0.75}),
        Checkpoint(2, "checkpoint-2"),
        FindingEvent("flat-loss", "warning", "\x1b[31mred \ud800", ((0, 3), (1, 4))),
        End("failed", "no", "do this"),
    ]
    with EventWriter(path) as writer:
        assert all(writer.write(event) for event in events)
    records = EventReader(path).read()
    assert [record.event for record in records] == events
    assert [record.seq for record in records] == list(range(8))


def test_a_line_is_one_write_of_printable_ascii(tmp_path, monkeypatch):
    writes = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: writes.append(data) or real(fd, data))
    with EventWriter(tmp_path / "e") as writer:
        writer.write(PhaseEvent("loading", "a\nb\x1b[2J\x9b\x7f é"))
    assert len(writes) == 1
    assert writes[0].endswith(b"\n")
    assert all(32 <= byte < 127 for byte in writes[0][:-1])


def test_nan_and_infinity_travel_as_null_and_are_named(tmp_path):
    with EventWriter(tmp_path / "e") as writer:
        writer.write(Metric(3, {"loss": math.nan, "grad_norm": math.inf, "accuracy": 0.5, "margin": None}))
        writer.write(Start("r", "pair", "cpu", 1, "d", {"rows": math.nan}, 1, 1))
    metric, start = lines_of(tmp_path / "e")
    assert metric["values"] == {"loss": None, "grad_norm": None, "accuracy": 0.5, "margin": None}
    assert metric["not_finite"] == ["grad_norm", "loss"]
    assert start["ledger"] == {"rows": None}


def test_metrics_keep_what_a_float32_has_and_whole_counts(tmp_path):
    with EventWriter(tmp_path / "e") as writer:
        writer.write(Metric(1, {"loss": 1 / 3, "tokens": 123456789012}))
    (line,) = lines_of(tmp_path / "e")
    assert line["values"] == {"loss": 0.333333333, "tokens": 123456789012}


def test_a_resumed_run_goes_on_counting(tmp_path):
    path = tmp_path / "e"
    with EventWriter(path) as writer:
        writer.write(START)
        writer.write(End("stopped"))
    with EventWriter(path) as writer:
        writer.write(START)
    assert [record.seq for record in EventReader(path).read()] == [0, 1, 2]


@pytest.mark.parametrize("torn", [b'{"v": 1, "seq": 1, "ti', b"\x00\x00\x00", b"{"])
def test_a_half_written_last_line_is_ended_and_skipped(tmp_path, torn):
    path = tmp_path / "e"
    with EventWriter(path) as writer:
        writer.write(START)
    with path.open("ab") as file:
        file.write(torn)
    with EventWriter(path) as writer:
        writer.write(End("finished"))
    reader = EventReader(path)
    assert [(record.seq, record.event) for record in reader.read()] == [(0, START), (1, End("finished"))]
    assert reader.damaged == 1


def test_a_whole_last_line_that_lacks_only_its_newline_is_not_lost_nor_its_number_used_twice(tmp_path):
    path = tmp_path / "e"
    with EventWriter(path) as writer:
        writer.write(START)
        writer.write(PhaseEvent("training"))
    path.write_bytes(path.read_bytes()[:-1])
    with EventWriter(path) as writer:
        writer.write(End("finished"))
    reader = EventReader(path)
    assert [record.seq for record in reader.read()] == [0, 1, 2]
    assert reader.damaged == 0


def test_zeros_that_a_power_cut_left_neither_end_the_run_nor_use_a_number_twice(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.events.writer._TAIL", 64)
    path = tmp_path / "e"
    with EventWriter(path) as writer:
        writer.write(START)
        writer.write(PhaseEvent("training"))
    with path.open("ab") as file:
        file.write(b"\0" * 5000)
    follower = EventReader(path)
    assert len(follower.read()) == 2
    with EventWriter(path) as writer:
        writer.write(End("finished"))
    assert [record.seq for record in follower.read()] == [2]
    assert follower.damaged == 1
    assert [record.seq for record in EventReader(path).read()] == [0, 1, 2]


def test_a_clock_that_jumps_ahead_and_is_put_right_leaves_the_order_of_times(tmp_path, monkeypatch):
    now = [1_000_000.0]
    monkeypatch.setattr("engine.events.writer.time.time", lambda: now[0])
    path = tmp_path / "e"
    for jump in (0, 10_000_000, -10_000_000):
        now[0] += jump
        with EventWriter(path) as writer:
            writer.write(PhaseEvent("training"))
    times = [record.time for record in EventReader(path).read()]
    assert times == sorted(times)


def test_time_never_steps_back_when_the_clock_does(tmp_path, monkeypatch):
    now = [1_000_000.0]
    monkeypatch.setattr("engine.events.writer.time.time", lambda: now[0])
    path = tmp_path / "e"
    with EventWriter(path) as writer:
        writer.write(START)
        now[0] -= 3600
        writer.write(PhaseEvent("training"))
    with EventWriter(path) as writer:
        writer.write(End("finished"))
    times = [record.time for record in EventReader(path).read()]
    assert times == sorted(times)
    assert times[0] >= 1_000_000


def test_a_full_disk_keeps_events_back_and_loses_none(tmp_path, monkeypatch, caplog):
    path = tmp_path / "e"
    room = [150]
    real = os.write

    def write(descriptor, data):
        if not room[0]:
            raise OSError(28, "No space left on device")
        taken = min(len(data), room[0])
        room[0] -= taken
        return real(descriptor, data[:taken])

    monkeypatch.setattr(os, "write", write)
    writer = EventWriter(path)
    answers = [writer.write(Metric(step, {"loss": 0.5})) for step in range(5)]
    assert answers[0]
    assert not any(answers[2:])
    assert len(caplog.records) == 1
    room[0] = 1 << 20
    assert writer.write(End("finished"))
    writer.close()
    reader = EventReader(path)
    assert [record.seq for record in reader.read()] == list(range(6))
    assert reader.damaged == 1


def test_a_deleted_file_is_created_anew_and_a_deleted_folder_is_survived(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    writer = EventWriter(folder / "e")
    writer.write(START)
    (folder / "e").unlink()
    assert writer.write(PhaseEvent("training"))
    assert [record.seq for record in EventReader(folder / "e").read()] == [1]
    (folder / "e").unlink()
    folder.rmdir()
    assert not writer.write(PhaseEvent("saving"))
    assert not folder.exists()
    folder.mkdir()
    assert writer.write(End("finished"))
    assert [record.seq for record in EventReader(folder / "e").read()] == [2, 3]


def test_threads_do_not_mix_their_lines(tmp_path):
    path = tmp_path / "e"
    with EventWriter(path) as writer:
        threads = [
            threading.Thread(target=lambda: [writer.write(Metric(i, {"loss": 0.1})) for i in range(200)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    reader = EventReader(path)
    assert [record.seq for record in reader.read()] == list(range(800))
    assert reader.damaged == 0
