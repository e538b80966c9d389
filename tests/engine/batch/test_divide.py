import random
from itertools import chain

import pytest

from engine.batch.divide import Computed, divide
from engine.batch.pack import PackCollator
from engine.batch.pad import PadCollator
from engine.batch.schedule import SlottedRow
from engine.encode.encoding import EncodedRow, PairEncoding, StepsEncoding
from engine.sample import SampleId


def rows(count, seed=0, prompts=4):
    """Pairs of several lengths; some of them on one prompt."""
    rng = random.Random(seed)

    def draw(low, high):
        return [rng.randrange(2, 50) for _ in range(rng.randint(low, high))]

    stems = [draw(10, 60) for _ in range(prompts)]
    made = []
    for i in range(count):
        stem = rng.choice(stems)
        chosen, rejected = stem + draw(1, 30), stem + draw(1, 30)
        pair = PairEncoding(chosen, rejected, len(chosen) - 1, len(rejected) - 1, len(stem))
        made.append(SlottedRow(EncodedRow(SampleId(0, i), pair, None), False))
    return made


def ids_of(parts):
    return sorted(slot.row.id.row for slot in chain.from_iterable(parts) if not slot.filler)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 7, 30])
@pytest.mark.parametrize("budget", [50, 200, 10_000])
def test_every_row_is_in_one_micro_batch_of_one_process(packed, processes, count, budget):
    shares = divide(rows(count), budget, packed=packed, processes=processes)
    assert ids_of(chain.from_iterable(shares)) == list(range(count))
    assert len({len(parts) for parts in shares}) == 1
    assert all(part for parts in shares for part in parts)
    assert shares == divide(rows(count), budget, packed=packed, processes=processes)


@pytest.mark.parametrize(("packed", "collate"), [(True, PackCollator()), (False, PadCollator(0))])
def test_no_micro_batch_computes_more_than_the_budget(packed, collate):
    for seed in range(10):
        (parts,) = divide(rows(30, seed), 300, packed=packed)
        computed = [collate(part)["computed"] for part in parts]
        # A beginning too short to be worth sharing lies there twice.
        assert all(at <= 300 + 8 * 2 * len(part) for at, part in zip(computed, parts, strict=True) if len(part) > 1)
        assert sum(computed) > 300 * (len(parts) - 1) / 2


def test_counted_is_what_a_pack_computes():
    made = rows(20)
    counted = Computed(packed=True)
    for row in made:
        counted.add(row)
    computed = PackCollator()(made)["computed"]
    assert computed - 8 * 2 * len(made) <= counted.tokens <= computed


def test_rows_of_one_prompt_come_together():
    stem, other = list(range(2, 42)), list(range(42, 82))
    pairs = [PairEncoding([*prompt, 90 + i], [*prompt, 1], 40, 40, 0) for i in range(4) for prompt in (stem, other)]
    slotted = [SlottedRow(EncodedRow(SampleId(0, i), pair, None), False) for i, pair in enumerate(pairs)]
    (parts,) = divide(slotted, 50, packed=True)
    assert [sorted(slot.row.id.row for slot in part) for part in parts] == [[0, 2, 4, 6], [1, 3, 5, 7]]


def test_a_row_beyond_the_budget_is_alone():
    long = SlottedRow(EncodedRow(SampleId(0, 9), StepsEncoding([5] * 100, [-100] * 99 + [1]), None), False)
    short = [
        SlottedRow(EncodedRow(SampleId(0, i), StepsEncoding([6 + i, 7], [-100, 1]), None), False) for i in range(3)
    ]
    (parts,) = divide([*short, long], 20, packed=True)
    assert sorted(map(len, parts)) == [1, 3]


def test_a_process_without_rows_gets_a_filler():
    shares = divide(rows(1), 100, packed=True, processes=2)
    assert [[slot.filler for slot in part] for parts in shares for part in parts] == [[False], [True]]
