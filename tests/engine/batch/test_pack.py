import random

import torch

from engine.batch.pack import PackCollator, Tree
from engine.batch.schedule import SlottedRow
from engine.encode.encoding import EncodedRow, PairEncoding, StepsEncoding
from engine.sample import SampleId


def row(encoding):
    return SlottedRow(EncodedRow(SampleId(0, 0), encoding, None), False)


def path_of(tree, sequence):
    """The tokens and positions that a sequence's tokens find at their places in the pack."""
    places = [tree.place(sequence, position) for position in range(len(tree._sequences[sequence]))]
    return [tree.ids[place] for place in places], [tree.positions[place] for place in places]


def test_a_shared_prompt_lies_there_once():
    prompt = list(range(100, 120))
    tree = Tree([[*prompt, 1, 2], [*prompt, 3]])
    assert tree.ids == [*prompt, 1, 2, 3]
    assert tree.positions == [*range(22), 20]
    assert [(s.length, s.ancestors, s.depth) for s in tree.segments] == [(20, (), 0), (2, (0,), 20), (1, (0,), 20)]


def test_a_beginning_that_saves_nothing_is_not_shared():
    assert Tree([[1, 2, 3], [1, 2, 4]]).ids == [1, 2, 3, 1, 2, 4]


def test_equal_sequences_and_prefixes_of_each_other():
    long = list(range(50, 70))
    tree = Tree([long, long[:12], long, long[:12]])
    assert tree.ids == long
    assert tree.place(1, 11) == tree.place(3, 11) == tree.place(0, 11) == 11


def test_traces_of_one_prompt_share_what_they_begin_with():
    prompt, step = list(range(30)), list(range(40, 52))
    tree = Tree([[*prompt, *step, 1], [*prompt, *step, 2], [*prompt, 60]])
    assert len(tree.ids) == 30 + 12 + 3
    assert sorted(len(segment.ancestors) for segment in tree.segments) == [0, 1, 1, 2, 2]


def test_every_token_keeps_its_sequence_and_its_position():
    rng = random.Random(0)
    for _ in range(200):
        stems = [[rng.randrange(3) for _ in range(rng.randint(0, 15))] for _ in range(2)]
        sequences = [rng.choice(stems) + [rng.randrange(3) for _ in range(rng.randint(1, 12))] for _ in range(6)]
        tree = Tree(sequences)
        for index, ids in enumerate(sequences):
            found, positions = path_of(tree, index)
            assert found == ids
            assert positions == list(range(len(ids)))
        assert len(tree.ids) == sum(segment.length for segment in tree.segments)


def test_ancestors_are_the_tokens_before():
    prompt = list(range(100, 130))
    tree = Tree([[*prompt, 1, 2], [*prompt, 3, 4], [5, 6, 7]])
    starts = [0]
    for segment in tree.segments:
        starts.append(starts[-1] + segment.length)
    for index, segment in enumerate(tree.segments):
        above = [tree.ids[starts[a] + i] for a in segment.ancestors for i in range(tree.segments[a].length)]
        assert len(above) == segment.depth
        assert tree.positions[starts[index]] == segment.depth


def test_pairs_are_read_chosen_then_rejected():
    prompt = list(range(10, 30))
    chosen, rejected = [*prompt, 1, 2], [*prompt, 3]
    batch = PackCollator()([row(PairEncoding(chosen, rejected, 21, 20, 20)), row(PairEncoding([7], [8, 9], 0, 1, 0))])
    assert batch["input_ids"][0, batch["read"]].tolist() == [2, 7, 3, 9]
    assert batch["pack"].kept[batch["pack"].rank].equal(batch["read"])
    assert sum(batch["pack"].kept_by_segment) == len(batch["pack"].kept) == 4
    assert (batch["tokens"], batch["computed"], batch["padding"]) == (46, 26, 0)


def test_two_pairs_on_one_answer_read_it_once():
    prompt = list(range(10, 30))
    best, worse, worst = [*prompt, 1], [*prompt, 2], [*prompt, 3]
    pairs = [PairEncoding(a, b, 20, 20, 20) for a, b in ((best, worse), (best, worst), (worse, worst))]
    batch = PackCollator()([row(pair) for pair in pairs])
    assert batch["computed"] == 23
    assert len(batch["pack"].kept) == 3
    assert batch["input_ids"][0, batch["read"]].tolist() == [1, 1, 2, 2, 3, 3]


def test_steps_keep_their_labels():
    steps = [StepsEncoding([1, 2, 3], [-100, 1, 0]), StepsEncoding([4, 5], [-100, 0.5])]
    batch = PackCollator()([row(s) for s in steps])
    assert batch["input_ids"][0, batch["read"]].tolist() == [2, 3, 5]
    torch.testing.assert_close(batch["labels"], torch.tensor([1, 0, 0.5]))


def test_what_follows_the_last_token_read_is_not_computed():
    steps = [StepsEncoding([1, 2, 3, 4, 5], [-100, 1, 0, -100, -100]), StepsEncoding([6, 7], [-100, 1])]
    batch = PackCollator()([row(s) for s in steps])
    assert batch["input_ids"].tolist() == [[1, 2, 3, 6, 7]]
    assert batch["input_ids"][0, batch["read"]].tolist() == [2, 3, 7]
    assert (batch["tokens"], batch["computed"]) == (7, 5)
