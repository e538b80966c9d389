from itertools import chain, pairwise

import numpy as np
import pytest

from engine.batch.schedule import Schedule, Share, epoch_order, prompts_of, schedule_of
from engine.encode.encoding import EncodedRow, StepsEncoding
from engine.sample import SampleId


def rows_of(schedule):
    return [slot.index for slot in chain.from_iterable(schedule) if not slot.filler]


def of_prompts(*prompts, lengths=None):
    """A row for each number of a prompt, each longer than the one before unless `lengths` say otherwise."""
    lengths = lengths or range(1, len(prompts) + 1)
    return [
        EncodedRow(SampleId(0, i), StepsEncoding([5] * length, [-100] * (length - 1) + [1]), None, prompt=prompt)
        for i, (prompt, length) in enumerate(zip(prompts, lengths, strict=True))
    ]


def of_processes(rows, processes, micro, accumulation, **how):
    """The schedule of each process."""
    how = {"seed": 5, "shuffle_by": "row", "packed": True} | how
    seed = how.pop("seed")
    return [list(schedule_of(rows, Share(micro, accumulation, processes, p), seed, **how)) for p in range(processes)]


def global_batches(schedules, accumulation):
    """The rows of each step, over all processes and micro-batches."""
    micro_batches = list(zip(*schedules, strict=True))
    steps = [micro_batches[i : i + accumulation] for i in range(0, len(micro_batches), accumulation)]
    return [{slot.index for share in step for batch in share for slot in batch if not slot.filler} for step in steps]


@pytest.mark.parametrize("shuffle_by", ["row", "prompt"])
@pytest.mark.parametrize("rows", [1, 2, 7, 8, 9, 16, 23])
@pytest.mark.parametrize(("micro", "processes"), [(1, 1), (2, 1), (4, 1), (2, 2), (1, 3)])
def test_each_row_is_seen_once_by_one_process(rows, micro, processes, shuffle_by):
    of_three = of_prompts(*(1 + i // 3 for i in range(rows)))
    for packed in (True, False):
        schedules = of_processes(of_three, processes, micro, 2, shuffle_by=shuffle_by, packed=packed)
        slots = chain.from_iterable(chain.from_iterable(schedules))
        assert sorted(slot.index for slot in slots if not slot.filler) == list(range(rows))
        assert {len(schedule) for schedule in schedules} == {len(schedules[0])}


@pytest.mark.parametrize("shuffle_by", ["row", "prompt"])
@pytest.mark.parametrize("packed", [True, False])
def test_global_batches_do_not_depend_on_the_number_of_processes(shuffle_by, packed):
    rows = of_prompts(*(1 + i % 5 for i in range(22)))

    def batches(micro, accumulation, processes):
        schedules = of_processes(rows, processes, micro, accumulation, shuffle_by=shuffle_by, packed=packed)
        return global_batches(schedules, accumulation)

    assert batches(8, 1, 1) == batches(4, 2, 1) == batches(4, 1, 2) == batches(2, 2, 2)


def test_a_process_without_rows_gets_a_filler():
    last = list(Schedule(5, Share(2, 1, 2, 1), seed=None))[-1]
    assert [slot.filler for slot in last] == [True]


@pytest.mark.parametrize("prompts", [None, np.arange(50) // 4])
def test_epochs_differ_and_come_back(prompts):
    schedule = Schedule(50, Share(4), seed=1, prompts=prompts)
    first = rows_of(schedule)
    schedule.set_epoch(1)
    second = rows_of(schedule)
    schedule.set_epoch(0)
    assert first != second
    assert rows_of(schedule) == first


def test_without_a_seed_rows_keep_their_order():
    assert rows_of(Schedule(5, Share(2), seed=None)) == [0, 1, 2, 3, 4]


def test_prompts_are_shuffled_and_their_rows_among_themselves():
    prompts = np.array([9, 4, 7] * 20)
    order = epoch_order(60, 3, 0, prompts)
    runs = 1 + sum(one != other for one, other in pairwise(prompts[order]))
    assert sorted(order) == list(range(60))
    assert runs == 3
    assert list(order) != sorted(order)
    assert any(list(np.flatnonzero(prompts == p)) != [i for i in order if prompts[i] == p] for p in (9, 4, 7))
    assert len({tuple(prompts[epoch_order(60, 3, epoch, prompts)][::20]) for epoch in range(12)}) > 1


def test_rows_without_a_prompt_are_shuffled_one_by_one():
    rows = of_prompts(0, 0, 8, 0, 8)
    assert len(set(prompts_of(rows))) == 4
    (schedule,) = of_processes(rows, 1, 5, 1, shuffle_by="prompt")
    places = [slot.index for slot in schedule[0]]
    assert abs(places.index(2) - places.index(4)) == 1


def test_rows_of_a_step_that_share_a_prompt_come_into_one_micro_batch():
    rows = of_prompts(*(1 + i % 4 for i in range(16)))
    schedule = list(schedule_of(rows, Share(4, 4), 1, shuffle_by="row", packed=True))
    assert sorted(sorted(slot.index % 4 for slot in batch) for batch in schedule) == [[k] * 4 for k in range(4)]


def test_rows_of_a_step_that_are_padded_lie_beside_those_of_their_length():
    rows = of_prompts(*[0] * 12, lengths=[3, 50, 7] * 4)
    schedule = list(schedule_of(rows, Share(4, 3), 1, shuffle_by="row", packed=False))
    assert [sorted(len(rows[slot.index].encoding.input_ids) for slot in batch) for batch in schedule] == [
        [3] * 4,
        [7] * 4,
        [50] * 4,
    ]
