from engine.events.schema import Record
from workbench import run_follower
from workbench.run_follower import Follower
from workbench.run_history import RunHistory


def test_what_was_there_before_comes_folded_and_what_is_new_as_events(make_run, make_records, write_events):
    records = make_records(60)
    folder = make_run("pairs-1", records[:40])
    follower = Follower(folder)
    follower.read()
    first = follower.take()
    assert first.history.step == 37
    assert first.records == []
    write_events(folder, records[40:])
    follower.read()
    assert [record.seq for record in follower.take().records] == [record.seq for record in records[40:]]


def test_what_nobody_took_is_not_lost(make_run, make_records, write_events):
    records = make_records(60)
    folder = make_run("pairs-1", records[:20])
    follower = Follower(folder)
    follower.read()
    write_events(folder, records[20:40])
    follower.read()
    write_events(folder, records[40:])
    follower.read()
    news = follower.take()
    news.history.add(news.records)
    assert news.history.step == 60


def test_a_long_history_is_read_in_parts_that_say_how_far_they_are(make_run, make_records, monkeypatch):
    monkeypatch.setattr(run_follower, "_SLICE", 0.9)
    monkeypatch.setattr(run_follower, "_CHUNK", 4096)
    folder = make_run("pairs-1", make_records(100))
    follower, shares = Follower(folder), []
    monkeypatch.setattr(run_follower, "time", Ticks())
    while (news := read(follower)).history is None:
        assert news.more
        shares.append(news.share)
    assert shares == sorted(shares)
    assert 0 < shares[0] < 1
    assert news.history.step == 100


class Ticks:
    """A clock on which every slice has room for one chunk."""

    def __init__(self):
        self.now = 0

    def monotonic(self):
        self.now += 1
        return self.now / 2


def read(follower):
    follower.read()
    return follower.take()


def test_a_rewritten_file_begins_a_new_history(make_run, make_records, write_events):
    folder = make_run("pairs-1", make_records(60))
    follower = Follower(folder)
    follower.read()
    follower.take()
    (folder / "events.jsonl").unlink()
    write_events(folder, [Record(r.seq, r.time, r.event) for r in make_records(30)])
    news = read(follower)
    assert isinstance(news.history, RunHistory)
    assert news.history.step == 30
