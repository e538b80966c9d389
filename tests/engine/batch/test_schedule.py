from itertools import chain

import pytest

from engine.batch.schedule import Schedule, Share


def rows_of(schedule):
    return [slot.index for slot in chain.from_iterable(schedule) if not slot.filler]


@pytest.mark.parametrize("rows", [1, 2, 7, 8, 9, 16, 23])
@pytest.mark.parametrize(("micro", "processes"), [(1, 1), (2, 1), (4, 1), (2, 2), (1, 3)])
def test_each_row_is_seen_once_by_one_process(rows, micro, processes):
    schedules = [Schedule(rows, Share(micro, 2, processes, p), seed=3) for p in range(processes)]
    assert sorted(chain.from_iterable(map(rows_of, schedules))) == list(range(rows))
    assert {len(list(schedule)) for schedule in schedules} == {len(schedules[0])}


def test_global_batches_do_not_depend_on_the_number_of_processes():
    def batches(micro, accumulation, processes):
        schedules = [list(Schedule(22, Share(micro, accumulation, processes, p), 5)) for p in range(processes)]
        micro_batches = list(zip(*schedules, strict=True))
        steps = [micro_batches[i : i + accumulation] for i in range(0, len(micro_batches), accumulation)]
        return [
            {slot.index for share in step for batch in share for slot in batch if not slot.filler} for step in steps
        ]

    assert batches(8, 1, 1) == batches(4, 2, 1) == batches(4, 1, 2) == batches(2, 2, 2)


def test_a_process_without_rows_gets_a_filler():
    last = list(Schedule(5, Share(2, 1, 2, 1), seed=None))[-1]
    assert [slot.filler for slot in last] == [True]


def test_epochs_differ_and_come_back():
    schedule = Schedule(50, Share(4), seed=1)
    first = rows_of(schedule)
    schedule.set_epoch(1)
    second = rows_of(schedule)
    schedule.set_epoch(0)
    assert first != second
    assert rows_of(schedule) == first


def test_without_a_seed_rows_keep_their_order():
    assert rows_of(Schedule(5, Share(2), seed=None)) == [0, 1, 2, 3, 4]
