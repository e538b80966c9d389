import json
import random

from engine.events.reader import EventReader
from engine.events.schema import End, Metric, PhaseEvent
from engine.events.writer import EventWriter, encode_event


def line(seq, event=None):
    return encode_event(event or Metric(seq, {"loss": seq / 7, "accuracy": 0.5}), seq, 1e9 + seq)


def test_a_missing_file_is_empty_until_it_is_there(tmp_path):
    path = tmp_path / "e"
    reader = EventReader(path)
    assert reader.read() == []
    with EventWriter(path) as writer:
        writer.write(PhaseEvent("starting"))
    assert [record.event for record in reader.read()] == [PhaseEvent("starting")]
    assert reader.restarts == 0


def test_only_whole_lines_are_read(tmp_path):
    path = tmp_path / "e"
    path.write_bytes(line(0) + line(1)[:20])
    reader = EventReader(path)
    assert [record.seq for record in reader.read()] == [0]
    assert reader.read() == []
    with path.open("ab") as file:
        file.write(line(1)[20:])
    assert [record.seq for record in reader.read()] == [1]
    assert reader.damaged == 0


def test_a_read_is_capped_and_goes_on_where_it_ended(tmp_path):
    path = tmp_path / "e"
    path.write_bytes(b"".join(line(seq) for seq in range(100)))
    reader = EventReader(path)
    batches = []
    while batch := reader.read(max_bytes=500):
        batches.append([record.seq for record in batch])
    assert max(map(len, batches)) <= 500 // len(line(0)) + 1
    assert [seq for batch in batches for seq in batch] == list(range(100))


def test_a_line_longer_than_the_cap_is_read_whole(tmp_path):
    path = tmp_path / "e"
    path.write_bytes(line(0, PhaseEvent("loading", "x" * 5000)) + line(1))
    reader = EventReader(path)
    assert [record.seq for record in reader.read(max_bytes=64)] == [0]
    assert [record.seq for record in reader.read(max_bytes=64)] == [1]


def test_an_endless_line_is_skipped_and_counted_once(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.events.reader._LONGEST_LINE", 4096)
    path = tmp_path / "e"
    path.write_bytes(line(0) + b"x" * 20_000 + b"\n" + line(1))
    reader = EventReader(path)
    seen = []
    for _ in range(40):
        seen += [record.seq for record in reader.read(max_bytes=1024)]
    assert seen == [0, 1]
    assert reader.damaged == 1


def test_what_is_no_event_is_counted_and_skipped(tmp_path):
    good = json.loads(line(5))
    bad = [
        b"null",
        b"[1,2]",
        b"{}",
        b"\xff\xfe",
        b"[" * 5000,
        json.dumps(good | {"values": {"loss": "high"}}).encode(),
        json.dumps(good | {"values": {"loss": True}}).encode(),
        json.dumps(good | {"step": "5"}).encode(),
        json.dumps(good | {"seq": None}).encode(),
        json.dumps(good | {"kind": ["metric"]}).encode(),
        json.dumps({"v": 1, "seq": 1, "time": 1.0, "kind": "end", "status": "exploded"}).encode(),
        line(5).replace(b"0.5", b"NaN").strip(),
        b"1],[2",
    ]
    later = [
        json.dumps({"v": 2, "seq": 6, "time": 1.0, "kind": "weather", "sun": 1}).encode(),
        json.dumps(good | {"v": 2, "seq": 7, "rain": [1]}).encode(),
    ]
    path = tmp_path / "e"
    path.write_bytes(line(0) + b"\n".join(bad + later) + b"\n\n" + line(8))
    reader = EventReader(path)
    assert [record.seq for record in reader.read()] == [0, 7, 8]
    assert reader.damaged == len(bad)
    assert reader.unknown == 1


def test_a_truncated_or_replaced_file_is_read_again_from_its_beginning(tmp_path):
    path = tmp_path / "e"
    path.write_bytes(b"".join(line(seq) for seq in range(10)))
    reader = EventReader(path)
    assert len(reader.read()) == 10
    path.write_bytes(line(0) + line(1))
    assert [record.seq for record in reader.read()] == [0, 1]
    assert reader.restarts == 1
    other = tmp_path / "other"
    other.write_bytes(b"".join(line(seq) for seq in range(5)))
    other.rename(path)
    assert [record.seq for record in reader.read()] == [0, 1, 2, 3, 4]
    assert reader.restarts == 2


def test_two_hundred_random_cuts_never_yield_a_wrong_or_lost_event(tmp_path):
    """A run killed anywhere, then resumed: what was whole is read once, in order, and the torn rest is one bad line."""
    rng = random.Random(7)
    events = [Metric(step, {"loss": rng.random(), "accuracy": rng.random()}) for step in range(60)]
    whole = b"".join(encode_event(event, seq, 1e9 + seq) for seq, event in enumerate(events))
    ends = [i for i, byte in enumerate(whole) if byte == 10]
    for case in range(200):
        cut = rng.randrange(len(whole) + 1)
        path = tmp_path / f"{case}"
        path.write_bytes(whole[:cut])
        reader = EventReader(path)
        seen = []
        while batch := reader.read(max_bytes=rng.choice([100, 1000, 100_000])):
            seen += batch
        complete = sum(end < cut for end in ends)
        assert [record.seq for record in seen] == list(range(complete))
        assert reader.damaged == 0
        with EventWriter(path) as writer:
            writer.write(End("finished"))
        after = EventReader(path)
        records = after.read()
        assert [record.seq for record in records] == list(range(len(records)))
        assert records[-1].event == End("finished")
        assert len(records) - 1 in (complete, complete + 1)
        # The reader that was following sees exactly the same.
        assert seen + reader.read() == records
        assert after.damaged == reader.damaged <= 1
